"""What a cart costs, and what its owner is told of changes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.api.cart import Cart as CartReply
from schemas.api.cart import CheckoutView
from schemas.api.products import PricedSku
from services.cart.domain import MAX_TOTAL, MAX_WEIGHT_G, Cart, Line, check_size, checkout, is_guest, sellable, view
from services.chassis.common.errors import NotFound, ValidationFailed

PRODUCT = "0197a000-0000-7000-8000-00000000000e"


def line(sku: str, quantity: int = 1, unit_price: int = 100) -> Line:
    return Line(sku, quantity, unit_price, "p", f"The {sku}", None, 1)


def fact(sku: str, unit_price: int = 100, available: int = 9, **more: Any) -> PricedSku:
    facts = {
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
        **more,
    }
    return PricedSku.model_validate(facts)


def cart(*lines: Line) -> Cart:
    return Cart("x" * 32, 3, "USD", "2026-05-04T12:00:00Z", lines)


def test_no_cart_is_an_empty_one() -> None:
    empty = view(None, {}, "EUR")

    assert empty["id"] is None
    assert empty["total"] == {"amount": 0, "currency": "EUR"}
    CartReply.model_validate(empty)
    CheckoutView.model_validate(checkout(None, {}, "EUR"))


def test_a_cart_is_priced_as_of_today() -> None:
    seen = view(cart(line("A", 2), line("B")), {"A": fact("A", 150), "B": fact("B")}, "EUR")

    CartReply.model_validate(seen)
    assert seen["item_count"] == 3
    assert seen["subtotal"] == seen["total"] == {"amount": 400, "currency": "USD"}
    assert [(warning["code"], warning["sku"]) for warning in seen["warnings"]] == [("PRICE_CHANGED", "A")]


@pytest.mark.parametrize(
    ("today", "code"),
    [
        ({"A": fact("A", available=1)}, "LOW_AVAILABILITY"),
        ({"A": fact("A", available=0)}, "OUT_OF_STOCK"),
        ({"A": fact("A", active=False)}, "UNAVAILABLE"),
        ({"A": fact("A", currency="EUR")}, "UNAVAILABLE"),
        ({}, "UNAVAILABLE"),
    ],
)
def test_its_owner_is_warned(today: dict[str, Any], code: str) -> None:
    seen = view(cart(line("A", 2)), today, "USD")

    assert [warning["code"] for warning in seen["warnings"]] == [code]
    assert seen["items"][0]["title"] == "The A"
    assert seen["total"]["amount"] == (0 if code == "UNAVAILABLE" else 200)


def test_what_is_not_sold_any_more_is_not_ordered() -> None:
    taken = checkout(cart(line("A", 2), line("B")), {"A": fact("A", 150)}, "USD")

    CheckoutView.model_validate(taken)
    assert taken["unavailable"] == ["B"]
    assert (taken["subtotal"], taken["weight_g"], taken["version"]) == (300, 20, 3)


@given(st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 10**9)), max_size=20))
def test_the_total_is_the_sum_of_its_lines(wanted: list[tuple[int, int]]) -> None:
    lines = [line(f"S{index}", quantity) for index, (quantity, _) in enumerate(wanted)]
    today = {f"S{index}": fact(f"S{index}", price) for index, (_, price) in enumerate(wanted)}

    seen, taken = view(cart(*lines), today, "USD"), checkout(cart(*lines), today, "USD")

    assert seen["subtotal"]["amount"] == taken["subtotal"] == sum(quantity * price for quantity, price in wanted)
    assert seen["subtotal"]["amount"] == sum(item["line_total"]["amount"] for item in seen["items"])


def test_what_is_not_for_sale_is_not_put_in() -> None:
    for today in ({}, {"A": fact("A", active=False)}):
        with pytest.raises(NotFound) as refused:
            sellable("A", today)
        assert refused.value.details[0]["field"] == "sku"


def test_a_users_id_is_no_guests_cart() -> None:
    assert is_guest("Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFy")
    assert not is_guest("0197a000-0000-7000-8000-00000000000a")


@pytest.mark.parametrize(
    ("most", "bound", "word"),
    [({"unit_price": 10**11}, MAX_TOTAL, "worth"), ({"weight_g": 10**9}, MAX_WEIGHT_G, "heavy")],
)
def test_a_cart_beyond_all_bounds_is_no_order(most: dict[str, int], bound: int, word: str) -> None:
    assert list(most.values()) == [bound]
    check_size(checkout(cart(line("A")), {"A": fact("A", **most)}, "USD"))

    with pytest.raises(ValidationFailed, match=f"cart: is .*{word}"):
        check_size(checkout(cart(line("A", 2)), {"A": fact("A", **most)}, "USD"))
