"""Readiness: the state of Redis, the broker, and each service by the consumers of its queue."""

import threading
import time
from typing import Final, Literal

import redis
from flask import current_app

from gateway_flask.rpc.presence import consumers
from gateway_flask.settings import GatewaySettings
from services.chassis.messaging.transport import BROKER_ERRORS, connect
from services.chassis.runtime.registry import PLATFORM_SERVICES, SERVICES

OPTIONAL: Final = {"notifications", *PLATFORM_SERVICES}
"""Dependencies that are not needed for placing an order."""
ONLY_CONSUMES: Final[frozenset[str]] = frozenset()
"""Services without RPC methods, and so without an RPC queue: their event queue is checked."""
CACHE_SECONDS: Final = 2.0
"""Seconds for which a result is cached: probes may come from several places at once."""

_lock = threading.Lock()
_last: tuple[float, dict[str, str]] = (-CACHE_SECONDS, {})


def check() -> dict[str, str]:
    """The state of each dependency: `up`, or the error."""
    global _last
    with _lock:
        looked_at, states = _last
        if time.monotonic() - looked_at >= CACHE_SECONDS:
            states = {"redis": _redis(), **_broker()}
            _last = (time.monotonic(), states)
        return states


def _redis() -> str:
    try:
        current_app.extensions["redis"].ping()
    except redis.RedisError as error:
        return f"down: {type(error).__name__}"
    return "up"


def _broker() -> dict[str, str]:
    """The broker's state, and that of each service by the consumers of its RPC queue."""
    settings: GatewaySettings = current_app.extensions["settings"]
    states = dict.fromkeys(SERVICES, "unknown")
    try:
        connection = connect(settings.amqp_url)
        try:
            for service in SERVICES:
                kind: Literal["rpc", "evt"] = "evt" if service in ONLY_CONSUMES else "rpc"
                states[service] = _state(consumers(connection, service, kind))
        finally:
            connection.close()
    except BROKER_ERRORS as error:
        return {"rabbitmq": f"down: {type(error).__name__}", **states}
    return {"rabbitmq": "up", **states}


def _state(listening: int | None) -> str:
    if listening is None:
        return "down: never started"
    return "up" if listening else "down: no consumer"
