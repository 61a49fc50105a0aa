"""A vendor's view of an order with other vendors' lines; the key to the cart, which nobody is shown."""

from typing import Any

import orjson
import pytest

from schemas.caller import Caller
from tests.service.orders.conftest import ADMIN, Shop
from tests.service.orders.test_fulfilment import POTTER, SMITH, cancel, ship
from tests.support.fake_services import cart_line
from tests.support.orders import ADDRESS

BILLING = ADDRESS | {"name": "Lovelace Ltd", "line1": "9 Ledger Lane"}
OTHERS_VALUES = ("LAMP", "ada@example.com", "Lovelace Ltd", "9 Ledger Lane", "a-cart", "Ring twice", str(SMITH.user_id))
"""Values that the potter must not see: the smith's line, the mail, the billing address, the cart, the note."""


@pytest.fixture
def mixed(shop: Shop) -> dict[str, Any]:
    """A confirmed order of three mugs by the potter and two lamps by the smith, one lamp shipped, one cancelled."""
    shop.inventory.stock = {"MUG": 10, "LAMP": 10}
    shop.cart.lines = [
        cart_line("MUG", 3, 1000, 1000) | {"vendor_id": POTTER.user_id},
        cart_line("LAMP", 2, 2000, 1000) | {"vendor_id": SMITH.user_id},
    ]
    placed = shop.order(billing_address=BILLING, note="Ring twice")
    cancel(shop, placed, LAMP=1)
    ship(shop, placed, SMITH, LAMP=1)
    return placed


def leaks(reply: Any) -> set[str]:
    text = orjson.dumps(reply).decode()
    return {value for value in OTHERS_VALUES if value in text}


def test_vendor_sees_own_lines_and_their_totals(shop: Shop, mixed: dict[str, Any]) -> None:
    ship(shop, mixed, POTTER, MUG=1)

    seen = shop.get_order(order_id=mixed["id"], caller=POTTER)

    amounts = ("subtotal", "discount_total", "shipping_total", "tax_total", "total")
    assert [(item["sku"], item["quantity"], item["shipped"]) for item in seen["items"]] == [("MUG", 3, 1)]
    assert [seen[name]["amount"] for name in amounts] == [3000, 0, 0, 300, 3300]
    assert (seen["email"], seen["payment"], seen["billing_address"], seen["note"]) == (None, None, None, None)
    assert seen["shipping_address"] == mixed["shipping_address"]
    assert [parcel["items"] for parcel in seen["shipments"]] == [[{"sku": "MUG", "quantity": 1}]]
    assert seen["tracking_number"] == seen["shipments"][0]["tracking_number"]
    assert leaks(seen) == set()


def test_vendor_sees_events_of_own_lines(shop: Shop, mixed: dict[str, Any]) -> None:
    ship(shop, mixed, POTTER, MUG=1)
    cancel(shop, mixed, POTTER, MUG=1)

    entries = shop.history(order_id=mixed["id"], caller=POTTER)

    assert [entry["type"] for entry in entries] == [
        "order_placed",
        "order_confirmed",
        "order_processing",
        "order_shipment_requested",
        "order_shipment_created",
        "order_lines_cancellation_requested",
        "order_lines_cancelled",
    ]
    assert entries[-1]["data"]["lines"] == [{"sku": "MUG", "quantity": 1}]
    assert leaks(entries) == set()


def test_vendors_cancellation_reply_has_own_lines(shop: Shop, mixed: dict[str, Any]) -> None:
    reply = cancel(shop, mixed, POTTER, MUG=1)

    assert [(item["sku"], item["cancelled"]) for item in reply["items"]] == [("MUG", 1)]
    assert leaks(reply) == set()


def test_vendor_of_the_whole_order_sees_no_mail_in_status(shop: Shop) -> None:
    shop.cart.lines = [line | {"vendor_id": POTTER.user_id} for line in shop.cart.lines]
    placed = shop.order(note="Ring twice")

    reply = shop.set_status(order_id=placed["id"], status="processing", caller=POTTER)

    assert (reply["status"], reply["note"], len(reply["items"])) == ("processing", "Ring twice", 1)
    assert (reply["email"], reply["payment"], reply["billing_address"]) == (None, None, None)


def test_customer_who_sells_sees_the_own_order_whole(shop: Shop) -> None:
    customer = Caller(user_id=str(POTTER.user_id), roles=["CUSTOMER", "VENDOR"], email="potter@example.com")
    shop.cart.lines = [line | {"vendor_id": POTTER.user_id} for line in shop.cart.lines]
    placed = shop.order(caller=customer, email="potter@example.com")

    seen = shop.get_order(order_id=placed["id"], caller=customer)

    assert (seen["email"], seen["total"]) == ("potter@example.com", placed["total"])
    assert seen["payment"]["status"] == "captured"


def test_nobody_is_shown_the_cart_id(shop: Shop, mixed: dict[str, Any]) -> None:
    readers = {"guest": Caller(order_key=mixed["access_key"]), "admin": ADMIN, "vendor": SMITH}

    histories = {name: shop.history(order_id=mixed["id"], caller=reader) for name, reader in readers.items()}

    shown_to = {name for name, entries in histories.items() if b"a-cart" in orjson.dumps(entries)}
    assert shown_to == set()
    assert histories["guest"][0]["data"]["email"] == "ada@example.com"


def test_events_by_vendor_are_what_each_vendor_sees(shop: Shop, mixed: dict[str, Any]) -> None:
    event_ids = [entry["id"] for entry in shop.history(order_id=mixed["id"], caller=ADMIN)]

    seen = shop.vendor_events(order_id=mixed["id"], event_ids=event_ids)

    for vendor in (POTTER, SMITH):
        own = [
            {"event_id": each["event_id"], "data": each["data"]} for each in seen if each["vendor_id"] == vendor.user_id
        ]
        history = shop.history(order_id=mixed["id"], caller=vendor)
        assert own == [{"event_id": entry["id"], "data": entry["data"]} for entry in history]
    assert {each["vendor_id"] for each in seen} == {POTTER.user_id, SMITH.user_id}
    assert shop.vendor_events(order_id=mixed["id"], event_ids=event_ids[:1])[0]["event_id"] == event_ids[0]
