"""The caller behind a socket: authorised once, as a request with these headers would be, then watched."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from flask import Flask
from werkzeug.test import create_environ

from gateway_flask.middleware import rate_limits, request_context
from gateway_flask.middleware.authentication import identify
from gateway_flask.middleware.client_address import network_of
from gateway_flask.middleware.request_context import current_request
from schemas.caller import Caller
from schemas.permissions.access import GUEST
from services.chassis.common.errors import BadRequest, TokenExpired, Unauthenticated

T = TypeVar("T")

CREDENTIALS: Final = {"authorization": "Authorization", "x-api-key": "X-API-Key", "x-order-key": "X-Order-Key"}
"""Fields of the payload of `connection_init`, in any case, by the header that they stand for."""
MAX_CREDENTIAL: Final = 8192


class SocketSession:
    """A caller, and calls on their behalf from threads: the RPC client and the checks of routes block."""

    def __init__(self, app: Flask, pool: ThreadPoolExecutor, address: str) -> None:
        self._app, self._pool, self._address = app, pool, address
        self._headers: dict[str, str] = {}
        self.caller = Caller()
        self.session_id: str | None = None
        self.expires_at: float | None = None
        self._api_key: Any = None

    @property
    def owner(self) -> str:
        """The user or the network address whose sockets are counted together."""
        return f"user:{self.caller.user_id}" if self.caller.user_id else f"address:{network_of(self._address)}"

    @property
    def has_api_key(self) -> bool:
        return self._api_key is not None

    async def open(self, payload: Any) -> None:
        """Authorise. Raises `Unauthenticated`, `TokenExpired`, `RateLimited`, `BadRequest`."""
        self._headers = _headers_of(payload)
        await self.run(self._identify)
        await self.count()

    async def check_api_key(self) -> None:
        """Raise `Unauthenticated` when the key is no longer valid."""
        await self.run(self._identify)

    def check(self, now: float | None = None) -> None:
        """Raise `TokenExpired` or `Unauthenticated` when the session is over."""
        if self.expires_at is not None and self.expires_at <= (time.time() if now is None else now):
            raise TokenExpired
        if self.session_id is not None and self.session_id in self._app.extensions["revocations"]:
            raise Unauthenticated("The session has ended: log in again")

    async def run(self, work: Callable[[], T]) -> T:
        """Do `work` in a thread, as in a request of this caller."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._in_request, work)

    async def count(self) -> None:
        """Count an operation against the rate limit of reads. Raises `RateLimited`."""
        await self.run(lambda: rate_limits.hit(rate_limits.READS))

    def _in_request(self, work: Callable[[], T]) -> T:
        environ = create_environ("/graphql", headers=self._headers)
        environ["REMOTE_ADDR"] = self._address
        with self._app.request_context(environ):
            request_context.begin()
            here = current_request()
            here.caller, here.session_id, here.api_key = self.caller, self.session_id, self._api_key
            return work()

    def _identify(self) -> None:
        identify(GUEST)
        here = current_request()
        self.caller, self.session_id, self._api_key = here.caller, here.session_id, here.api_key
        self.expires_at = here.expires_at


def _headers_of(payload: Any) -> dict[str, str]:
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise BadRequest("The payload of connection_init must be an object")
    headers: dict[str, str] = {}
    for name, value in payload.items():
        header = CREDENTIALS.get(name.lower())
        if header is None or value is None:
            continue
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > MAX_CREDENTIAL:
            raise BadRequest(f"{name} is not a credential of ours")
        headers[header] = value
    return headers
