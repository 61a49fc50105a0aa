"""Attacks over HTTP that must change nothing: fields and JSON that nobody may send, forms, look-alike addresses."""

import gzip
import socket
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.existing_customer import ExistingCustomer
from tests.support.files import BOUNDARY
from tests.support.mailbox import mails_to, wait_for_mail
from tests.support.shop import ADDRESS, Client, Shop, new_key

PRIVILEGES: dict[str, Any] = {
    "roles": ["ADMIN"],
    "status": "confirmed",
    "email_verified": True,
    "id": "0197b1c8-7a5e-7cc0-9f00-000000000001",
    "user_id": "0197b1c8-7a5e-7cc0-9f00-000000000001",
    "version": 99,
    "unit_price": {"amount": 1, "currency": "USD"},
    "total": {"amount": 1, "currency": "USD"},
    "caller": {"roles": ["ADMIN"]},
    "__proto__": {"roles": ["ADMIN"]},
}
"""Fields that would give a caller more than is theirs, if a route took them."""
ORDER = {
    "shipping_address": ADDRESS,
    "shipping_method": "standard",
    "payment_method": {"provider": "sandbox", "token": "pm_card_visa"},
}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/users/me", {"first_name": "A", "last_name": "B"}),
        ("POST", "/users/me/addresses", ADDRESS),
        ("PUT", "/users/me/addresses/{address}", ADDRESS),
        ("POST", "/cart/items", {"sku": "{sku}", "quantity": 1}),
        ("PATCH", "/cart/items/{sku}", {"quantity": 1}),
        ("POST", "/orders", ORDER),
        ("POST", "/orders/{order}/cancel", {"reason": "x"}),
        ("POST", "/products/{product}/reviews", {"rating": 5, "title": "x", "text": "Good enough for me."}),
    ],
)
def test_privileged_fields_are_refused_by_name(
    unchanged: ExistingCustomer, method: str, path: str, body: dict[str, Any]
) -> None:
    ids = {
        "address": unchanged.address_id,
        "order": unchanged.order_id,
        "product": unchanged.product_id,
        "sku": unchanged.sku,
    }
    sent = {name: value.format(**ids) if isinstance(value, str) else value for name, value in body.items()}

    for name, value in PRIVILEGES.items():
        reply = unchanged.client(method, path.format(**ids), sent | {name: value}, key=new_key())

        assert (reply.status, reply.code) == (422, "VALIDATION_ERROR"), name
        assert name in [detail["field"] for detail in reply.error["details"]]


def test_registration_takes_no_privileges(shop: Shop) -> None:
    person = {"email": f"{new_key()}@example.com", "password": "correct horse battery"}
    person |= {"first_name": "A", "last_name": "B"}

    for name, value in PRIVILEGES.items():
        assert shop.guest()("POST", "/auth/register", person | {name: value}).status == 422, name


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b'{"sku": "X", "quantity": 1e400}', {}),
        (b'{"sku": "X", "quantity": -0}', {}),
        (b'{"sku": "X", "quantity": 1' + b"0" * 5_000 + b"}", {}),
        (b'{"sku": "\\ud800", "quantity": 1}', {}),
        (b'\xef\xbb\xbf{"sku": "X", "quantity": 1}', {}),
        (b'{"sku":' * 100_000, {}),
        (b"[" * 100_000 + b"]" * 100_000, {}),
        (b'{"sku": "' + b"x" * 10_000_000 + b'"}', {}),
        (gzip.compress(b" " * 50_000_000), {"Content-Encoding": "gzip"}),
    ],
    ids=["infinity", "minus zero", "huge", "surrogate", "BOM", "nested objects", "nested lists", "10 MB", "gzip bomb"],
)  # fmt: skip
def test_hostile_json_is_refused(unchanged: ExistingCustomer, data: bytes, headers: dict[str, str]) -> None:
    reply = unchanged.client("POST", "/cart/items", data=data, headers={"Content-Type": "application/json"} | headers)

    assert reply.status in (400, 413, 415, 422)


def part(name: str, value: bytes = b"x", headers: bytes = b"") -> bytes:
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n'.encode()
        + headers
        + b"\r\n"
        + value
        + b"\r\n"
    )


END = f"--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"".join(part(f"p{number}") for number in range(20_000)) + END, {}),
        (part("file", headers=b"".join(b"X-%d: a\r\n" % number for number in range(50_000))) + END, {}),
        (part("purpose", b"x" * 3_000_000) + END, {}),
        (part("purpose", b"review") * 2 + END, {}),
        (b"\r\n" * 500_000, {}),
        (part("file")[:-10], {}),
        (gzip.compress(part("file", b" " * 50_000_000) + END), {"Content-Encoding": "gzip"}),
        (END, {"Content-Type": "multipart/form-data"}),
        (END, {"Content-Type": "multipart/form-data; boundary=" + "y" * 5_000}),
    ],
    ids=["parts", "headers", "long field", "twice", "preamble", "cut", "gzip bomb", "no boundary", "long boundary"],
)  # fmt: skip
def test_hostile_form_is_refused(customer: Client, data: bytes, headers: dict[str, str]) -> None:
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

    reply = customer("POST", "/files", data=data, headers=kind | headers)

    assert reply.status in (400, 413, 415, 422), reply
    assert customer("GET", "/files").data == []


@pytest.mark.parametrize("path", ["/graphql", "/api/v1/orders", "/api/v1/products/import", "/api/v1/events"])
def test_compressed_body_is_refused_everywhere(shop: Shop, path: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "Idempotency-Key": new_key()}
    headers["Authorization"] = shop.admin.authorization
    bomb = gzip.compress(b" " * 10_000_000)

    reply = requests.post(f"{shop.url}{path}", data=bomb, headers=headers, timeout=60)

    assert reply.status_code == 415


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"])
def test_forms_of_other_sites_are_refused(unchanged: ExistingCustomer, kind: str) -> None:
    for path in ("/cart/items", "/orders", f"/orders/{unchanged.order_id}/cancel", "/users/me/addresses"):
        reply = unchanged.client("POST", path, data=b"{}", key=new_key(), headers={"Content-Type": kind})

        assert (reply.status, reply.code) == (415, "UNSUPPORTED_MEDIA_TYPE"), path


def test_cookies_are_no_credentials(unchanged: ExistingCustomer) -> None:
    """Requests that a page of another site can send without a preflight request, with all cookies that there may be."""
    token = unchanged.client.token
    names = ("access_token_cookie", "access_token", "token", "session", "Authorization", "X-Cart-Id", "jwt", "sid")
    cookies = "; ".join(f"{name}={token}" for name in names)
    kinds = ("application/x-www-form-urlencoded", "text/plain", None)
    stranger = unchanged.shop.guest()

    for method, path in (
        ("GET", "/users/me"),
        ("GET", f"/orders/{unchanged.order_id}"),
        ("POST", f"/orders/{unchanged.order_id}/cancel"),
        ("POST", "/orders"),
        ("POST", "/users/me/addresses"),
        ("POST", "/auth/logout-all"),
    ):
        for kind in kinds:
            headers = {"Cookie": cookies, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
            headers |= {"Content-Type": kind} if kind else {}
            reply = stranger(method, path, data=b"{}", headers=headers, key=new_key())

            assert reply.status in (400, 401, 404, 415, 422), (method, path, reply)
            assert "Access-Control-Allow-Origin" not in reply.headers
    assert unchanged.client("GET", "/auth/me").status == 200


def test_no_reply_sets_a_cookie(customer: Client) -> None:
    for path in ("/auth/me", "/cart", "/products?limit=1"):
        assert "Set-Cookie" not in customer("GET", path).headers


@pytest.mark.parametrize(
    "spelling",
    ["{0}@EXAMPLE.com",
     "{0}@ｅｘａｍｐｌｅ.com", "\u200b{0}@example.com", "{0}\u200d@example.com", "\u202e{0}@example.com",
     "{0}@exam\u00adple.com", '"{0}"@example.com', "{0}(x)@example.com", "{0}@example\u3002com", " {0}@example.com ",
     "{0}@example.com\u0000", "<{0}@example.com>", "\uff41{0}@example.com"],
)  # fmt: skip
def test_look_alike_address_is_the_same_or_refused(shop: Shop, spelling: str) -> None:
    local = f"{uuid.uuid4().hex[:12]}"
    owner = shop.customer(f"{local}@example.com")
    person = {"password": "correct horse battery", "first_name": "A", "last_name": "B"}

    taken = shop.guest()("POST", "/auth/register", person | {"email": spelling.format(local)})

    assert taken.status in (409, 422)
    assert owner("GET", "/auth/me").data["email"] == f"{local}@example.com"


def test_homograph_of_an_address_is_another_account(shop: Shop) -> None:
    local = uuid.uuid4().hex[:12]
    owner, homograph = f"a{local}@example.com", f"a{local}@ex\u0430mple.com"
    shop.customer(owner)

    signed_in = shop.guest()("POST", "/auth/login", {"email": homograph, "password": "correct horse battery"})
    for email in (homograph, f"\u0430{local}@example.com", owner):
        shop.guest()("POST", "/auth/password/forgot", {"email": email})

    assert (signed_in.status, signed_in.code) == (401, "INVALID_CREDENTIALS")
    assert wait_for_mail(owner, "password")["To"] == owner
    for other in (homograph, homograph.replace("ex\u0430mple", "xn--exmple-4nf")):
        assert mails_to(other) == []


@pytest.mark.parametrize("request_id", ["a b", "a\tX-Evil: 1", "é", "<script>"])
def test_request_id_of_a_client_is_echoed_only_if_plain(shop: Shop, request_id: str) -> None:
    reply = shop.guest()("GET", "/products?limit=1", headers={"X-Request-Id": request_id.encode().decode("latin-1")})

    assert "X-Evil" not in reply.headers
    assert reply.headers["X-Request-Id"] != request_id


@pytest.fixture(scope="module")
def customer(shop: Shop) -> Client:
    return shop.customer()


@pytest.mark.parametrize(
    "path",
    ["/api/v1/users/me/../../v1/audit", "/api/v1/users/me/%2e%2e/%2e%2e/audit", "/api/v1/products/..%2f..%2faudit",
     "/api/v1/products/%252e%252e%252faudit", "/api/v1/products/..%5c..%5caudit", "/api/v1/products/%c0%ae%c0%ae/audit",
     "/api/v1/products/..;/audit", "/api/v1/AUDIT", "/api/v1/audit%2f", "/api/v1/audit%00", "/api/v1/audit/.",
     "/api/v1/audit;a=1", "/api/v1//audit", "//api/v1/audit", "/api/v1\\audit", "/./api/v1/./audit", "/api/v1/audit#x",
     "/docs/../api/v1/audit", "/docs/%2e%2e/%2e%2e/etc/passwd", "/docs/..%2f..%2f..%2fetc%2fpasswd",
     "/api/v1/files/..%2f..%2f..%2fetc%2fpasswd", "/schemas/events/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
     "http://evil.example/api/v1/audit", "/api/v1/products/" + "a/" * 2_000],
)  # fmt: skip
def test_spelling_of_a_path_opens_nothing(customer: Client, path: str) -> None:
    """Sent as it stands: clients for HTTP resolve dots before they send."""
    head, _, body = raw_request(customer, path).partition(b"\r\n\r\n")

    assert head.split()[1] in (b"400", b"403", b"404", b"414"), head
    assert b"location:" not in head.lower()
    assert b"root:" not in body
    assert b"actor" not in body


def raw_request(client: Client, path: str) -> bytes:
    url = urlsplit(client.url)
    headers = f"Host: shop\r\nConnection: close\r\nAuthorization: {client.authorization}\r\n"
    reply = b""
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode())
        while part := connection.recv(65_536):
            reply += part
    return reply
