"""Cart views and checkout views: prices, totals, warnings and limits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.api.cart import Cart as CartReply
from schemas.api.cart import CheckoutView
from schemas.api.variants import PricedSku
from services.cart.domain import MAX_TOTAL, MAX_WEIGHT_G, Cart, Line, check_size, checkout, is_guest, sellable, view
from services.chassis.common.errors import NotFound, ValidationFailed

PRODUCT = "0197a000-0000-7000-8000-00000000000e"


def line(sku: str, quantity: int = 1, unit_price: int = 100) -> Line:
    return Line(sku, quantity, unit_price, "p", f"The {sku}", None, 1, unit_price)


def priced_sku(sku: str, unit_price: int = 100, available: int = 9, **fields: Any) -> PricedSku:
    values = {
        "sku": sku,
        "product_id": PRODUCT,
        "title": f"The {sku}",
        "thumbnail": None,
        "unit_price": unit_price,
        "currency": "USD",
        "weight_g": 10,
        "available": available,
        "active": True,
        "tax_rate_bp": 1900,
        "category": None,
        "vendor_id": None,
        **fields,
    }
    return PricedSku.model_validate(values)


def cart(*lines: Line) -> Cart:
    return Cart("x" * 32, 3, "USD", "2026-05-04T12:00:00Z", lines)


def test_missing_cart_is_shown_as_empty() -> None:
    empty = view(None, {}, "EUR")

    assert empty["id"] is None
    assert empty["total"] == {"amount": 0, "currency": "EUR"}
    CartReply.model_validate(empty)
    CheckoutView.model_validate(checkout(None, {}, "EUR"))


def test_cart_is_priced_with_current_prices() -> None:
    cart_view = view(cart(line("A", 2), line("B")), {"A": priced_sku("A", 150), "B": priced_sku("B")}, "EUR")

    CartReply.model_validate(cart_view)
    assert cart_view["item_count"] == 3
    assert cart_view["subtotal"] == cart_view["total"] == {"amount": 400, "currency": "USD"}
    assert [(warning["code"], warning["sku"]) for warning in cart_view["warnings"]] == [("PRICE_CHANGED", "A")]


@pytest.mark.parametrize(
    ("catalogue", "code"),
    [
        ({"A": priced_sku("A", available=1)}, "LOW_AVAILABILITY"),
        ({"A": priced_sku("A", available=0)}, "OUT_OF_STOCK"),
        ({"A": priced_sku("A", active=False)}, "UNAVAILABLE"),
        ({"A": priced_sku("A", currency="EUR")}, "UNAVAILABLE"),
        ({}, "UNAVAILABLE"),
    ],
)
def test_view_warns_of_changed_items(catalogue: dict[str, Any], code: str) -> None:
    cart_view = view(cart(line("A", 2)), catalogue, "USD")

    assert [warning["code"] for warning in cart_view["warnings"]] == [code]
    assert cart_view["items"][0]["title"] == "The A"
    assert cart_view["total"]["amount"] == (0 if code == "UNAVAILABLE" else 200)


def test_last_units_in_the_cart_are_no_warning() -> None:
    assert view(cart(line("A", 2)), {"A": priced_sku("A", available=2)}, "USD")["warnings"] == []


@pytest.mark.parametrize("change", [{"active": False}, {"currency": "EUR"}])
def test_unsold_item_keeps_the_facts_of_its_line(change: dict[str, Any]) -> None:
    [item] = view(cart(line("A", 2)), {"A": priced_sku("A", 150, title="New", **change)}, "USD")["items"]

    assert (item["title"], item["unit_price"]["amount"], item["available"]) == ("The A", 100, 0)


def test_unavailable_item_is_not_in_the_checkout_lines() -> None:
    checkout_view = checkout(cart(line("A", 2), line("B")), {"A": priced_sku("A", 150)}, "USD")

    CheckoutView.model_validate(checkout_view)
    assert checkout_view["unavailable"] == ["B"]
    assert (checkout_view["subtotal"], checkout_view["weight_g"], checkout_view["version"]) == (300, 20, 3)


@given(st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 10**9)), max_size=20))
def test_subtotal_is_the_sum_of_the_lines(entries: list[tuple[int, int]]) -> None:
    lines = [line(f"S{index}", quantity) for index, (quantity, _) in enumerate(entries)]
    catalogue = {f"S{index}": priced_sku(f"S{index}", price) for index, (_, price) in enumerate(entries)}

    cart_view, checkout_view = view(cart(*lines), catalogue, "USD"), checkout(cart(*lines), catalogue, "USD")

    assert (
        cart_view["subtotal"]["amount"]
        == checkout_view["subtotal"]
        == sum(quantity * price for quantity, price in entries)
    )
    assert cart_view["subtotal"]["amount"] == sum(item["line_total"]["amount"] for item in cart_view["items"])


def test_product_not_for_sale_is_refused() -> None:
    for catalogue in ({}, {"A": priced_sku("A", active=False)}):
        with pytest.raises(NotFound) as refused:
            sellable("A", catalogue)
        assert refused.value.details[0]["field"] == "sku"


def test_user_id_is_not_a_guest_cart_id() -> None:
    assert is_guest("Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFy")
    assert not is_guest("0197a000-0000-7000-8000-00000000000a")


@pytest.mark.parametrize(
    ("largest", "bound", "word"),
    [({"unit_price": 10**11}, MAX_TOTAL, "worth"), ({"weight_g": 10**9}, MAX_WEIGHT_G, "heavy")],
)
def test_cart_over_the_limits_is_refused_at_checkout(largest: dict[str, int], bound: int, word: str) -> None:
    assert list(largest.values()) == [bound]
    check_size(checkout(cart(line("A")), {"A": priced_sku("A", **largest)}, "USD"))

    with pytest.raises(ValidationFailed, match=f"cart: is .*{word}"):
        check_size(checkout(cart(line("A", 2)), {"A": priced_sku("A", **largest)}, "USD"))
