"""Events: outboxes are drained, versions have no gaps, and Kafka has each event of each order in order."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from services.chassis.runtime.registry import MONGO_SERVICES, POSTGRES_SERVICES
from ultramarket.verify.kafka import read_topic
from ultramarket.verify.results import CheckResult
from ultramarket.verify.stores import Stores

LAG: Final = timedelta(seconds=30)
"""Time that an event may wait to be published, or to arrive in Kafka."""
_VERSIONS = """
    select e.order_id::text, count(*) as events, max(e.version) as last, o.version,
           min(e.created_at) filter (where e.published_at is null) as waiting_since
    from orders.order_events e left join orders.orders o on o.id = e.order_id
    group by e.order_id, o.version
"""


def check_outboxes(stores: Stores) -> CheckResult:
    """No event waits in an outbox for longer than `LAG`."""
    result = CheckResult("outboxes")
    oldest = datetime.now(UTC) - LAG
    for service in POSTGRES_SERVICES:
        if stores.has_table(f"{service}.outbox"):
            for row in stores.rows(f"select id::text, created_at from {service}.outbox"):
                result.examined += 1
                if row.created_at < oldest:
                    result.add(row.id, f"waits in the outbox of {service} since {row.created_at:%H:%M:%S}")
    for service in MONGO_SERVICES:
        database = stores.documents(service)
        for document in database["outbox"].find({}, {"event.time": 1}):
            result.examined += 1
            _add_if_old(result, document["_id"], document["event"]["time"], service, oldest)
    for level in stores.documents("inventory")["levels"].find({"outbox.0": {"$exists": True}}, {"outbox": 1}):
        for event in level["outbox"]:
            result.examined += 1
            _add_if_old(result, f"{level['_id']} {event['id']}", event["time"], "inventory", oldest)
    return result


def check_versions(stores: Stores) -> CheckResult:
    """The events of each order are numbered from 1 without a gap, up to the order's version."""
    result = CheckResult("versions of orders")
    oldest = datetime.now(UTC) - LAG
    for row in stores.rows(_VERSIONS):
        result.examined += 1
        if row.events != row.last or row.version != row.last:
            result.add(row.order_id, f"{row.events} events up to version {row.last}, the order is at {row.version}")
        if row.waiting_since is not None and row.waiting_since < oldest:
            result.add(row.order_id, f"has an event that is not published since {row.waiting_since:%H:%M:%S}")
    return result


def check_kafka(stores: Stores) -> CheckResult:
    """Kafka has each event of each order at least once, and the first of each in the order's own sequence."""
    result = CheckResult("orders in Kafka")
    versions = {row.order_id: row.last for row in stores.rows(_VERSIONS)}
    seen: dict[str, int] = {}
    disordered: dict[str, str] = {}
    first_at: str | None = None
    for value in read_topic(stores.kafka_bootstrap, "order-events"):
        event = orjson.loads(value)
        if event.get("source") != "/orders":
            continue
        first_at = min(first_at or event["time"], event["time"])
        subject, sequence = event["subject"], event["sequence"]
        last = seen.get(subject, 0)
        if sequence == last + 1:
            seen[subject] = sequence
        elif sequence > last + 1:
            disordered.setdefault(subject, f"version {sequence} comes in Kafka before version {last + 1}")
    for order_id, last in versions.items():
        result.examined += last
        if order_id in disordered:
            result.add(order_id, disordered[order_id])
        elif seen.get(order_id, 0) < last:
            result.add(order_id, f"Kafka has its events up to {seen.get(order_id, 0)} of {last}")
    return result


def _add_if_old(result: CheckResult, id_: Any, time: str, service: str, oldest: datetime) -> None:
    if datetime.fromisoformat(time) < oldest:
        result.add(id_, f"waits in the outbox of {service} since {time[11:19]}")
