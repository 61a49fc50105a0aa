"""Rate limits by address for sign-ins and anonymous writes; wide by default, by setting."""

import threading
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from gateway_flask.middleware.request_context import current_request
from gateway_flask.settings import GatewaySettings
from services.chassis.common.errors import RateLimited

SIGN_IN: Final = "sign_in"
WRITES: Final = "writes"


class Limits:
    """The limits and the storage of their counters."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.counter = FixedWindowRateLimiter(storage_from_string(settings.rate_limit_storage))
        self.items: dict[str, RateLimitItem] = {}
        for name, limit in ((SIGN_IN, settings.rate_limit_sign_in), (WRITES, settings.rate_limit_writes)):
            if limit:
                self.items[name] = parse(limit)
        # Of two threads that count in memory at once, one may start the other's timer: its own then fails.
        in_memory = settings.rate_limit_storage.startswith("memory:")
        self._alone: AbstractContextManager[object] = threading.Lock() if in_memory else nullcontext()

    def hit(self, item: RateLimitItem, name: str, address: str) -> bool:
        """Count a hit; False when it exceeds the limit."""
        with self._alone:
            return self.counter.hit(item, name, address)


def install(app: Flask, settings: GatewaySettings) -> None:
    """Set up the limits."""
    app.extensions["limits"] = Limits(settings)


def hit(name: str) -> None:
    """Count a request against the limit `name`. Raises `RateLimited` beyond it. Signed-in callers are not limited."""
    limits: Limits = current_app.extensions["limits"]
    item = limits.items.get(name)
    if item is None or (name == WRITES and current_request().caller.user_id is not None):
        return
    address = request.remote_addr or "unknown"
    if not limits.hit(item, name, address):
        g.rate_limit = (item.amount, limits.counter.get_window_stats(item, name, address))
        raise RateLimited(f"At most {item} from one address")


def tell(response: Response) -> Response:
    """Set the reply's rate limit headers (`RateLimit-*`, draft-ietf-httpapi-ratelimit-headers-03)."""
    refused = g.get("rate_limit")
    if refused is not None:
        amount, (reset_at, remaining) = refused
        wait = str(max(1, int(reset_at - time.time()) + 1))
        response.headers["RateLimit-Limit"] = str(amount)
        response.headers["RateLimit-Remaining"] = str(remaining)
        response.headers["RateLimit-Reset"] = wait
        response.headers["Retry-After"] = wait
    return response
