"""Kafka records of an order, read with an ordinary consumer."""

import json
import secrets
import time
from typing import Any, Final

from ultramarket.demo.session import PATIENCE_SECONDS, DemoFailed, DemoSession
from ultramarket.instance import Instance

TOPICS: Final = ("order-events", "payment-events", "notification-events", "analytics-events")


def show_records(session: DemoSession, order: dict[str, Any]) -> None:
    """Print the records of the order, its payment and the customer's session."""
    ids = {order["id"], (order.get("payment") or {}).get("id"), session.session_id}
    records = read_records(session.instance, ids)
    if not any(record["topic"] == "order-events" for record in records):
        raise DemoFailed("Kafka has no record of the order: `ultramarket logs bridge`")
    session.step("Kafka", "the records of the order's events")
    for record in records:
        position = f"{record['topic']} {record['partition']}@{record['offset']}"
        session.detail(f"{record['time']}  {record['type']}  [dim]{position}[/]")


def read_records(instance: Instance, subjects: set[str | None]) -> list[dict[str, Any]]:
    """All records about the subjects, until one of a confirmed order is among them or the time is over."""
    from confluent_kafka import Consumer

    consumer = Consumer(
        {
            "bootstrap.servers": instance.url("kafka"),
            "group.id": f"demo-{secrets.token_hex(6)}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    consumer.subscribe(list(TOPICS))
    records: list[dict[str, Any]] = []
    end = time.monotonic() + PATIENCE_SECONDS
    confirmed = False
    try:
        while time.monotonic() < end:
            message = consumer.poll(0.5)
            if message is None:
                if confirmed:  # no further record for half a second: all have been read
                    break
                continue
            if message.error():
                continue
            event = json.loads(message.value() or b"{}")
            if event.get("subject") not in subjects and _order_id(event) not in subjects:
                continue
            position = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
            records.append({"type": event["type"], "time": event["time"], "id": event["id"], **position})
            confirmed = confirmed or event["type"] == "order_confirmed"
    finally:
        consumer.close()
    return sorted(records, key=lambda record: str(record["time"]))


def _order_id(event: dict[str, Any]) -> Any:
    """Of an event about something else that belongs to an order."""
    data = event.get("data")
    return data.get("order_id", "") if isinstance(data, dict) else ""
