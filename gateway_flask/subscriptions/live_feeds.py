"""Live figures: read every few seconds for each user who follows them, once for all sockets of the user."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from gateway_flask.middleware.request_context import caller
from gateway_flask.rpc.calls import call
from gateway_flask.subscriptions.feeds import Latest
from gateway_flask.subscriptions.session import SocketSession
from schemas.rpc.analytics import AnalyticsRpc
from services.chassis.common.errors import DomainError

EVERY_SECONDS: Final = 5.0
"""As the route `/analytics/live` streams them."""

log = structlog.get_logger()

Figures = dict[str, Any]


@dataclass(eq=False)
class _User:
    subscribers: dict[Latest[Figures], SocketSession] = field(default_factory=dict)
    reading: "asyncio.Task[None] | None" = None


class LiveFeeds:
    """The users who follow live figures in this process. Used by the event loop's thread only."""

    def __init__(self, every_seconds: float = EVERY_SECONDS) -> None:
        self._every = every_seconds
        self._users: dict[str, _User] = {}

    async def follow(self, session: SocketSession) -> AsyncIterator[Figures]:
        """The figures at once, then every few seconds."""
        yield await session.run(_read)
        latest: Latest[Figures] = Latest()
        user = self._users.setdefault(session.owner, _User())
        user.subscribers[latest] = session
        if user.reading is None:
            user.reading = asyncio.create_task(self._read_often(session.owner, user))
        try:
            while True:
                yield await latest.take()
        finally:
            del user.subscribers[latest]

    async def _read_often(self, owner: str, user: _User) -> None:
        while True:
            await asyncio.sleep(self._every)
            if not user.subscribers:
                del self._users[owner]
                return
            try:
                figures = await next(iter(user.subscribers.values())).run(_read)
            except DomainError as error:
                log.warning("live_figures_not_read", code=error.code)
                continue
            for latest in user.subscribers:
                latest.put(figures)


def _read() -> Figures:
    figures: Figures = call(AnalyticsRpc.live, caller=caller()).json
    return figures
