"""Order status: an order that somebody follows is read again when an event of it arrives, once for all subscribers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from gateway_flask.middleware.request_context import caller
from gateway_flask.rpc.calls import call
from gateway_flask.subscriptions.feeds import Latest
from gateway_flask.subscriptions.session import SocketSession
from schemas.rpc.orders import OrdersRpc
from services.chassis.common.errors import DomainError

RETRY_SECONDS: Final = 1.0

log = structlog.get_logger()

Change = dict[str, Any]


@dataclass(eq=False)
class _Subscriber:
    session: SocketSession
    latest: Latest[Change] = field(default_factory=Latest)


@dataclass(eq=False)
class _Order:
    subscribers: set[_Subscriber] = field(default_factory=set)
    stale: bool = False
    """Whether an event has arrived since the last read began."""
    reading: "asyncio.Task[None] | None" = None


class OrderFeeds:
    """The orders that sockets of this process follow. Used by the event loop's thread only."""

    def __init__(self) -> None:
        self._orders: dict[str, _Order] = {}

    def __len__(self) -> int:
        return len(self._orders)

    async def follow(self, session: SocketSession, order_id: str, after: int | None) -> AsyncIterator[Change]:
        """The order as it is, unless its sequence is `after`, then each later status. Raises `NotFound`.

        A state is complete: one that was missed while the socket was closed, or passed over, needs no replay.
        """
        async with self._subscribed(session, order_id) as latest:  # before the read: later events are received
            change = await session.run(lambda: read(order_id))
            last, status = -1 if after is None else after, None
            while True:
                if change["sequence"] > last and change["status"] != status:
                    last, status = change["sequence"], change["status"]
                    yield change
                change = await latest.take()

    def notify(self, order_id: str) -> None:
        """Read the order again, if anybody follows it."""
        order = self._orders.get(order_id)
        if order is not None:
            order.stale = True
            if order.reading is None:
                order.reading = asyncio.create_task(self._read(order_id, order))

    def notify_all(self) -> None:
        """Read every order again: events may have been missed."""
        for order_id in list(self._orders):
            self.notify(order_id)

    @asynccontextmanager
    async def _subscribed(self, session: SocketSession, order_id: str) -> AsyncIterator[Latest[Change]]:
        order = self._orders.setdefault(order_id, _Order())
        subscriber = _Subscriber(session)
        order.subscribers.add(subscriber)
        try:
            yield subscriber.latest
        finally:
            order.subscribers.discard(subscriber)
            if not order.subscribers and self._orders.get(order_id) is order:
                del self._orders[order_id]

    async def _read(self, order_id: str, order: _Order) -> None:
        """Read the order on behalf of one subscriber: all of them may read it, and its status is the same for all."""
        try:
            while order.stale and order.subscribers:
                order.stale = False
                session = next(iter(order.subscribers)).session
                try:
                    change = await session.run(lambda: read(order_id))
                except DomainError as error:
                    log.warning("order_not_read", order_id=order_id, code=error.code)
                    order.stale = error.retry_after is not None
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                for subscriber in order.subscribers:
                    subscriber.latest.put(change)
        finally:
            order.reading = None


def read(order_id: str) -> Change:
    """The state of an order of the current caller. Raises `NotFound`."""
    order = call(OrdersRpc.get_order, order_id=order_id, caller=caller()).json
    return {
        "order_id": order["id"],
        "number": order["number"],
        "status": order["status"],
        "sequence": order.get("version") or 0,
        "at": order.get("updated_at") or order["created_at"],
    }
