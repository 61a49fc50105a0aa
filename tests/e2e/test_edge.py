"""The edge of the instance: clients' addresses, rate limits and headers through nginx, TLS, the docs page's policy."""

import os
import re

import pytest
import requests

from tests.support.shop import Shop, eventually, new_key

SPOOFED = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
HEADERS = (
    "X-Request-Id",
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Permissions-Policy",
    "Cross-Origin-Resource-Policy",
)


def test_forwarded_headers_of_clients_change_no_count(shop: Shop) -> None:
    guest, body = shop.guest(), {"email": "nobody@example.com", "password": "wrong"}

    replies = [
        guest("POST", "/auth/login", body, headers=SPOOFED | {"X-Forwarded-For": f"203.0.113.{number}"})
        for number in range(3)
    ]

    remaining = [int(reply.headers["RateLimit-Remaining"]) for reply in replies]
    assert [reply.status for reply in replies] == [401] * 3
    assert remaining == sorted(remaining, reverse=True)
    assert remaining[0] - remaining[2] >= 2


def test_audit_has_the_address_that_nginx_determined(shop: Shop) -> None:
    sku = shop.product(stock=0)
    request_id = new_key()
    adjustment = {"delta": 1, "reason": "test"}
    headers = SPOOFED | {"X-Request-Id": request_id}
    assert shop.admin("POST", f"/inventory/{sku}/adjust", adjustment, key=new_key(), headers=headers).status == 200

    def entries() -> list[dict[str, str]]:
        path = f"/audit?resource_id={sku}"
        return [entry for entry in shop.admin("GET", path).data if entry["request_id"] == request_id]

    assert [entry["ip"] for entry in eventually(entries)] == ["127.0.0.1"]


def test_replies_tell_what_is_left_of_the_limit(shop: Shop) -> None:
    customer = shop.customer()

    for method, path, limit in (("GET", "/products?limit=1", 60_000), ("DELETE", "/cart", 60_000)):
        headers = customer(method, path).headers

        assert int(headers["RateLimit-Limit"]) >= limit
        assert 0 <= int(headers["RateLimit-Remaining"]) < int(headers["RateLimit-Limit"])
        assert 1 <= int(headers["RateLimit-Reset"]) <= 60


@pytest.mark.parametrize("path", ["/api/v1/products", "/api/v1/nothing", "/nothing", "/docs", "/health/live", "/x%00"])
def test_every_reply_has_security_headers(shop: Shop, path: str) -> None:
    reply = requests.get(shop.url + path, timeout=60)

    assert [name for name in HEADERS if not reply.headers.get(name)] == []
    assert "Strict-Transport-Security" not in reply.headers


def test_tls_is_for_clients_that_trust_the_authority(shop: Shop) -> None:
    url = f"{os.environ['ULTRAMARKET_TLS_URL']}/api/v1/products?limit=1"

    reply = requests.get(url, verify=os.environ["ULTRAMARKET_CA_FILE"], timeout=60)

    assert (reply.status_code, reply.json()["success"]) == (200, True)
    assert int(reply.headers["Strict-Transport-Security"].removeprefix("max-age=")) > 0
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(url, timeout=60)


def test_policy_of_the_docs_page_allows_its_scripts(shop: Shop) -> None:
    reply = requests.get(f"{shop.url}/docs", timeout=60)

    [policy] = re.findall(r"script-src ([^;]*);", reply.headers["Content-Security-Policy"])
    assert policy == "'self'"
    assert "<script>" not in reply.text
    assert len(re.findall(r'<script src="/docs/assets/', reply.text)) == reply.text.count("<script")


def test_refused_method_has_our_envelope(shop: Shop) -> None:
    reply = requests.request("TRACE", f"{shop.url}/api/v1/products", timeout=60)

    assert (reply.status_code, reply.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
