"""Rate limits: each route has a class of limits, and each caller a count of its own in it.

A caller is the API key, else the user, else the network address as nginx determined it. Sign-ins are counted by
address whoever the caller says to be.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import redis
from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, RateLimitItemPerMinute, parse
from limits.storage import RedisStorage
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway_flask.middleware.client_address import network_of
from gateway_flask.middleware.request_context import current_request
from gateway_flask.rate_limiting.moving_window import MovingWindow
from gateway_flask.rate_limiting.shared_counts import SharedCounts
from gateway_flask.rate_limiting.standing import Standing
from gateway_flask.settings import GatewaySettings
from services.chassis.common.errors import RateLimited

SIGN_IN: Final = "sign_in"
WRITES: Final = "writes"
READS: Final = "reads"
IN_MEMORY: Final = "memory://"
REDIS_SECONDS: Final = 0.25
"""Longest wait for Redis before a process counts for itself."""


class Counter(Protocol):
    """Counts requests of clients."""

    def hit(self, item: RateLimitItem, client: str) -> Standing: ...


@dataclass(frozen=True)
class LimitClass:
    """The limits of a class of routes."""

    counter: Counter
    of_callers: RateLimitItem | None
    """Of users and addresses; None: not limited."""
    of_keys: RateLimitItem | None
    """Of API keys."""
    by_address: bool = False
    """Whether a signed-in caller is counted by address as well."""


class Limits:
    """The limits of the routes, by class."""

    def __init__(self, settings: GatewaySettings) -> None:
        storage = _storage(settings)
        exact = MovingWindow(storage)
        reads = SharedCounts(storage.get_connection() if storage else None)  # type: ignore[arg-type]
        sign_in = _item(settings.rate_limit_sign_in, SIGN_IN)
        self.classes: Final = {
            SIGN_IN: LimitClass(exact, sign_in, sign_in, by_address=True),
            WRITES: LimitClass(
                exact, _item(settings.rate_limit_writes, WRITES), _item(settings.rate_limit_key_writes, WRITES)
            ),
            READS: LimitClass(
                reads, _item(settings.rate_limit_reads, READS), _item(settings.rate_limit_key_reads, READS)
            ),
        }


def install(app: Flask, settings: GatewaySettings) -> None:
    """Set up the limits."""
    app.extensions["limits"] = Limits(settings)


def hit(name: str) -> None:
    """Count a request against the class `name`, once its caller is known or refused. Raises `RateLimited`."""
    limits: LimitClass = current_app.extensions["limits"].classes[name]
    context = current_request()
    counter, item, key = limits.counter, limits.of_callers, context.api_key
    if limits.by_address:
        client = network_of(request.environ.get("REMOTE_ADDR", ""))
    elif key is not None and key.requests_per_minute is not None:
        counter = current_app.extensions["limits"].classes[WRITES].counter
        client, item = f"key:{key.id}", RateLimitItemPerMinute(key.requests_per_minute, namespace="api_key")
    elif key is not None:
        client, item = f"key:{key.id}", limits.of_keys
    elif context.caller.user_id is not None:
        client = f"user:{context.caller.user_id}"
    else:
        client = network_of(request.environ.get("REMOTE_ADDR", ""))
    if item is None:
        return
    standing = g.rate_limit = counter.hit(item, client)
    if not standing.allowed:
        raise RateLimited(f"At most {item.amount} requests in {item.get_expiry()} s")


def tell(response: Response) -> Response:
    """Set the reply's rate limit headers (`RateLimit-*`, draft-ietf-httpapi-ratelimit-headers-03)."""
    standing: Standing | None = g.get("rate_limit")
    if standing is not None:
        for name, value in headers_of(standing):
            response.headers.add(name, value)  # none of them is there yet; setting them looks for each
        if not standing.allowed:
            response.headers["Retry-After"] = str(standing.reset)
    return response


def headers_of(standing: Standing) -> tuple[tuple[str, str], ...]:
    """The reply's headers for the state of its client."""
    return (
        ("RateLimit-Limit", str(standing.limit)),
        ("RateLimit-Remaining", str(standing.remaining)),
        ("RateLimit-Reset", str(standing.reset)),
    )


def _item(limit: str, namespace: str) -> RateLimitItem | None:
    if not limit:
        return None
    item = parse(limit)
    item.namespace = namespace
    return item


def _storage(settings: GatewaySettings) -> RedisStorage | None:
    """Redis with short time-outs, or None for counts of each process."""
    url = settings.rate_limit_storage or settings.redis_url
    if url == IN_MEMORY:
        return None
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=16,
        timeout=REDIS_SECONDS,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return RedisStorage(url, connection_pool=pool)
