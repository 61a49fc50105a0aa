"""Events in the stores: outboxes are drained, and versions have no gaps."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.chassis.runtime.registry import MONGO_SERVICES, POSTGRES_SERVICES
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


def _add_if_old(result: CheckResult, id_: Any, time: str, service: str, oldest: datetime) -> None:
    if datetime.fromisoformat(time) < oldest:
        result.add(id_, f"waits in the outbox of {service} since {time[11:19]}")
