"""Histories of a small shop, as the records that Kafka would hold, and a read model in memory."""

import copy
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from services.analytics.domain.calendar import Calendar
from services.analytics.domain.facts import Fact, Skipped, read
from services.analytics.domain.tally import MAKERS, Tally
from services.analytics.domain.vendors import waiting

BEGIN = datetime(2026, 3, 28, 20, 15, tzinfo=UTC)
VENDOR = "0197a000-0000-7000-8000-0000000000aa"
Record = dict[str, Any]


class History:
    """Says what happened, minute by minute."""

    def __init__(self, begin: datetime = BEGIN) -> None:
        self.now = begin
        self.records: list[Record] = []
        self._versions: dict[str, int] = defaultdict(int)

    def later(self, **time: float) -> "History":
        self.now += timedelta(**time)
        return self

    def say(self, source: str, type_: str, subject: str, data: Record, version: int = 1) -> Record:
        self.now += timedelta(seconds=7)
        self._versions[subject] += 1
        record = {
            "id": f"{len(self.records):08d}",
            "source": f"/{source}",
            "type": type_,
            "subject": subject,
            "time": self.now.isoformat(),
            "sequence": self._versions[subject],
            "dataschema": f"/schemas/events/{source}/{type_}/v{version}",
            "data": data,
        }
        self.records.append(record)
        return record

    def order(self, order_id: str, *lines: Record, user: str | None = None, cart: str = "cart", **totals: Any) -> None:
        """Placed and confirmed."""
        data = sale(order_id, *lines, user=user, cart=cart, **totals)
        self.say("orders", "order_placed", order_id, data)
        self.say("orders", "order_confirmed", order_id, data)

    def refund(self, order_id: str, refunded: int, type_: str = "order_payment_refunded") -> None:
        data = {"order_id": order_id, "payment_id": "p", "status": "refunded", "refunded": refunded, "currency": "USD"}
        self.say("orders", type_, order_id, data)

    def send(self, order_id: str, hours: float, carrier: str = "UltraPost") -> None:
        """Shipped now, delivered so many hours later."""
        self.say("orders", "order_shipped", order_id, {"order_id": order_id, "carrier": carrier})
        self.later(hours=hours).say("orders", "order_delivered", order_id, {"order_id": order_id})

    def visit(self, session: str, type_: str, **data: Any) -> None:
        self.say("behaviour", type_, session, {"session_id": session, **data})

    def exposed(self, subject: str, flag: str, value: str, user: str | None = None) -> None:
        self.visit(subject, "flag_exposed", flag=flag, value=value, user_id=user)

    def product(self, product_id: str, vendor: str | None = None) -> None:
        data = {
            "product_id": product_id,
            "title": product_id.title(),
            "skus": [product_id.upper()],
            "vendor_id": vendor,
        }
        self.say("products", "product_created", product_id, data | {"price": 1000, "currency": "USD"})

    def payment(self, payment_id: str, type_: str, amount: int = 1000, code: str | None = None) -> None:
        data = {"payment_id": payment_id, "amount": amount, "currency": "USD", "provider": "sandbox"}
        self.say("payments", type_, payment_id, data | {"decline_code": code})


def line(product: str = "mug", price: int = 1000, quantity: int = 1, vendor: str | None = None, tax: int = 0) -> Record:
    return {
        "sku": product.upper(), "product_id": product, "title": product.title(), "quantity": quantity,
        "unit_price": price, "line_total": price * quantity, "tax": tax, "vendor_id": vendor, "category": "kitchen",
    }  # fmt: skip


def sale(order_id: str, *lines: Record, user: str | None, cart: str, country: str = "US", **totals: int) -> Record:
    items = list(lines) or [line()]
    subtotal = sum(item["line_total"] for item in items)
    tax = totals.get("tax", sum(item["tax"] for item in items))
    discount, shipping = totals.get("discount", 0), totals.get("shipping", 500)
    return {
        "order_id": order_id,
        "number": f"UM-{order_id}",
        "user_id": user,
        "email": f"{user or cart}@example.com",
        "cart_id": cart,
        "currency": "USD",
        "items": items,
        "totals": {
            "subtotal": subtotal,
            "discount": discount,
            "shipping": shipping,
            "tax": tax,
            "total": subtotal - discount + shipping + tax,
        },
        "shipping_address": {"country": country},
    }


class Memory:
    """The read model as dictionaries: what the store does with a batch's changes, in a few lines."""

    def __init__(self, zone: str = "UTC") -> None:
        self.calendar = Calendar(zone)
        self.documents: dict[str, dict[str, Record]] = defaultdict(dict)
        self.counters: dict[str, dict[str, int]] = {}
        self.customers: dict[str, Record] = {}
        self.makers: dict[str, Record] = {}

    def take(self, records: Iterable[Record]) -> None:
        """Count one batch."""
        facts = [fact for record in records if (fact := fact_of(record)) is not None]
        changes = Tally(self.calendar, self._load, self._waiting, BEGIN).count(facts)
        self.makers |= {key: {"vendor": vendor} for key, vendor in changes.makers.items()}
        for kind, documents in changes.documents.items():
            self.documents[kind].update(copy.deepcopy(documents))
        for name, fields in changes.counters.items():
            counter = self.counters.setdefault(name, {})
            for field, amount in fields.items():
                counter[field] = counter.get(field, 0) + amount
        for name, change in changes.customers.items():
            customer = self.customers.setdefault(name, {"orders": 0, "spent": {}, "times": []})
            customer["orders"] += change.orders
            customer["times"] = sorted([*customer["times"], *change.times])
            for currency, amount in change.spent.items():
                customer["spent"][currency] = customer["spent"].get(currency, 0) + amount

    def figures(self) -> dict[str, Any]:
        """All that can be asked; what sums up to nothing is as if it were not there."""
        counters = {
            name: left
            for name, fields in self.counters.items()
            if (left := {field: amount for field, amount in fields.items() if amount})
        }
        levels = self.documents["stock_months"]
        return {"counters": counters, "customers": self.customers, "levels": levels}

    def counter(
        self, dimension: str, key: str = "", level: str = "m", scope: str = "", currency: str = "USD"
    ) -> Record:
        """The sum over all buckets of a level."""
        total: dict[str, int] = defaultdict(int)
        for name, fields in self.counters.items():
            if name.startswith(f"{scope}|{dimension}|{currency}|{level}|") and name.split("|", 5)[5] == key:
                for field, amount in fields.items():
                    total[field] += amount
        return {field: amount for field, amount in total.items() if amount}

    def _load(self, kind: str, ids: Iterable[str]) -> dict[str, Record]:
        known = self.makers if kind == MAKERS else self.documents[kind]
        return {id_: copy.deepcopy(known[id_]) for id_ in ids if id_ in known}

    def _waiting(self, keys: Iterable[str]) -> list[str]:
        wanted = set(keys)
        return [id_ for id_, session in self.documents["sessions"].items() if wanted & set(waiting(session))]


def fact_of(record: Record) -> Fact | None:
    try:
        return read(orjson.dumps(record))
    except Skipped:
        return None


def counted(records: Iterable[Record], zone: str = "UTC") -> Memory:
    memory = Memory(zone)
    memory.take(records)
    return memory
