"""Copies of real orders, with ids of their own, written straight into the stores: to measure with many orders.

All that belongs to an order is copied as it is: its rows in PostgreSQL, its documents in MongoDB, its records in Kafka.
So the copies are as consistent as the originals, and this module knows no column but the ids.
"""

import io
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import psycopg2
from bson import json_util
from confluent_kafka import Producer

from schemas.events.base import OTHER_TOPIC, TOPICS
from services.chassis.common.ids import new_id
from services.chassis.common.kafka_options import options_of
from ultramarket.verify.kafka import Topic
from ultramarket.verify.stores import Stores

BATCH: Final = 500
"""Orders that are written at once."""
UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PAYMENT: Final = "payment_id in (select payment_id from orders.orders where id = %(order)s)"
_CHARGE: Final = f"select id from payments.sandbox_charges where {_PAYMENT}"
_ENTRY: Final = "select id from payments.ledger_entries where order_id = %(order)s"
_SHIPMENT: Final = "select id from shipping.shipments where order_id = %(order)s"
TABLES: Final = {
    "orders.orders": "id = %(order)s",
    "orders.order_events": "order_id = %(order)s",
    "payments.payments": "order_id = %(order)s",
    "payments.attempts": _PAYMENT,
    "payments.refunds": _PAYMENT,
    "payments.ledger_entries": "order_id = %(order)s",
    "payments.ledger_postings": f"entry_id in ({_ENTRY})",
    "payments.sandbox_charges": _PAYMENT,
    "payments.sandbox_refunds": f"charge_id in ({_CHARGE})",
    "shipping.shipments": "order_id = %(order)s",
    "shipping.stations": f"shipment_id in ({_SHIPMENT})",
}
"""Tables with rows of an order, and the condition for them."""
COLUMNS: Final = """
    select column_name from information_schema.columns
    where table_schema || '.' || table_name = %(table)s and is_identity = 'NO' and column_name <> 'transaction_id'
    order by ordinal_position
"""
"""The columns that are copied: positions and transactions are the copy's own."""
OTHER_IDS: Final = """
    select reference from payments.payments where order_id = %(order)s
    union all select tracking_number from shipping.shipments where order_id = %(order)s
    union all select e.body::jsonb #>> '{data,number}' from orders.order_events e
        where order_id = %(order)s and version = 1
    union all select e.body::jsonb #>> '{data,cart_id}' from orders.order_events e
        where order_id = %(order)s and version = 1
    union all select r.id from payments.sandbox_refunds r join payments.sandbox_charges c on c.id = r.charge_id
        join payments.payments p on p.id = c.payment_id where p.order_id = %(order)s
"""
"""Ids of an order that are not UUIDs."""
COLLECTIONS: Final = (("inventory", "reservations"), ("orders", "orders"))


@dataclass
class Template:
    """An order, cut at its ids: each text is a list of what is between them and, at odd places, the ids."""

    rows: dict[str, list[str]] = field(default_factory=dict)
    documents: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    records: list[tuple[str, list[str]]] = field(default_factory=list)
    sold: Counter[str] = field(default_factory=Counter)
    """Units by SKU that the order has taken off the stock."""


def templates(stores: Stores, connection: "psycopg2.extensions.connection", order_ids: Iterable[str]) -> list[Template]:
    """Read all that belongs to these orders."""
    orders = list(order_ids)
    records = [
        (topic, orjson.loads(value)["subject"], value.decode())
        for topic in (*TOPICS.values(), OTHER_TOPIC)
        for value in Topic(stores.kafka_bootstrap, topic).read()
    ]
    return [_template(stores, connection, order_id, records) for order_id in orders]


def _template(
    stores: Stores, connection: "psycopg2.extensions.connection", order_id: str, records: list[tuple[str, str, str]]
) -> Template:
    template = Template()
    others = [row[0] for row in stores.rows(OTHER_IDS, order=order_id) if row[0]]
    ids = re.compile("|".join([UUID, *map(re.escape, others)]))

    def cut(text: str) -> list[str]:
        return re.split(f"({ids.pattern})", text)

    with connection.cursor() as cursor:
        for table, condition in TABLES.items():
            columns = ", ".join(row.column_name for row in stores.rows(COLUMNS, table=table))
            rows = io.StringIO()
            query = cursor.mogrify(f"select {columns} from {table} where {condition}", {"order": order_id}).decode()
            cursor.copy_expert(f"copy ({query}) to stdout", rows)
            template.rows[f"{table} ({columns})"] = cut(rows.getvalue())
    own = {part for parts in template.rows.values() for part in parts[1::2]}
    for service, collection in COLLECTIONS:
        document: Any = stores.documents(service)[collection].find_one({"_id": order_id})
        template.documents[service, collection] = cut(json_util.dumps(document))
        if collection == "reservations" and document["status"] == "committed":
            template.sold.update({line["sku"]: line["quantity"] for line in document["lines"]})
            for returned in document.get("returns", ()):
                template.sold.subtract({line["sku"]: line["quantity"] for line in returned["lines"]})
    for topic, subject, value in records:
        if subject in own or order_id in value:
            template.records.append((topic, cut(value)))
    return template


class Writer:
    """Writes copies in batches."""

    def __init__(self, stores: Stores, connection: "psycopg2.extensions.connection") -> None:
        self.stores, self.connection = stores, connection
        self.producer = Producer(options_of(os.environ["ULTRAMARKET_KAFKA_URL"]) | {"compression.type": "lz4"})
        self.number = 0

    def write(self, originals: Sequence[Template], count: int, advance: Callable[[int], Any]) -> None:
        """Write `count` copies, of each original in turn. `advance` is called with the size of each batch."""
        for start in range(0, count, BATCH):
            size = min(BATCH, count - start)
            self._write_batch([originals[(start + index) % len(originals)] for index in range(size)])
            advance(size)
        self.producer.flush()

    def _write_batch(self, batch: Sequence[Template]) -> None:
        rows: dict[str, list[str]] = {}
        documents: dict[tuple[str, str], list[Any]] = {}
        records: list[tuple[str, str]] = []
        sold: Counter[str] = Counter()
        for template in batch:
            new = self._renaming()
            for table, parts in template.rows.items():
                rows.setdefault(table, []).append(_renamed(parts, new))
            for collection, parts in template.documents.items():
                documents.setdefault(collection, []).append(json_util.loads(_renamed(parts, new)))
            records += [(topic, _renamed(parts, new)) for topic, parts in template.records]
            sold.update(template.sold)
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("set local search_path to payments")  # of the ledger's triggers
            for table, texts in rows.items():
                cursor.copy_expert(f"copy {table} from stdin", io.StringIO("".join(texts)))
        for (service, name), copies in documents.items():
            self.stores.documents(service)[name].insert_many(copies, ordered=False)
        levels = self.stores.documents("inventory")["levels"]
        for sku, units in sold.items():
            levels.update_one({"_id": sku}, {"$inc": {"counted": units}})
        for topic, value in records:
            self.producer.produce(topic, value, orjson.loads(value)["subject"])
        self.producer.flush()

    def _renaming(self) -> Callable[[str], str]:
        """Gives each id of one copy its new id."""
        self.number += 1
        names: dict[str, str] = {}

        def new(old: str) -> str:
            if old not in names:
                names[old] = new_id() if re.fullmatch(UUID, old) else f"{old[:-10]}{self.number:010d}"
            return names[old]

        return new


def _renamed(parts: list[str], new: Callable[[str], str]) -> str:
    return "".join(new(part) if index % 2 else part for index, part in enumerate(parts))
