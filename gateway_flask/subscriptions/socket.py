"""One socket: the protocol graphql-transport-ws.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

import orjson
import structlog
from graphql import ExecutionResult
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway_flask.graphql import errors
from gateway_flask.http import json_documents
from gateway_flask.subscriptions.operations import Operations
from gateway_flask.subscriptions.places import Places
from gateway_flask.subscriptions.session import SocketSession
from services.chassis.common.errors import DomainError, RateLimited

PROTOCOL: Final = "graphql-transport-ws"
INIT_SECONDS: Final = 5.0
"""Longest wait for `connection_init`."""
SEND_SECONDS: Final = 10.0
"""Longest wait for a client that does not read."""
MAX_OPERATIONS: Final = 20
"""Subscriptions of one socket."""
BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN = 4400, 4401, 4403
INIT_TIMEOUT, SUBSCRIBER_EXISTS, TOO_MANY_INITS = 4408, 4409, 4429
TRY_AGAIN_LATER: Final = 1013

log = structlog.get_logger()


class _Refused(Exception):
    """The socket is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Socket:
    """A connection with its caller and subscriptions."""

    def __init__(
        self, connection: ServerConnection, session: SocketSession, operations: Operations, places: Places
    ) -> None:
        self.connection, self.session = connection, session
        self._operations, self._places = operations, places
        self._running: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Serve until the client or we close it."""
        user_id: str | None = None
        try:
            await self._init()
            if (signed_in := self.session.caller.user_id) is not None:
                self._places.enter_user(signed_in)
                user_id = signed_in
            await self._send({"type": "connection_ack"})
            async for raw in self.connection:
                await self._on_message(_parsed(raw))
        except _Refused as refused:
            await self.connection.close(refused.code, refused.reason)
        except RateLimited as refused:
            await self.connection.close(TRY_AGAIN_LATER, refused.code)
        except ConnectionClosed:
            pass
        finally:
            if user_id is not None:
                self._places.leave_user(user_id)
            await self._stop_all()

    async def end(self, error: DomainError) -> None:
        """Close the socket of a session that is over."""
        await self.connection.close(UNAUTHORIZED, error.code)

    async def _init(self) -> None:
        try:
            async with asyncio.timeout(INIT_SECONDS):
                message = _parsed(await self.connection.recv())
        except TimeoutError:
            raise _Refused(INIT_TIMEOUT, "Connection initialisation timeout") from None
        if message["type"] != "connection_init":
            raise _Refused(UNAUTHORIZED, "Unauthorized")
        try:
            await self.session.open(message.get("payload"))
        except RateLimited:
            raise
        except DomainError as error:
            raise _Refused(FORBIDDEN if error.status < 500 else TRY_AGAIN_LATER, error.code) from None

    async def _on_message(self, message: dict[str, Any]) -> None:
        kind, operation = message["type"], message.get("id")
        if kind == "ping":
            await self._send({"type": "pong"})
        elif kind == "subscribe" and isinstance(operation, str) and operation:
            self._subscribe(operation, message.get("payload"))
        elif kind == "complete" and isinstance(operation, str):
            if task := self._running.pop(operation, None):
                task.cancel()
        elif kind == "connection_init":
            raise _Refused(TOO_MANY_INITS, "Too many initialisation requests")
        elif kind != "pong":
            raise _Refused(BAD_MESSAGE, "Invalid message")

    def _subscribe(self, operation: str, payload: Any) -> None:
        if operation in self._running:
            raise _Refused(SUBSCRIBER_EXISTS, "Subscriber for this id already exists")
        if len(self._running) >= MAX_OPERATIONS:
            raise _Refused(TRY_AGAIN_LATER, "Too many subscriptions")
        self._running[operation] = asyncio.create_task(self._run(operation, payload))

    async def _run(self, operation: str, payload: Any) -> None:
        """Send the results of one subscription."""
        task = asyncio.current_task()
        try:
            await self._send_results(operation, payload)
        except ConnectionClosed:
            pass
        except TimeoutError:  # the client does not read: closing in order would wait for it as well
            self.connection.transport.abort()
        finally:
            if self._running.get(operation) is task:
                del self._running[operation]

    async def _send_results(self, operation: str, payload: Any) -> None:
        try:
            results = await self._operations.start(self.session, payload)
        except Exception as error:
            results = ExecutionResult(None, [errors.of(error)])
        if isinstance(results, ExecutionResult):
            failed = [errors.formatted(error) for error in results.errors or ()]
            await self._send({"id": operation, "type": "error", "payload": failed})
            return
        try:
            async for result in results:
                await self._send({"id": operation, "type": "next", "payload": _payload(result)})
        except (ConnectionClosed, TimeoutError):
            raise
        except Exception as error:
            failure = errors.formatted(errors.of(error))
            await self._send({"id": operation, "type": "error", "payload": [failure]})
            return
        finally:
            await results.aclose()  # type: ignore[attr-defined] # graphql-core gives an async generator
        await self._send({"id": operation, "type": "complete"})

    async def _send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self.connection.send(orjson.dumps(message).decode())

    async def _stop_all(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


def _parsed(raw: str | bytes) -> dict[str, Any]:
    content = raw.encode() if isinstance(raw, str) else raw
    try:
        message = json_documents.parse(content)
    except ValueError:
        raise _Refused(BAD_MESSAGE, "Invalid message: not JSON") from None
    if json_documents.unusable_value(content, message) is not None:
        raise _Refused(BAD_MESSAGE, "Invalid message: NUL, or a number beyond 64 bits")
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise _Refused(BAD_MESSAGE, "Invalid message: no type")
    return message


def _payload(result: ExecutionResult) -> dict[str, Any]:
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = [errors.formatted(error) for error in result.errors]
    return payload
