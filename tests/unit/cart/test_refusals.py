"""What the cart service answers when a line is not put into a cart, and what a line keeps of the product."""

from typing import Any

import pytest

from schemas.api.products import PricedSku
from services.cart.domain import Cart, Line, checkout, not_in_cart, refusal, sellable, snapshot, view
from services.chassis.common.errors import NotFound, OutOfStock, ValidationFailed

PRODUCT = "0197a000-0000-7000-8000-00000000000e"
FACTS: dict[str, Any] = {
    "sku": "MUG",
    "product_id": PRODUCT,
    "title": "Mug",
    "thumbnail": "/mug.jpg",
    "unit_price": 700,
    "currency": "EUR",
    "weight_g": 380,
    "available": 2,
    "active": True,
    "tax_rate_bp": 1900,
    "category": "kitchen",
    "vendor_id": "v-1",
}


def fact(**changes: Any) -> PricedSku:
    return PricedSku.model_validate(FACTS | changes)


def cart(*lines: Line, currency: str = "EUR") -> Cart:
    return Cart("c" * 32, 3, currency, "2026-05-04T12:00:00Z", lines)


def line(sku: str = "MUG", quantity: int = 1, unit_price: int = 700) -> Line:
    return Line(sku, quantity, unit_price, "p-1", f"The {sku}", None, 1)


@pytest.mark.parametrize(
    ("reason", "error", "details"),
    [
        ("stock", OutOfStock, [{"sku": "MUG", "requested": 5, "available": 2}]),
        ("quantity", ValidationFailed, [{"field": "quantity", "message": "at most 10000 of one SKU go into a cart"}]),
        ("lines", ValidationFailed, [{"field": "sku", "message": "at most 100 different SKUs go into a cart"}]),
        ("currency", ValidationFailed, [{"field": "sku", "message": "is sold in EUR, the cart is in USD"}]),
    ],
)
def test_refusal_names_the_field_and_the_limit(reason: str, error: type[Exception], details: list[Any]) -> None:
    refused = refusal(reason, fact(), 5, "USD")

    assert type(refused) is error
    assert refused.details == details


def test_sku_that_is_not_in_the_cart_is_named() -> None:
    assert not_in_cart("MUG").details == [{"field": "sku", "message": "is not in the cart"}]
    assert "MUG" in str(not_in_cart("MUG"))


def test_line_keeps_what_the_product_was_called_and_cost() -> None:
    assert snapshot(fact()) == {"unit_price": 700, "product_id": PRODUCT, "title": "Mug", "thumbnail": "/mug.jpg"}


def test_only_active_products_are_sold() -> None:
    assert sellable("MUG", {"MUG": fact()}) == fact()
    for priced in ({}, {"MUG": fact(active=False)}):
        with pytest.raises(NotFound) as refused:
            sellable("MUG", priced)
        assert refused.value.details == [{"field": "sku", "message": "is not for sale", "sku": "MUG"}]


def test_checkout_takes_over_all_facts_of_a_line() -> None:
    taken = checkout(cart(line(quantity=3)), {"MUG": fact()}, "USD")

    facts = {name: FACTS[name] for name in FACTS if name not in ("active", "currency")}
    assert taken == {
        "cart_id": "c" * 32,
        "version": 3,
        "currency": "EUR",
        "lines": [facts | {"quantity": 3, "line_total": 2100}],
        "subtotal": 2100,
        "weight_g": 1140,
        "unavailable": [],
    }
    assert checkout(None, {}, "USD") == {
        "cart_id": None,
        "version": 0,
        "currency": "USD",
        "lines": [],
        "subtotal": 0,
        "weight_g": 0,
        "unavailable": [],
    }


@pytest.mark.parametrize("change", [{"active": False}, {"currency": "USD"}])
def test_checkout_goes_on_after_a_line_that_is_not_sold(change: dict[str, Any]) -> None:
    priced = {"OLD": fact(sku="OLD", **change), "MUG": fact()}

    taken = checkout(cart(line("OLD"), line("GONE"), line()), priced, "EUR")

    assert taken["unavailable"] == ["OLD", "GONE"]
    assert [each["sku"] for each in taken["lines"]] == ["MUG"]


def test_view_warns_of_each_line_in_words() -> None:
    priced = {
        "OUT": fact(sku="OUT", title="Out", available=0),
        "DEAR": fact(sku="DEAR", title="Dear", unit_price=900),
        "FEW": fact(sku="FEW", title="Few", available=1),
    }

    shown = view(cart(line("GONE"), line("OUT"), line("DEAR"), line("FEW", 2)), priced, "EUR")

    assert [(each["code"], each["sku"], each["message"]) for each in shown["warnings"]] == [
        ("UNAVAILABLE", "GONE", "The GONE is no longer for sale"),
        ("OUT_OF_STOCK", "OUT", "Out is out of stock"),
        ("PRICE_CHANGED", "DEAR", "The price of Dear has changed"),
        ("LOW_AVAILABILITY", "FEW", "Only 1 of Few left"),
    ]
    assert (shown["id"], shown["updated_at"]) == ("c" * 32, "2026-05-04T12:00:00Z")
    assert shown["discount_total"] == {"amount": 0, "currency": "EUR"}
    assert [item["available"] for item in shown["items"]] == [0, 0, 2, 1]
