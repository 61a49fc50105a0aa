"""Small services for tests, each in a process of its own: `python -m tests.service.chassis.actors KIND NAME PORT`."""

import services.chassis.runtime.monkey_patch  # noqa: F401, I001 - before everything else

import gc
import os
import sys
import time
from decimal import Decimal
from typing import Any, Protocol

import eventlet
import redis
import structlog
from pydantic import BaseModel, Field

from schemas.base import Quantity, Sku
from schemas.events.orders import OrderShipped, OrderStockReleased
from services.chassis.common import context
from services.chassis.messaging.batches import on_batch
from services.chassis.common.errors import DomainError, OutOfStock
from services.chassis.messaging.events import on_event
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import rpc
from services.chassis.runtime.runner import serve
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.settings import Settings, load
from services.chassis.runtime.timers import every

NAME = sys.argv[2] if len(sys.argv) > 2 else "actor"
OTHER = os.environ.get("OTHER", "nobody")

marks = redis.Redis.from_url(os.environ["ULTRAMARKET_REDIS_URL"], decode_responses=True)
log = structlog.get_logger()


def mark(text: str) -> None:
    """Something that a test can read, also after this process has died."""
    marks.rpush(f"marks:{NAME}", text)


class OwnSettings(Settings):
    own_limit: int = Field(3, ge=1)


class Line(BaseModel):
    sku: Sku
    quantity: Quantity


class Worker(Service):
    """Does as it is told."""

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
    def where(self) -> dict[str, Any]:
        log.info("asked_where")
        return context.carried() | {"left": context.remaining(60)}

    @rpc
    def refuse(self, sku: str) -> None:
        raise OutOfStock.of(sku, 3, 2)

    @rpc
    def break_down(self) -> None:
        raise KeyError("sku")

    @rpc
    def say_the_unsayable(self, where: str) -> Any:
        """Values that JSON has no word for."""
        if where == "details":
            raise OutOfStock("odd", [{"price": Decimal("1.5"), "sku": {1, 2}}])
        if where == "message":
            raise OutOfStock("\ud800")
        return {"huge": 2**70} if where == "reply" else object()


class Both(Worker):
    """Does as it is told, and hears events that take a second: they share its workers."""

    @on_event(OrderStockReleased)
    def ponder(self, event: OrderStockReleased) -> None:
        mark("ponders")
        eventlet.sleep(1)


class OtherRpc(Protocol):
    """The methods that `Front` calls; the interface's module names the service."""

    def echo(self, value: Any = None) -> Any: ...
    def slow(self, seconds: float) -> Any: ...
    def where(self) -> Any: ...
    def refuse(self, sku: str) -> Any: ...
    def break_down(self) -> Any: ...
    def shout(self, text: str) -> Any: ...
    def fail(self) -> Any: ...


OtherRpc.__module__ = f"schemas.rpc.{OTHER}"


class Front(Service):
    """Asks another service."""

    name = NAME
    other = Remote(OtherRpc, deadline=3.0)

    @rpc
    def ask(self, method: str, arguments: dict[str, Any]) -> Any:
        log.info("asks")
        return getattr(self.other, method)(**arguments)

    @rpc
    def ask_late(self, seconds: float) -> Any:
        """After most of the time is gone."""
        eventlet.sleep(seconds)
        return self.other.where()

    @rpc
    def pending(self) -> int:
        """How many answers are waited for."""
        [remote] = [found for found in gc.get_objects() if isinstance(found, Remote) and found.is_bound()]
        return len(remote.replies._reply_events)


class Listener(Service):
    """Hears events, and fails as often as a test has said."""

    name = NAME

    @on_event(OrderStockReleased)
    def first(self, event: OrderStockReleased) -> None:
        self._hear("first", event)

    @on_event(OrderStockReleased, OrderShipped)
    def second(self, event: Any) -> None:
        self._hear("second", event)

    def _hear(self, handler: str, event: Any) -> None:
        mark(f"{handler} {event.subject} {event.meta.sequence} {time.time():.3f} {context.carried().get('request_id')}")
        pause = marks.get(f"pause:{NAME}:{handler}")
        if pause:
            eventlet.sleep(float(pause))
            mark(f"{handler} slept")
        left = marks.decr(f"fail:{NAME}:{handler}")
        if left >= 0:
            raise KeyError("x" * int(marks.get(f"long:{NAME}") or 1))


class Gatherer(Service):
    """Hears events by the batch; one whose order is named as bad makes its batch fail."""

    name = NAME

    @on_batch(OrderStockReleased, size=50, seconds=0.2)
    def gather(self, events: list[OrderStockReleased]) -> None:
        if any(marks.sismember(f"bad:{NAME}", event.subject) for event in events):
            raise KeyError("a bad one among them")
        mark(" ".join(event.subject for event in events))

    @rpc
    def answer(self) -> str:
        """Calls come in beside the batches, with a limit of their own."""
        return "here"


class Ticker(Service):
    """Has work that comes back, and fails now and then."""

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


KINDS = {"worker": Worker, "both": Both, "front": Front, "listener": Listener, "gatherer": Gatherer, "ticker": Ticker}


if __name__ == "__main__":
    serve({KINDS[sys.argv[1]]: int(sys.argv[3])}, load(Settings))
