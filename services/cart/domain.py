"""Prices of carts, and warnings about changes since items were added."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.api.cart import MAX_LINES, MAX_QUANTITY
from schemas.api.variants import PricedSku
from schemas.base import MAX_AMOUNT
from services.chassis.common import money
from services.chassis.common.errors import DomainError, NotFound, OutOfStock, ValidationFailed
from services.chassis.common.ids import is_id

Priced = Mapping[str, PricedSku]
"""The products service's reply by SKU; one that is no longer sold is missing."""

MAX_TOTAL = MAX_AMOUNT // 10
"""Maximum subtotal in minor units: with shipping and tax the total must stay a valid amount."""
MAX_WEIGHT_G = 10**9


@dataclass(frozen=True)
class Line:
    """A quantity of a SKU, with its price and title when it was added."""

    sku: str
    quantity: int
    unit_price: int
    product_id: str
    title: str
    thumbnail: str | None
    position: int
    seen_price: int
    """The unit price in the last reply that showed the line; the order may not cost more."""


@dataclass(frozen=True)
class Cart:
    """A stored cart; `currency` is None until something was added."""

    id: str
    version: int
    currency: str | None
    updated_at: str
    lines: tuple[Line, ...] = field(default=())


def is_guest(cart_id: str) -> bool:
    """Whether the cart id is a guest's: guests' are random, customers' are user ids."""
    return not is_id(cart_id)


def snapshot(priced: PricedSku) -> dict[str, Any]:
    """The part of a SKU that a cart line stores."""
    return priced.model_dump(include={"unit_price", "product_id", "title", "thumbnail"})


def sellable(sku: str, priced: Priced) -> PricedSku:
    """The SKU's price and availability. Raises `NotFound` for one that is unknown or not sold."""
    fact = priced.get(sku)
    if fact is None or not fact.active:
        raise NotFound(f"There is no SKU {sku} for sale", [{"field": "sku", "message": "is not for sale", "sku": sku}])
    return fact


def not_in_cart(sku: str) -> NotFound:
    """The error for a SKU that the cart doesn't hold."""
    return NotFound(f"{sku} is not in the cart", [{"field": "sku", "message": "is not in the cart"}])


def refusal(reason: str, fact: PricedSku, quantity: int, limit: str) -> DomainError:
    """The error for a line that the store refused; `limit` is the limit that it met."""
    sku = fact.sku
    match reason:
        case "stock":
            return OutOfStock.of(sku, quantity, fact.available)
        case "quantity":
            return ValidationFailed.of("quantity", f"at most {MAX_QUANTITY} of one SKU go into a cart")
        case "lines":
            return ValidationFailed.of("sku", f"at most {MAX_LINES} different SKUs go into a cart")
        case "currency":
            return ValidationFailed.of("sku", f"is sold in {fact.currency}, the cart is in {limit}")
        case _:
            return not_in_cart(sku)


def view(cart: Cart | None, priced: Priced, currency: str) -> dict[str, Any]:
    """The cart as an API resource (`schemas.api.cart.Cart`); `currency` is that of an empty one.

    What can't be bought any more is shown, but not counted into the totals.
    """
    currency = (cart and cart.currency) or currency
    items = [_item(line, priced.get(line.sku), currency) for line in cart.lines] if cart else []
    subtotal = sum(item["line_total"]["amount"] for item in items if is_sold(priced.get(item["sku"]), currency))
    return {
        "id": cart.id if cart else None,
        "items": items,
        "item_count": sum(item["quantity"] for item in items),
        "subtotal": money.json(subtotal, currency),
        "discount_total": money.json(0, currency),
        "total": money.json(subtotal, currency),
        "currency": currency,
        "warnings": list(_warnings(cart.lines if cart else (), priced, currency)),
        "updated_at": cart.updated_at if cart else None,
    }


def checkout(cart: Cart | None, priced: Priced, currency: str) -> dict[str, Any]:
    """The cart for checkout (`schemas.api.cart.CheckoutView`)."""
    currency = (cart and cart.currency) or currency
    lines, unavailable = [], []
    for line in cart.lines if cart else ():
        fact = priced.get(line.sku)
        if fact is None or not is_sold(fact, currency):
            unavailable.append(line.sku)
            continue
        total = fact.unit_price * line.quantity
        item = {"quantity": line.quantity, "line_total": total, "seen_price": line.seen_price}
        lines.append(fact.model_dump(exclude={"currency", "active"}) | item)
    return {
        "cart_id": cart.id if cart else None,
        "version": cart.version if cart else 0,
        "currency": currency,
        "lines": lines,
        "subtotal": sum(line["line_total"] for line in lines),
        "weight_g": sum(line["weight_g"] * line["quantity"] for line in lines),
        "unavailable": unavailable,
    }


def unseen_prices(cart: Cart, priced: Priced) -> dict[str, int]:
    """The unit prices that differ from those in the last reply that showed them, by SKU."""
    sold = ((line, priced[line.sku]) for line in cart.lines if is_sold(priced.get(line.sku), cart.currency or ""))
    return {line.sku: fact.unit_price for line, fact in sold if fact.unit_price != line.seen_price}


def check_size(view: Mapping[str, Any]) -> None:
    """Raises `ValidationFailed` for a cart that exceeds an order's limits."""
    if view["subtotal"] > MAX_TOTAL:
        raise ValidationFailed.of("cart", "is worth more than one order may be")
    if view["weight_g"] > MAX_WEIGHT_G:
        raise ValidationFailed.of("cart", "is too heavy for one order")


def is_sold(fact: PricedSku | None, currency: str) -> bool:
    """Whether a SKU can be bought in this cart; not if its currency differs."""
    return fact is not None and fact.active and fact.currency == currency


def _item(line: Line, fact: PricedSku | None, currency: str) -> dict[str, Any]:
    sold = fact if is_sold(fact, currency) else None
    source = sold or line
    return {
        "sku": line.sku,
        "product_id": source.product_id,
        "title": source.title,
        "thumbnail": source.thumbnail,
        "quantity": line.quantity,
        "unit_price": money.json(source.unit_price, currency),
        "line_total": money.json(source.unit_price * line.quantity, currency),
        "available": sold.available if sold else 0,
    }


def _warnings(lines: Iterable[Line], priced: Priced, currency: str) -> Iterator[dict[str, Any]]:
    for line in lines:
        fact = priced.get(line.sku)
        if fact is None or not is_sold(fact, currency):
            yield _warning("UNAVAILABLE", line, f"{line.title} is no longer for sale")
            continue
        if fact.unit_price != line.unit_price:
            yield _warning("PRICE_CHANGED", line, f"The price of {fact.title} has changed")
        if fact.available <= 0:
            yield _warning("OUT_OF_STOCK", line, f"{fact.title} is out of stock")
        elif fact.available < line.quantity:
            yield _warning("LOW_AVAILABILITY", line, f"Only {fact.available} of {fact.title} left")


def _warning(code: str, line: Line, message: str) -> dict[str, Any]:
    return {"code": code, "sku": line.sku, "message": message}
