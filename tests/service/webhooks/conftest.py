"""The store and the dispatcher of webhooks, on a real PostgreSQL and a real receiver."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from schemas.api.webhooks import CreateWebhook, DeliveryQuery
from schemas.caller import Caller
from services.chassis.common.ids import new_id
from services.chassis.common.key_ring import Key, KeyRing
from services.chassis.testing import connect_postgres
from services.webhooks.dispatcher import Dispatcher
from services.webhooks.domain.audience import scope_of
from services.webhooks.settings import WebhookSettings
from services.webhooks.store import WebhookStore
from services.webhooks.store.delivery_queue import NewDelivery
from tests.support.receiver import NETWORK, PORT, Receiver, receiving

ADMIN = Caller(user_id=new_id(), roles=["ADMIN"])
VENDOR = Caller(user_id=new_id(), roles=["VENDOR"])


def event(subject: str, event_type: str = "order_placed", **data: Any) -> dict[str, Any]:
    """The envelope of an event of an order, with internal attributes."""
    return {
        "specversion": "1.0",
        "id": new_id(),
        "source": "/orders",
        "type": event_type,
        "subject": subject,
        "time": "2026-01-31T12:00:00Z",
        "requestid": "internal",
        "data": {"order_id": subject, **data},
    }


class Webhooks:
    """The store with a dispatcher, and what tests do with them most."""

    def __init__(self, store: WebhookStore, ring: Path) -> None:
        self.store, self.ring = store, ring
        self.environment = {
            "ULTRAMARKET_ENCRYPTION_KEYS_FILE": str(ring),
            "ULTRAMARKET_OUTBOUND_ALLOWED_NETWORKS": NETWORK,
            "ULTRAMARKET_OUTBOUND_PORTS": str(PORT),
            "ULTRAMARKET_OUTBOUND_PLAIN_HTTP": "true",
            "ULTRAMARKET_WEBHOOK_RETRY_SECONDS": "[3600]",
        }
        names = {name.removeprefix("ULTRAMARKET_").lower(): value for name, value in self.environment.items()}
        settings = {**names, "webhook_retry_seconds": (3600,)}
        self.dispatcher = Dispatcher(WebhookSettings(**settings))

    def subscribe(self, url: str, *events: str, caller: Caller = ADMIN) -> dict[str, Any]:
        command = CreateWebhook(url=url, events=list(events) or ["order_placed", "order_confirmed"], caller=caller)
        return self.store.subscriptions.create(command, scope_of(caller), self.dispatcher.cipher)

    def add(self, subscription: dict[str, Any], *subjects: str, user_id: str | None = None) -> list[str]:
        """Store a delivery for each subject; returns the ids of their events."""
        new = [
            NewDelivery(
                subscription["id"], f"orders:{subject}", envelope["id"], envelope["type"], subject, body, user_id
            )
            for subject in subjects
            for envelope in [event(subject)]
            for body in [orjson.dumps(envelope).decode()]
        ]
        assert self.store.queue.add(new) == len(new)
        return [delivery.event_id for delivery in new]

    def send_due(self) -> None:
        self.dispatcher.dispatch(self.store)
        self.dispatcher.wait()

    def make_due(self) -> None:
        """Let the time of every retry and every lease come."""
        with self.store.autocommit() as connection:
            connection.execute(text("update chains set due = now() - interval '1 second'"))

    def deliveries(self, subscription: dict[str, Any]) -> list[dict[str, Any]]:
        """The deliveries of a subscription, the oldest first."""
        page = self.store.deliveries.list_page(subscription["id"], DeliveryQuery(limit=100))
        return list(reversed(page["items"]))

    def statuses(self, subscription: dict[str, Any]) -> list[str]:
        return [delivery["status"] for delivery in self.deliveries(subscription)]

    def events(self, event_type: str) -> list[dict[str, Any]]:
        """Unpublished events of this type."""
        with self.store.reading() as connection:
            rows = connection.execute(text("select body from outbox order by position")).scalars()
            return [body for body in map(orjson.loads, rows) if body["type"] == event_type]

    @contextmanager
    def process(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A process of its own that delivers what is due, until it is killed."""
        schema = str(self.store.engine.url.query["options"]).split("search_path=")[1].split(" ")[0]
        command = [sys.executable, "-W", "ignore", "-m", "tests.service.webhooks.delivering_process", schema]
        process = subprocess.Popen(command, env=os.environ | self.environment)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def store() -> Iterator[WebhookStore]:
    with connect_postgres("webhooks", WebhookStore) as store:
        yield store


@pytest.fixture
def webhooks(store: WebhookStore, tmp_path: Path) -> Iterator[Webhooks]:
    ring = tmp_path / "encryption_keys.json"
    ring.write_text(KeyRing((Key.new(),)).dumps())
    yield Webhooks(store, ring)
    with store.autocommit() as connection:
        connection.execute(text("truncate subscriptions, secrets, deliveries, chains, outbox cascade"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
