"""Small services for tests, each in a process of its own: `python -m tests.service.chassis.small_services KIND NAME
PORT`.
"""

import services.chassis.runtime.monkey_patch  # noqa: F401, I001 - before everything else

import os
import sys
import time
from functools import cache
from decimal import Decimal
from typing import Any, Protocol

import eventlet
import redis
import structlog
from pydantic import BaseModel, Field
from sqlalchemy import text

from schemas.base import Quantity, Sku
from schemas.events.orders import OrderShipped, OrderStockReleased
from services.chassis.common import context
from services.chassis.messaging.batches import on_batch
from services.chassis.common.errors import DomainError, OutOfStock, ServiceUnavailable
from services.chassis.messaging.events import on_event
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import rpc
from services.chassis.messaging.streams import event_stream
from services.chassis.runtime.runner import serve
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.settings import Settings, load
from services.chassis.runtime.timers import every
from services.chassis.stores import postgres

NAME = sys.argv[2] if len(sys.argv) > 2 else "service"
OTHER = os.environ.get("OTHER", "nobody")

marks = redis.Redis.from_url(os.environ["ULTRAMARKET_REDIS_URL"], decode_responses=True)
log = structlog.get_logger()


def mark(text: str) -> None:
    """Append a line to the journal of this process in Redis, which survives the process."""
    marks.rpush(f"marks:{NAME}", text)


class OwnSettings(Settings):
    own_limit: int = Field(3, ge=1)


class Line(BaseModel):
    sku: Sku
    quantity: Quantity


class Worker(Service):
    """Methods that reply, sleep, raise or return invalid values on demand."""

    name = NAME
    settings = Configured(OwnSettings)

    @rpc
    def echo(self, value: Any = None) -> Any:
        return value

    @rpc
    def add(self, command: Line) -> Line:
        return command

    @rpc
    def pid(self) -> int:
        return os.getpid()

    @rpc
    def slow(self, seconds: float, what: str = "slow") -> int:
        mark(f"{what} began")
        eventlet.sleep(seconds)
        mark(f"{what} ended")
        return os.getpid()

    @rpc
    def get_context(self) -> dict[str, Any]:
        log.info("context_requested")
        return context.carried() | {"left": context.remaining(60)}

    @rpc
    def refuse(self, sku: str) -> None:
        raise OutOfStock.of(sku, 3, 2)

    @rpc
    def raise_bug(self) -> None:
        raise KeyError("sku")

    @rpc
    def reply_non_json(self, part: str) -> Any:
        """Return or raise values that JSON can't represent."""
        if part == "details":
            raise OutOfStock("odd", [{"price": Decimal("1.5"), "sku": {1, 2}}])
        if part == "message":
            raise OutOfStock("\ud800")
        return {"huge": 2**70} if part == "reply" else object()


class WorkerWithEvents(Worker):
    """A worker that also handles events, for a second each: requests and events share its workers."""

    @on_event(OrderStockReleased)
    def handle_slowly(self, event: OrderStockReleased) -> None:
        mark("handling")
        eventlet.sleep(1)


class OtherRpc(Protocol):
    """The methods that `Caller` calls; the interface's module names the service."""

    def echo(self, value: Any = None) -> Any: ...
    def slow(self, seconds: float) -> Any: ...
    def get_context(self) -> Any: ...
    def refuse(self, sku: str) -> Any: ...
    def raise_bug(self) -> Any: ...
    def upper(self, text: str) -> Any: ...
    def fail(self) -> Any: ...


OtherRpc.__module__ = f"schemas.rpc.{OTHER}"


class Caller(Service):
    """Forwards calls to another service."""

    name = NAME
    other = Remote(OtherRpc, deadline=3.0)

    @rpc
    def forward(self, method: str, arguments: dict[str, Any]) -> Any:
        log.info("forwarding")
        return getattr(self.other, method)(**arguments)

    @rpc
    def forward_after(self, seconds: float) -> Any:
        """Call the other service after most of the deadline has passed."""
        eventlet.sleep(seconds)
        return self.other.get_context()

    @rpc
    def pending(self) -> int:
        """The number of replies that are still expected."""
        remote = self.other._send.func.__self__  # type: ignore[attr-defined]
        return len(remote.replies._reply_events)


class Listener(Service):
    """Handles events, and fails as often as a test has set in Redis."""

    name = NAME

    @on_event(OrderStockReleased)
    def first(self, event: OrderStockReleased) -> None:
        self._handle("first", event)

    @on_event(OrderStockReleased, OrderShipped)
    def second(self, event: Any) -> None:
        self._handle("second", event)

    def _handle(self, handler: str, event: Any) -> None:
        mark(f"{handler} {event.subject} {event.meta.sequence} {time.time():.3f} {context.carried().get('request_id')}")
        pause_seconds = marks.get(f"pause:{NAME}:{handler}")
        if pause_seconds:
            eventlet.sleep(float(pause_seconds))
            mark(f"{handler} slept")
        failures_left = marks.decr(f"fail:{NAME}:{handler}:{event.subject}")
        if failures_left >= 0:
            raise KeyError("x" * int(marks.get(f"long:{NAME}") or 1))


class BatchConsumer(Service):
    """Handles events in batches; an order listed as bad in Redis makes its batch fail."""

    name = NAME

    @on_batch(OrderStockReleased, size=50, seconds=float(os.environ.get("GATHER_SECONDS", "0.2")))
    def handle_batch(self, events: list[OrderStockReleased]) -> None:
        if any(marks.sismember(f"bad:{NAME}", event.subject) for event in events):
            raise KeyError("a bad event in the batch")
        mark(" ".join(event.subject for event in events))

    @rpc
    def ping(self) -> str:
        """An RPC method beside the batches, with its own concurrency limit."""
        return "here"


class StreamConsumer(Service):
    """Handles events as one stream. An order fails as often as Redis says, or always if it is listed as bad."""

    name = NAME

    @event_stream(OrderStockReleased, OrderShipped, size=20, seconds=0.02)
    def handle_stream(self, envelopes: list[dict[str, Any]]) -> None:
        subjects = [envelope["subject"] for envelope in envelopes]
        for subject in subjects:
            if marks.sismember(f"bad:{NAME}", subject):
                raise KeyError("a bad event in the batch")
            if int(marks.get(f"away:{NAME}:{subject}") or 0) and marks.decr(f"away:{NAME}:{subject}") >= 0:
                raise ServiceUnavailable()
        eventlet.sleep(float(os.environ.get("HANDLE_SECONDS", "0")))
        for envelope in envelopes:
            mark(f"{envelope['subject']} {envelope['type']}")


class Ticker(Service):
    """A timer whose runs sometimes fail."""

    name = NAME

    @every(seconds=0.05)
    def tick(self) -> None:
        number = marks.incr(f"ticks:{NAME}")
        mark(f"{number} began")
        eventlet.sleep(0.1)
        mark(f"{number} ended")
        if number == 2:
            raise KeyError("a bug")
        if number == 3:
            raise DomainError("a server is away")


class Reader(Service):
    """Queries PostgreSQL."""

    name = NAME

    @rpc
    def read_one(self) -> int:
        with _store().reading() as connection:
            return int(connection.execute(text("select 1")).scalar_one())


@cache
def _store() -> postgres.PostgresStore:
    return postgres.open_store(postgres.PostgresStore, load(Settings).postgres_url, "public")


KINDS = {
    "reader": Reader,
    "worker": Worker,
    "worker_with_events": WorkerWithEvents,
    "caller": Caller,
    "listener": Listener,
    "batch_consumer": BatchConsumer,
    "stream_consumer": StreamConsumer,
    "ticker": Ticker,
}


if __name__ == "__main__":
    serve({KINDS[sys.argv[1]]: int(sys.argv[3])}, load(Settings))
