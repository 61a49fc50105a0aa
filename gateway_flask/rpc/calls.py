"""Calls to the services: one client per process, made at the first call (a connection doesn't survive a fork)."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

from flask import Flask, current_app, g

from gateway_flask.rpc.presence import Presence
from services.chassis.common.errors import DeadlineExceeded, ServiceUnavailable
from services.chassis.messaging.rpc_client import RpcClient


class Client(Protocol):
    """What the routes need of an RPC client; tests bring their own."""

    def call(
        self,
        service: str,
        method: str,
        /,
        *,
        deadline: float = 5.0,
        context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any: ...


class _Lazy:
    """Makes the client when it is first needed, once."""

    def __init__(self, make: Callable[[], Client]) -> None:
        self._make = make
        self._client: Client | None = None
        self._lock = threading.Lock()

    def get(self) -> Client:
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = self._make()
        return self._client


def install(app: Flask, amqp_url: str, deadline: float, client: Client | None = None) -> None:
    """Give the app its way to the services."""
    app.extensions["rpc"] = _Lazy(lambda: client or RpcClient(amqp_url))
    app.extensions["rpc_deadline"] = deadline
    app.extensions["presence"] = Presence(amqp_url)


def call(service: str, method: str, /, *, deadline: float | None = None, **arguments: Any) -> Any:
    """Ask a service on behalf of the request in work.

    Raises its `DomainError`, `ServiceUnavailable` when it isn't running, `DeadlineExceeded` when it doesn't answer.
    """
    extensions = current_app.extensions
    client, presence = extensions["rpc"].get(), extensions["presence"]
    visit = g.get("request_context")
    presence.check(service)
    try:
        return client.call(
            service,
            method,
            deadline=deadline or extensions["rpc_deadline"],
            context=visit.context() if visit else None,
            **arguments,
        )
    except DeadlineExceeded:
        if presence.look(service):
            raise
        raise ServiceUnavailable(f"The service {service} is not running at the moment") from None
