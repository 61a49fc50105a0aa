"""Kafka has each event that the stores prove to have happened, at least once, and in order per aggregate.

Aggregates with versions number their events: the first occurrences of the numbers must have no gap, up to the version
in the store. Of others, what is in the store must have its event: a capture, a refund, a sent message, a shipment, an
account.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from ultramarket.verify.kafka import Topic
from ultramarket.verify.results import CheckResult
from ultramarket.verify.stores import Stores

Envelope = dict[str, Any]
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
PUBLISH_SECONDS: Final = 1.0
"""Time between reading a store and reading the topic: what was committed shortly before is published meanwhile. A level
that changes all the time would otherwise be ahead of Kafka in each pass.
"""

ORDER_VERSIONS: Final = """
    select order_id::text as id, max(version) as last,
           min(version) filter (where created_at >= coalesce(%(since)s, '-infinity'::timestamptz)) as first
    from orders.order_events group by order_id
"""
MONEY_MOVES: Final = """
    select reference as event, payment_id::text as id from payments.ledger_entries
    where kind in ('capture', 'refund', 'refund_failed') and at >= coalesce(%(since)s, '-infinity'::timestamptz)
"""
CREATED: Final = """
    select id::text, 'shipment_created' as event from shipping.shipments
    where created_at >= coalesce(%(since)s, '-infinity'::timestamptz)
    union all
    select id::text, 'user_registered' from auth.accounts
    where created_at >= coalesce(%(since)s, '-infinity'::timestamptz)
"""
VERSIONED: Final = (("inventory", "levels"), ("products", "products"))
"""Collections whose documents have a version, which is the sequence of their last event."""


@dataclass
class Sequences:
    """The numbers of the events of each aggregate, as they occur in a topic. Repetitions are ignored."""

    last: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    """Only of those whose first number is not 1."""
    gaps: dict[str, str] = field(default_factory=dict)

    def add(self, subject: str, number: int) -> None:
        last = self.last.get(subject)
        if last is None:
            self.last[subject] = number
            if number != 1:
                self.first[subject] = number
        elif number == last + 1:
            self.last[subject] = number
        elif number > last:
            self.gaps.setdefault(subject, f"version {number} comes in Kafka before version {last + 1}")

    def breach(self, subject: str, first: int, last: int) -> str | None:
        """The error in an aggregate whose events `first` to `last` the topic must have; None when it has them."""
        if subject in self.gaps:
            return self.gaps[subject]
        if self.last.get(subject, 0) < last:
            return f"Kafka has its events up to {self.last.get(subject, 0)} of {last}"
        if self.first.get(subject, 1) > first:
            return f"Kafka has its events from {self.first[subject]} on, not from {first}"
        return None


def check_orders_in_kafka(stores: Stores) -> CheckResult:
    """`order-events` has all events of each order, in order."""
    result, topic, sequences = (
        CheckResult("orders in Kafka"),
        Topic(stores.kafka_bootstrap, "order-events"),
        Sequences(),
    )
    since = topic.complete_since()
    versions = {row.id: (row.first, row.last) for row in stores.rows(ORDER_VERSIONS, since=since) if row.first}
    for event in _events(topic):
        if event["source"] == "/orders" and "sequence" in event:
            sequences.add(event["subject"], int(event["sequence"]))
    for order_id, (first, last) in versions.items():
        result.examined += last - first + 1
        if message := sequences.breach(order_id, first, last):
            result.add(order_id, message)
    return _with_note(result, since)


def check_payments_in_kafka(stores: Stores) -> CheckResult:
    """`payment-events` has the event of each capture and each refund in the ledger."""
    result, topic = CheckResult("payments in Kafka"), Topic(stores.kafka_bootstrap, "payment-events")
    since = topic.complete_since()
    moves = {row.event: row.id for row in stores.rows(MONEY_MOVES, since=since)}
    result.examined = len(moves)
    for event in _events(topic):
        moves.pop(ledger_reference(event), None)
    for reference, payment_id in moves.items():
        result.add(payment_id, f"{reference} is in the ledger, and its event is not in Kafka")
    return _with_note(result, since)


def check_notifications_in_kafka(stores: Stores) -> CheckResult:
    """`notification-events` has the event of each sent message."""
    result, topic = CheckResult("notifications in Kafka"), Topic(stores.kafka_bootstrap, "notification-events")
    since = topic.complete_since()
    condition = {"status": "sent", "sent_at": {"$gte": since or LONG_AGO}}
    messages = {each["_id"] for each in stores.documents("notifications")["messages"].find(condition, {"_id": 1})}
    result.examined = len(messages)
    for event in _events(topic):
        if event["type"] == "notification_sent":
            messages.discard(event["data"]["notification_id"])
    for message_id in messages:
        result.add(message_id, "was sent, and its event is not in Kafka")
    return _with_note(result, since)


def check_others_in_kafka(stores: Stores) -> CheckResult:
    """`analytics-events` has all events of each stock level and product, in order; one of each shipment and account."""
    result, topic = CheckResult("other events in Kafka"), Topic(stores.kafka_bootstrap, "analytics-events")
    since = topic.complete_since()
    versions = {
        source: {each["_id"]: each["version"] for each in stores.documents(source)[name].find({}, {"version": 1})}
        for source, name in VERSIONED
    }
    missing = {(row.event, row.id) for row in stores.rows(CREATED, since=since)}
    result.examined = len(missing)
    sequences = {source: Sequences() for source, _ in VERSIONED}
    for event in _events(topic):
        source = event["source"].removeprefix("/")
        if source in sequences and "sequence" in event:
            sequences[source].add(event["subject"], int(event["sequence"]))
        else:
            missing.discard((event["type"], event["subject"]))
    for source, documents in versions.items():
        for id_, version in documents.items():
            _check_version(result, id_, version, sequences[source], since)
    for event_type, id_ in missing:
        result.add(id_, f"has no `{event_type}` in Kafka")
    return _with_note(result, since)


def ledger_reference(event: Envelope) -> str | None:
    """The reference of the ledger entry that was made with this event of a payment; None for other events."""
    match event["type"]:
        case "payment_captured":
            return f"capture:{event['subject']}"
        case "payment_refunded":
            return f"refund:{event['data']['refund_id']}"
        case "payment_refund_failed":
            return f"refund:{event['data']['refund_id']}:failed"
    return None


def _check_version(result: CheckResult, id_: str, version: int, sequences: Sequences, since: datetime | None) -> None:
    """Compare the version of a document, whose time is not stored: once records were deleted, only what is left."""
    if since is not None and id_ not in sequences.last:
        return
    result.examined += version
    first = 1 if since is None else sequences.first.get(id_, 1)
    if message := sequences.breach(id_, first, version):
        result.add(id_, message)


def _events(topic: Topic) -> Iterator[Envelope]:
    """The events of a topic that were committed until now. What is no event of ours is none that a store published."""
    time.sleep(PUBLISH_SECONDS)
    for value in topic.read():
        try:
            event = orjson.loads(value)
        except orjson.JSONDecodeError:
            continue
        if isinstance(event, dict) and {"source", "type", "subject", "data"} <= event.keys():
            yield event


def _with_note(result: CheckResult, since: datetime | None) -> CheckResult:
    if since is not None:
        result.note = f"from {since:%Y-%m-%d %H:%M:%S} on: Kafka's retention has deleted older records"
    return result


KAFKA_CHECKS: Final[tuple[Callable[[Stores], CheckResult], ...]] = (
    check_orders_in_kafka,
    check_payments_in_kafka,
    check_notifications_in_kafka,
    check_others_in_kafka,
)
