"""A made-up year of a shop: events as Kafka would hold them, for measuring how fast they are counted."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from uuid_utils import uuid4

from schemas.events.base import sequence_text

PRODUCTS, CUSTOMERS, VENDORS = 1000, 8000, 40
COUNTRIES = ("US", "US", "US", "DE", "GB", "FR", "CA", "JP")
QUERIES = tuple(f"{colour} {thing}" for colour in ("red", "blue", "big", "old") for thing in ("mug", "lamp", "chair"))
Record = dict[str, Any]


def events(total: int, end: datetime, days: int = 365, seed: int = 1) -> Iterator[Record]:
    """So many events spread over the days before `end`: a catalogue; visits, a fifth of which buy, with all that an
    order says.
    """
    chance = random.Random(seed)
    made = 0
    for product in range(min(PRODUCTS, total)):
        made += 1
        yield _product(product, end - timedelta(days=days, hours=1))
    visits = max(1, total // 14)
    for number in range(10**9):
        at = end - timedelta(days=days) * (1 - (number % visits) / visits)
        for event in _visit(chance, number, at):
            if made == total:
                return
            made += 1
            yield event


def _visit(chance: random.Random, number: int, at: datetime) -> Iterator[Record]:
    session, user = f"session-{number:010d}", f"customer-{int(chance.paretovariate(0.6)) % CUSTOMERS:06d}"
    product = int(chance.paretovariate(0.7)) % PRODUCTS
    clock = _Clock(at)

    def seen(type_: str, **data: Any) -> Record:
        return _event("behaviour", type_, session, clock.tick(20), {"session_id": session, **data})

    yield seen("page_viewed")
    yield seen("search_performed", query=chance.choice(QUERIES), results=chance.randrange(0, 30))
    yield seen("product_viewed", product_id=f"product-{product}")
    yield seen("product_viewed", product_id=f"product-{(product + 7) % PRODUCTS}")
    if chance.random() < 0.5:
        yield seen("cart_added", product_id=f"product-{product}", user_id=user)
    if chance.random() < 0.4:
        yield from _order(chance, f"order-{number:010d}", user, product, clock)


def _order(chance: random.Random, order: str, user: str, product: int, clock: "_Clock") -> Iterator[Record]:
    lines = [_line((product + 31 * step) % PRODUCTS, chance.randint(1, 3)) for step in range(chance.randint(1, 3))]
    subtotal = sum(line["line_total"] for line in lines)
    tax = sum(line["tax"] for line in lines)
    totals = {"subtotal": subtotal, "discount": 0, "shipping": 500, "tax": tax, "total": subtotal + 500 + tax}
    address = {"country": chance.choice(COUNTRIES), "city": "Springfield", "name": "Ada Lovelace"}
    data = {
        "order_id": order, "number": order, "user_id": user, "email": f"{user}@example.com", "currency": "USD",
        "items": lines, "totals": totals, "shipping_address": address, "cart_id": order, "cart_version": 3,
        "shipping_method": "standard", "payment_id": f"payment-{order}",
    }  # fmt: skip
    money = {"payment_id": f"payment-{order}", "order_id": order, "amount": totals["total"], "currency": "USD"}
    money |= {"provider": "sandbox", "captured": totals["total"], "customer_id": user}
    version = iter(range(1, 20))

    def said(type_: str, more: Record, seconds: float = 1) -> Record:
        return _event("orders", type_, order, clock.tick(seconds), {"order_id": order, **more}, next(version))

    yield said("order_placed", data | {"billing_address": address, "payment_provider": "sandbox"})
    for line in lines:
        level = {"sku": line["sku"], "on_hand": 900, "reserved": 1, "available": 899, "reason": "reserved", "delta": -1}
        yield _event("inventory", "stock_changed", line["sku"], clock.tick(0.1), level, int(clock.at.timestamp()))
    yield said("order_stock_reserved", {"expires_at": clock.at.isoformat()})
    yield _event("payments", "payment_authorized", money["payment_id"], clock.tick(0.1), money, 1)
    yield said("order_payment_authorized", {**money, "status": "authorized"})
    yield said("order_stock_committed", {})
    yield _event("payments", "payment_captured", money["payment_id"], clock.tick(0.1), money, 2)
    yield said("order_payment_captured", money)
    yield said("order_confirmed", data)
    yield _event("notifications", "notification_sent", user, clock.tick(1), {"notification_id": order})
    if chance.random() < 0.04:
        yield said("order_payment_refunded", {**money, "status": "refunded", "refunded": totals["total"] // 2}, 86_400)
    yield said("order_shipped", {"carrier": "UltraPost", "number": order}, 3600 * chance.randint(2, 60))
    yield said("order_delivered", {"items": lines}, 3600 * chance.randint(12, 160))


def _line(product: int, quantity: int) -> Record:
    price = 500 + 7 * product
    return {
        "sku": f"SKU-{product}", "product_id": f"product-{product}", "title": f"Product {product}",
        "quantity": quantity, "unit_price": price, "line_total": price * quantity, "tax_rate_bp": 700,
        "tax": price * quantity * 7 // 100, "vendor_id": f"vendor-{product % VENDORS}",
        "category": f"part-{product % 20}",
    }  # fmt: skip


def _product(product: int, at: datetime) -> Record:
    event = {
        "product_id": f"product-{product}", "slug": f"product-{product}", "title": f"Product {product}",
        "status": "active", "skus": [f"SKU-{product}"], "vendor_id": f"vendor-{product % VENDORS}",
        "category": f"part-{product % 20}", "price": 500 + 7 * product, "currency": "USD",
    }  # fmt: skip
    return _event("products", "product_created", f"product-{product}", at, event, 1)


class _Clock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def tick(self, seconds: float) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at


def _event(source: str, type_: str, subject: str, at: datetime, data: Record, sequence: int | None = None) -> Record:
    return {
        "specversion": "1.0", "id": str(uuid4()), "source": f"/{source}", "type": type_, "subject": subject,
        "time": at.isoformat(), "datacontenttype": "application/json",
        "dataschema": f"/schemas/events/{source}/{type_}/v1", "data": data, "sequence": sequence_text(sequence or 0),
    }  # fmt: skip
