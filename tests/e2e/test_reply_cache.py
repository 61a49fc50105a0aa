"""Cached replies through nginx: their headers, who gets none, and how soon a change is seen under load."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support.shop import Shop, eventually, new_key

LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
SEEN_SECONDS = 1.0
"""Within which everybody sees a change after its commit."""
INDEXED_SECONDS = 2.0
"""The same for search, whose index shows changes twice a second only."""
CHANGES = 6
READERS = 3


def fetch(shop: Shop, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{shop.url}/api/v1{path}", headers=headers, timeout=60)


def is_reused(reply: requests.Response) -> bool:
    """Whether nginx sent a reply again: it tells nobody the limits of another client."""
    return reply.status_code in (200, 304) and not any(name in reply.headers for name in LIMITS)


@pytest.fixture
def product(shop: Shop) -> dict[str, Any]:
    body = {
        "title": f"Cached {new_key()}",
        "status": "active",
        "variants": [{"sku": f"CACHED-{new_key()}", "price": {"amount": 1000, "currency": "USD"}}],
    }
    created: dict[str, Any] = shop.admin("POST", "/products", body, key=new_key()).data
    return created


def test_reused_reply_has_the_request_id_of_its_client(shop: Shop, product: dict[str, Any]) -> None:
    path = f"/products/{product['id']}"
    first = fetch(shop, path)

    def reused() -> requests.Response | None:
        reply = fetch(shop, path, **{"X-Request-Id": "mine"})
        return reply if is_reused(reply) else None

    again = eventually(reused)
    unchanged = fetch(shop, path, **{"If-None-Match": again.headers["ETag"]})

    assert again.headers["X-Request-Id"] == "mine"
    assert (again.content, again.headers["ETag"]) == (first.content, first.headers["ETag"])
    assert again.headers["Cache-Control"] == "no-cache"
    assert "X-Accel-Expires" not in first.headers
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_personal_request_gets_no_reused_reply(shop: Shop, product: dict[str, Any]) -> None:
    path = f"/products/{product['id']}"
    personal = [
        {"Authorization": shop.customer().authorization},
        {"X-Cart-Id": "0123456789abcdef"},
        {"Cookie": "session=1"},
        {"Origin": "https://shop.example"},
        {"Cache-Control": "no-cache"},
    ]
    eventually(lambda: is_reused(fetch(shop, path)))

    for headers in personal:
        reply = fetch(shop, path, **headers)
        assert (reply.status_code, is_reused(reply)) == (200, False), headers


def test_draft_is_shown_to_its_owner_only(shop: Shop, product: dict[str, Any]) -> None:
    path = f"/products/{product['id']}"
    assert fetch(shop, path).status_code == 200

    shop.admin("PATCH", path, {"status": "draft"})

    assert shop.admin("GET", path).data["status"] == "draft"
    eventually(lambda: fetch(shop, path).status_code == 404)
    assert shop.admin("GET", path).data["status"] == "draft"
    assert fetch(shop, path).status_code == 404


def price_in_detail(reply: Any) -> int:
    amount: int = reply["data"]["price"]["amount"]
    return amount


def price_in_list(reply: Any) -> int:
    amount: int = reply["data"][0]["price"]["amount"]
    return amount


def stock_in_detail(reply: Any) -> int:
    units: int = reply["data"]["variants"][0]["available"]
    return units


@pytest.mark.parametrize(
    ("path", "changed", "value", "seconds"),
    [
        ("/products/{id}", "price", price_in_detail, SEEN_SECONDS),
        ("/products/{slug}", "stock", stock_in_detail, SEEN_SECONDS),
        ("/products?q={title}", "price", price_in_list, SEEN_SECONDS),
        ("/search?q={title}", "price", lambda reply: price_in_list({"data": reply["data"]["items"]}), INDEXED_SECONDS),
    ],
)
def test_change_is_seen_by_everybody_under_load(
    shop: Shop, product: dict[str, Any], path: str, changed: str, value: Callable[[Any], int], seconds: float
) -> None:
    """Values grow, so a read that began a second after a change, or later, shows at least its value."""
    url = path.format(**product)
    sku = product["variants"][0]["sku"]
    eventually(lambda: fetch(shop, url).json()["data"] not in ([], {}) and value(fetch(shop, url).json()) is not None)
    ended = threading.Event()

    def read() -> list[tuple[float, int]]:
        values, session = [], requests.Session()
        while not ended.is_set():
            began = time.monotonic()
            values.append((began, value(session.get(f"{shop.url}/api/v1{url}", timeout=60).json())))
        return values

    changes = []
    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(read) for _ in range(READERS)]
        for number in range(1, CHANGES + 1):
            if changed == "price":
                variant = {"sku": sku, "price": {"amount": 1000 + number, "currency": "USD"}}
                current = shop.admin("PATCH", f"/products/{product['id']}", {"variants": [variant]}).data["price"][
                    "amount"
                ]
            else:
                current = shop.adjust(sku, 1)["available"]
            changes.append((time.monotonic(), current))
            ended.wait(0.25)
        ended.wait(seconds + 0.2)
        ended.set()
        reads = [each for reader in readers for each in reader.result(60)]

    late = [
        (round(began - at, 3), current, read_value)
        for at, current in changes
        for began, read_value in reads
        if began > at + seconds and read_value < current
    ]
    assert late == []
    assert max(reads)[1] == changes[-1][1]
