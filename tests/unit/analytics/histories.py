"""Event histories as Kafka records, and an in-memory read model."""

import copy
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from services.analytics.domain.aggregation import PRODUCT_OWNERS, BatchAggregator
from services.analytics.domain.calendar import Calendar
from services.analytics.domain.facts import Fact, Skipped, parse_record
from services.analytics.domain.vendors import unresolved_products

BEGIN = datetime(2026, 3, 28, 20, 15, tzinfo=UTC)
VENDOR = "0197a000-0000-7000-8000-0000000000aa"
Record = dict[str, Any]


class History:
    """A builder of event histories; each event is seven seconds later than the one before."""

    def __init__(self, begin: datetime = BEGIN) -> None:
        self.now = begin
        self.records: list[Record] = []
        self._versions: dict[str, int] = defaultdict(int)

    def later(self, **time: float) -> "History":
        self.now += timedelta(**time)
        return self

    def publish(self, source: str, type_: str, subject: str, data: Record, version: int = 1) -> Record:
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
        """Publish the events of a placed and confirmed order."""
        data = sale(order_id, *lines, user=user, cart=cart, **totals)
        self.publish("orders", "order_placed", order_id, data)
        self.publish("orders", "order_confirmed", order_id, data)

    def refund(self, order_id: str, refunded: int, type_: str = "order_payment_refunded") -> None:
        data = {"order_id": order_id, "payment_id": "p", "status": "refunded", "refunded": refunded, "currency": "USD"}
        self.publish("orders", type_, order_id, data)

    def ship(self, order_id: str, hours: float, carrier: str = "UltraPost") -> None:
        """Publish the events of a shipment, delivered after `hours`."""
        self.publish("orders", "order_shipped", order_id, {"order_id": order_id, "carrier": carrier})
        self.later(hours=hours).publish("orders", "order_delivered", order_id, {"order_id": order_id})

    def track(self, session: str, type_: str, **data: Any) -> None:
        self.publish("behaviour", type_, session, {"session_id": session, **data})

    def exposed(self, subject: str, flag: str, value: str, user: str | None = None) -> None:
        self.track(subject, "flag_exposed", flag=flag, value=value, user_id=user)

    def product(self, product_id: str, vendor: str | None = None) -> None:
        data = {
            "product_id": product_id,
            "title": product_id.title(),
            "skus": [product_id.upper()],
            "vendor_id": vendor,
        }
        self.publish("products", "product_created", product_id, data | {"price": 1000, "currency": "USD"})

    def payment(self, payment_id: str, type_: str, amount: int = 1000, code: str | None = None) -> None:
        data = {"payment_id": payment_id, "amount": amount, "currency": "USD", "provider": "sandbox"}
        self.publish("payments", type_, payment_id, data | {"decline_code": code})

    def dispute(self, dispute_id: str, outcome: str | None = None, amount: int = 1000, currency: str = "USD") -> None:
        """Publish that a dispute was opened, or its outcome."""
        data = {"payment_id": "p", "dispute_id": dispute_id, "amount": amount, "currency": currency}
        type_ = "payment_dispute_closed" if outcome else "payment_dispute_opened"
        self.publish("payments", type_, "p", data | ({"outcome": outcome} if outcome else {}))


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


class MemoryReadModel:
    """An in-memory read model with the store's semantics."""

    def __init__(self, zone: str = "UTC") -> None:
        self.calendar = Calendar(zone)
        self.documents: dict[str, dict[str, Record]] = defaultdict(dict)
        self.counters: dict[str, dict[str, int]] = {}
        self.customers: dict[str, Record] = {}
        self.product_owners: dict[str, Record] = {}

    def apply(self, records: Iterable[Record]) -> None:
        """Apply one batch."""
        events = [event for record in records if (event := parse(record)) is not None]
        changes = BatchAggregator(self.calendar, self._load, self._find_unresolved, BEGIN).apply(events)
        self.product_owners |= {key: {"vendor": vendor} for key, vendor in changes.product_owners.items()}
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
        """All figures, without zeros."""
        counters = {
            name: non_zero
            for name, fields in self.counters.items()
            if (non_zero := {field: amount for field, amount in fields.items() if amount})
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
        stored = self.product_owners if kind == PRODUCT_OWNERS else self.documents[kind]
        return {id_: copy.deepcopy(stored[id_]) for id_ in ids if id_ in stored}

    def _find_unresolved(self, keys: Iterable[str]) -> list[str]:
        keys_ = set(keys)
        return [id_ for id_, session in self.documents["sessions"].items() if keys_ & set(unresolved_products(session))]


def parse(record: Record) -> Fact | None:
    try:
        return parse_record(orjson.dumps(record))
    except Skipped:
        return None


def aggregate(records: Iterable[Record], zone: str = "UTC") -> MemoryReadModel:
    memory = MemoryReadModel(zone)
    memory.apply(records)
    return memory
