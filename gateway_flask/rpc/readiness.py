"""Which of the things that we stand on are there: Redis, the broker, and each service by the consumers of its queue."""

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
"""One can buy without them."""
ONLY_HEARS: Final[frozenset[str]] = frozenset()
"""They have no methods, and so no queue of requests: they are there when somebody takes their events."""
KEPT_SECONDS: Final = 2.0
"""How long an answer is good: probes may come from everywhere at once, and looking is not free."""

_lock = threading.Lock()
_last: tuple[float, dict[str, str]] = (-KEPT_SECONDS, {})


def check() -> dict[str, str]:
    """Each dependency, and `up` or what is wrong with it."""
    global _last
    with _lock:
        looked_at, states = _last
        if time.monotonic() - looked_at >= KEPT_SECONDS:
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
    """A service is there when somebody takes from its request queue."""
    settings: GatewaySettings = current_app.extensions["settings"]
    states = dict.fromkeys(SERVICES, "unknown")
    try:
        connection = connect(settings.amqp_url)
        try:
            for service in SERVICES:
                kind: Literal["rpc", "evt"] = "evt" if service in ONLY_HEARS else "rpc"
                states[service] = _state(consumers(connection, service, kind))
        finally:
            connection.close()
    except BROKER_ERRORS as error:
        return {"rabbitmq": f"down: {type(error).__name__}", **states}
    return {"rabbitmq": "up", **states}


def _state(listening: int | None) -> str:
    if listening is None:
        return "down: never started"
    return "up" if listening else "down: nobody listens"
