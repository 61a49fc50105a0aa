"""Ids in bodies and queries: another person's thing is not found, refused, or shows nothing.

Which fields these are is in `tests/contract/test_request_models.py`.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.bodies import VALID_BODIES
from tests.support.files import unique_picture, upload
from tests.support.images import PDF
from tests.support.shop import Client, Reply, Shop, eventually, new_key

PRICE = {"amount": 500, "currency": "USD"}


@dataclass
class Seller:
    """A vendor with a product, and the customer who bought and reviewed it."""

    client: Client
    id: str
    product_id: str
    sku: str
    buyer: Client
    order_id: str


def new_sku() -> str:
    return f"I-{new_key()[:12].upper()}"


def product(sku: str, **fields: Any) -> dict[str, Any]:
    return {
        "title": f"Of {sku}",
        "status": "active",
        "variants": [{"sku": sku, "price": PRICE, "weight_g": 10}],
    } | fields


def id_of(client: Client) -> str:
    return str(client("GET", "/auth/me").data["id"])


def refusal(reply: Reply) -> tuple[int, str, list[str]]:
    return reply.status, reply.code, [detail["field"] for detail in reply.error["details"]]


@pytest.fixture(scope="module")
def seller(shop: Shop) -> Seller:
    client, sku = shop.member("VENDOR"), new_sku()
    product_id = client("POST", "/products", product(sku), key=new_key()).data["id"]
    assert client("POST", f"/inventory/{sku}/adjust", {"delta": 9, "reason": "first"}, key=new_key()).status == 200
    buyer = shop.customer()
    assert eventually(lambda: buyer.add(sku).status == 201)
    order = buyer.order()
    assert order.status == 201, order
    written = buyer("POST", f"/products/{product_id}/reviews", VALID_BODIES["submit_review"])
    assert written.status == 201, written
    return Seller(client, id_of(client), product_id, sku, buyer, order.data["id"])


@pytest.fixture(scope="module")
def other(shop: Shop) -> Client:
    """Another vendor, with a draft."""
    return shop.member("VENDOR", "CUSTOMER")


@pytest.fixture(scope="module")
def draft(other: Client) -> str:
    body = product(new_sku(), status="draft", options=[{"name": "Colour", "values": ["Red", "Green"]}])
    body["variants"][0]["options"] = {"Colour": "Red"}
    return str(other("POST", "/products", body, key=new_key()).data["id"])


@pytest.mark.parametrize("purpose", ["product", "document"])
def test_file_of_another_person_is_no_image(seller: Seller, other: Client, draft: str, purpose: str) -> None:
    content = unique_picture() if purpose == "product" else PDF + new_key().encode()
    file_id = upload(seller.client, content, purpose).data["id"]

    reply = other("POST", f"/products/{draft}/images", {"file_id": file_id})

    assert refusal(reply) == (422, "VALIDATION_ERROR", ["file_id"])
    assert other("GET", f"/products/{draft}").data["images"] == []


def test_file_of_another_person_is_no_picture_of_a_review(seller: Seller, shop: Shop) -> None:
    stranger, review = shop.customer(), VALID_BODIES["submit_review"]
    files = [
        upload(seller.buyer, unique_picture(), "review").data["id"],
        upload(seller.buyer, PDF + new_key().encode(), "document").data["id"],
    ]
    path = f"/products/{seller.product_id}/reviews"

    for file_id in files:
        assert refusal(stranger("POST", path, review | {"images": [file_id]}))[::2] == (422, ["images.0"])
    own = stranger("POST", path, review)
    assert own.status == 201, own
    for file_id in files:
        edited = stranger("PATCH", f"/reviews/{own.data['id']}", {"images": [file_id]})
        assert refusal(edited)[::2] == (422, ["images.0"])
    assert stranger("GET", f"/reviews/{own.data['id']}").data["images"] == []


@pytest.mark.parametrize(("method", "path"), [("POST", "/products"), ("PUT", "/products/{draft}")])
def test_sku_of_another_vendor_is_a_conflict(seller: Seller, other: Client, draft: str, method: str, path: str) -> None:
    reply = other(method, path.format(draft=draft), product(seller.sku), key=new_key())
    variant = {"sku": seller.sku, "price": PRICE, "options": {"Colour": "Green"}}
    added = other("POST", f"/products/{draft}/variants", variant)
    patched = other("PATCH", f"/products/{draft}", {"variants": [variant]})

    assert {answer.status for answer in (reply, added, patched)} == {409}
    unchanged = seller.client("GET", f"/products/{seller.product_id}").data
    assert (unchanged["variants"][0]["sku"], unchanged["variants"][0]["price"], unchanged["vendor_id"]) == (
        seller.sku,
        PRICE,
        seller.id,
    )


@pytest.mark.parametrize(("method", "body"), [("PUT", product("I-GIFT")), ("PATCH", {"title": "A gift"})])
def test_product_is_not_given_to_another_vendor(
    seller: Seller, other: Client, draft: str, method: str, body: dict[str, Any]
) -> None:
    reply = other(method, f"/products/{draft}", body | {"vendor_id": seller.id})

    assert refusal(reply) == (403, "FORBIDDEN", ["vendor_id"])
    assert other("GET", f"/products/{draft}").data["vendor_id"] == id_of(other)


def report_rows(client: Client, filters: dict[str, list[str]]) -> list[Any]:
    created = client("POST", "/analytics/reports", VALID_BODIES["create_report"] | {"filters": filters}, key=new_key())
    assert created.status == 201, created
    path = f"/analytics/reports/{created.data['id']}"
    assert client("PUT", path, VALID_BODIES["update_report"] | {"filters": filters}).status == 200
    assert client("POST", f"{path}/run").status == 200
    return list(client("GET", f"{path}/result").data["rows"])


def test_report_on_another_vendor_is_empty(seller: Seller, other: Client) -> None:
    of_product, of_vendor = {"product": [seller.product_id]}, {"vendor": [seller.id]}
    assert eventually(lambda: report_rows(seller.client, of_product), every=1)

    assert report_rows(seller.client, of_vendor) == report_rows(seller.client, of_product)
    assert report_rows(other, of_product) == []
    assert report_rows(other, of_vendor) == []
    body = VALID_BODIES["create_report"] | {"filters": {"customer": [id_of(seller.buyer)]}}
    for vendor in (other, seller.client):
        reply = vendor("POST", "/analytics/reports", body, key=new_key())
        assert refusal(reply) == (422, "VALIDATION_ERROR", ["filters.customer"])


def test_lines_of_another_order_are_neither_cancelled_nor_sent(seller: Seller, other: Client, shop: Shop) -> None:
    buyer, sku = shop.customer(), shop.product(stock=3)
    buyer.add(sku)
    own = buyer.order().data["id"]

    cancelled = buyer("POST", f"/orders/{own}/cancel", {"lines": [{"sku": seller.sku, "quantity": 1}]}, key=new_key())
    items = [{"sku": sku, "quantity": 1}]
    sent = seller.client("POST", "/shipments", {"order_id": seller.order_id, "items": items}, key=new_key())
    foreign = other("POST", "/shipments", {"order_id": seller.order_id}, key=new_key())

    assert refusal(cancelled)[::2] == (422, ["lines.0.sku"])
    assert refusal(sent)[::2] == (422, ["items.0.sku"])
    assert (foreign.status, foreign.code) == (404, "NOT_FOUND")


def test_filters_of_lists_show_own_things_only(seller: Seller, other: Client) -> None:
    document = upload(seller.buyer, PDF + new_key().encode(), "document").data["id"]
    drafted = seller.client("POST", "/products", product(new_sku(), status="draft"), key=new_key()).data["id"]
    buyer = id_of(seller.buyer)

    for query in (f"user_id={buyer}", "email=ada@example.com"):
        assert refusal(other("GET", f"/orders?{query}"))[:2] == (422, "VALIDATION_ERROR")
    replies = [
        other("GET", f"/files?owner={buyer}"),
        other("GET", f"/products?vendor={seller.id}&status=draft"),
        other("GET", f"/reviews?product={seller.product_id}"),
    ]

    assert [reply.status for reply in replies] == [200] * 3
    for secret in (document, drafted, buyer, seller.sku):
        assert all(secret.encode() not in reply.raw for reply in replies), secret
