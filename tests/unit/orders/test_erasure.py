"""Removal of the customer from an order's events."""

from typing import Any

from schemas.events import orders as _orders  # noqa: F401 - registers them
from schemas.events.base import EVENTS
from services.orders.domain.erasure import without_person

ADDRESS = {
    "name": "Ada Byron",
    "line1": "12 Square",
    "line2": "c/o Babbage",
    "city": "Springfield",
    "region": "OR",
    "postal_code": "97477",
    "country": "US",
    "phone": "+1 555",
}


def placed(**data: Any) -> dict[str, Any]:
    fields = {"order_id": "o-1", "email": "ada@example.com", "note": "ring twice", "items": [{"sku": "MUG"}]}
    addresses = {"shipping_address": ADDRESS, "billing_address": ADDRESS}
    return {"type": "order_placed", "id": "e-1", "time": "2026-01-31T12:00:00Z", "data": fields | addresses | data}


def test_person_is_removed_and_the_rest_stays() -> None:
    before = placed()

    after = without_person(before, "x@erased.invalid", "Former customer")

    assert not {word for word in ("Ada", "Square", "Babbage", "97477", "555", "ring") if word in str(after)}
    assert after["data"]["email"] == "x@erased.invalid"
    assert after["data"]["items"] == [{"sku": "MUG"}]
    assert after["data"]["billing_address"]["country"] == "US"
    assert (after["id"], after["time"]) == (before["id"], before["time"])


def test_removal_is_idempotent() -> None:
    once = without_person(placed(), "x@erased.invalid", "Former customer")

    assert without_person(once, "x@erased.invalid", "Former customer") == once


def test_reasons_of_the_shop_stay() -> None:
    failed = {"type": "order_failed", "data": {"email": "ada@example.com", "reason": "Not enough stock"}}
    cancelled = {"type": "order_cancelled", "data": {"email": "ada@example.com", "reason": "my dog ate it"}}

    kept, removed = (without_person(event, "x@erased.invalid", "") for event in (failed, cancelled))

    assert (kept["data"]["reason"], removed["data"]["reason"]) == ("Not enough stock", None)


def test_no_event_of_orders_has_other_personal_fields() -> None:
    """A new field with an address or a name must be added to the removal."""
    fields = {name for (source, _), event in EVENTS.items() if source == "orders" for name in event.model_fields}

    personal = {name for name in fields if any(word in name for word in ("email", "address", "name", "phone", "note"))}

    assert personal == {"email", "shipping_address", "billing_address", "note"}
