"""Typed calls to the services, by one RPC client per process, made at the first call: it does not survive a fork."""

import threading
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from flask import Flask, current_app, g

from gateway_flask.rpc.presence import Presence
from services.chassis.common.errors import DeadlineExceeded, ServiceUnavailable
from services.chassis.messaging.rpc_client import RpcClient
from services.chassis.messaging.typed_calls import Reply, address, request_arguments

P = ParamSpec("P")
R = TypeVar("R")


class Client(Protocol):
    """The RPC client as the routes use it; tests bring their own."""

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

    def cast(self, service: str, method: str, /, *, context: dict[str, Any] | None = None, **kwargs: Any) -> None: ...


class _Lazy:
    """Makes the client at its first use, once."""

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
    """Set up the RPC client of the application."""
    app.extensions["rpc"] = _Lazy(lambda: client or RpcClient(amqp_url))
    app.extensions["rpc_deadline"] = deadline
    app.extensions["presence"] = Presence(amqp_url)


def call(method: Callable[Concatenate[Any, P], R], *args: P.args, **kwargs: P.kwargs) -> Reply[R]:
    """Call a service on behalf of the current request: `call(OrdersRpc.get_order, order_id=…, caller=caller())`.

    Raises the service's `DomainError`, `ServiceUnavailable` when it isn't running, `DeadlineExceeded` when it doesn't
    reply in time.
    """
    return _send(current_app.extensions["rpc_deadline"], method, args, kwargs)


def call_within(
    seconds: float, method: Callable[Concatenate[Any, P], R], *args: P.args, **kwargs: P.kwargs
) -> Reply[R]:
    """`call` with a deadline of its own, in seconds."""
    return _send(seconds, method, args, kwargs)


def cast(method: Callable[Concatenate[Any, P], R], *args: P.args, **kwargs: P.kwargs) -> None:
    """Send a request to a service on behalf of the current request without waiting for its reply.

    Raises `ServiceUnavailable` when the service is known to be away or the broker is not connected.
    """
    extensions = current_app.extensions
    context = g.get("request_context")
    service, name = address(method)
    extensions["presence"].check(service)
    extensions["rpc"].get().cast(
        service, name, context=context.context() if context else None, **request_arguments(method, args, kwargs)
    )


def _send(seconds: float, method: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Reply[R]:
    extensions = current_app.extensions
    client, presence = extensions["rpc"].get(), extensions["presence"]
    context = g.get("request_context")
    service, name = address(method)
    presence.check(service)
    try:
        reply = client.call(
            service,
            name,
            deadline=seconds,
            context=context.context() if context else None,
            **request_arguments(method, args, kwargs),
        )
    except DeadlineExceeded:
        if presence.look(service):
            raise
        raise ServiceUnavailable(f"The service {service} is not running at the moment") from None
    return Reply(method, reply)
