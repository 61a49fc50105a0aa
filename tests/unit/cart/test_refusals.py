"""Refusals of the cart service with their details, and the product data kept in cart lines and checkout views."""

from typing import Any

import pytest

from schemas.api.variants import PricedSku
from services.cart.domain import Cart, Line, checkout, not_in_cart, refusal, sellable, snapshot, view
from services.chassis.common.errors import NotFound, OutOfStock, ValidationFailed

PRODUCT = "0197a000-0000-7000-8000-00000000000e"
PRODUCT_FIELDS: dict[str, Any] = {
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


def priced_sku(**changes: Any) -> PricedSku:
    return PricedSku.model_validate(PRODUCT_FIELDS | changes)


def cart(*lines: Line, currency: str = "EUR") -> Cart:
    return Cart("c" * 32, 3, currency, "2026-05-04T12:00:00Z", lines)


def line(sku: str = "MUG", quantity: int = 1, unit_price: int = 700) -> Line:
    return Line(sku, quantity, unit_price, "p-1", f"The {sku}", None, 1, unit_price)


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
    refused = refusal(reason, priced_sku(), 5, "USD")

    assert type(refused) is error
    assert refused.details == details


def test_sku_that_is_not_in_the_cart_is_named() -> None:
    assert not_in_cart("MUG").details == [{"field": "sku", "message": "is not in the cart"}]
    assert "MUG" in str(not_in_cart("MUG"))


def test_line_keeps_title_and_price_of_the_product() -> None:
    assert snapshot(priced_sku()) == {"unit_price": 700, "product_id": PRODUCT, "title": "Mug", "thumbnail": "/mug.jpg"}


def test_only_active_products_are_sold() -> None:
    assert sellable("MUG", {"MUG": priced_sku()}) == priced_sku()
    for priced in ({}, {"MUG": priced_sku(active=False)}):
        with pytest.raises(NotFound) as refused:
            sellable("MUG", priced)
        assert refused.value.details == [{"field": "sku", "message": "is not for sale", "sku": "MUG"}]


def test_checkout_line_has_all_product_fields() -> None:
    checkout_view = checkout(cart(line(quantity=3)), {"MUG": priced_sku()}, "USD")

    fields = {name: PRODUCT_FIELDS[name] for name in PRODUCT_FIELDS if name not in ("active", "currency")}
    assert checkout_view == {
        "cart_id": "c" * 32,
        "version": 3,
        "currency": "EUR",
        "lines": [fields | {"quantity": 3, "line_total": 2100, "seen_price": 700}],
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
def test_checkout_lists_unavailable_lines_separately(change: dict[str, Any]) -> None:
    priced = {"OLD": priced_sku(sku="OLD", **change), "MUG": priced_sku()}

    checkout_view = checkout(cart(line("OLD"), line("GONE"), line()), priced, "EUR")

    assert checkout_view["unavailable"] == ["OLD", "GONE"]
    assert [line_["sku"] for line_ in checkout_view["lines"]] == ["MUG"]


def test_view_has_one_warning_per_changed_line() -> None:
    priced = {
        "OUT": priced_sku(sku="OUT", title="Out", available=0),
        "DEAR": priced_sku(sku="DEAR", title="Dear", unit_price=900),
        "FEW": priced_sku(sku="FEW", title="Few", available=1),
    }

    cart_view = view(cart(line("GONE"), line("OUT"), line("DEAR"), line("FEW", 2)), priced, "EUR")

    assert [(warning["code"], warning["sku"], warning["message"]) for warning in cart_view["warnings"]] == [
        ("UNAVAILABLE", "GONE", "The GONE is no longer for sale"),
        ("OUT_OF_STOCK", "OUT", "Out is out of stock"),
        ("PRICE_CHANGED", "DEAR", "The price of Dear has changed"),
        ("LOW_AVAILABILITY", "FEW", "Only 1 of Few left"),
    ]
    assert (cart_view["id"], cart_view["updated_at"]) == ("c" * 32, "2026-05-04T12:00:00Z")
    assert cart_view["discount_total"] == {"amount": 0, "currency": "EUR"}
    assert [item["available"] for item in cart_view["items"]] == [0, 0, 2, 1]
