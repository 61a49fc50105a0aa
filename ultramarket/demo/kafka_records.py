"""An order's records, read back from Kafka with an ordinary consumer."""

import json
import secrets
import time
from typing import Any, Final

from ultramarket.demo.session import PATIENCE_SECONDS, DemoSession, DemoFailed
from ultramarket.instance import Instance

TOPICS: Final = ("order-events", "payment-events", "notification-events", "analytics-events")


def show_records(stage: DemoSession, order: dict[str, Any]) -> None:
    ids = {order["id"], (order.get("payment") or {}).get("id"), stage.visit}
    records = read_records(stage.instance, ids)
    if not any(record["topic"] == "order-events" for record in records):
        raise DemoFailed("no record of the order is in Kafka: `ultramarket logs bridge`")
    stage.tell("Kafka", "its events, for whoever wants to read them")
    for record in records:
        place = f"{record['topic']} {record['partition']}@{record['offset']}"
        stage.detail(f"{record['time']}  {record['type']}  [dim]{place}[/]")


def read_records(instance: Instance, subjects: set[str | None]) -> list[dict[str, Any]]:
    """All records about these subjects, until one of a confirmed order is among them or patience is over."""
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
    found: list[dict[str, Any]] = []
    end = time.monotonic() + PATIENCE_SECONDS
    confirmed = False
    try:
        while time.monotonic() < end:
            message = consumer.poll(0.5)
            if message is None:
                if confirmed:  # and half a second of silence: all of it has been read
                    break
                continue
            if message.error():
                continue
            event = json.loads(message.value() or b"{}")
            if event.get("subject") not in subjects and not subjects & _mentioned(event):
                continue
            place = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
            found.append({"type": event["type"], "time": event["time"], "id": event["id"], **place})
            confirmed = confirmed or event["type"] == "order_confirmed"
    finally:
        consumer.close()
    return sorted(found, key=lambda record: str(record["time"]))


def _mentioned(event: dict[str, Any]) -> set[str]:
    data = event.get("data")
    value = data.get("order_id") if isinstance(data, dict) else None
    return {value} if isinstance(value, str) else set()
