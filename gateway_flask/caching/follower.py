"""Follows the events that change cached replies, in each gateway process."""

from typing import Final

import orjson
from prometheus_client import Counter

from gateway_flask.caching import tags
from gateway_flask.caching.invalidations import Drop, Invalidations
from services.chassis.messaging.broadcasts import BroadcastFollower

INVALIDATED: Final = Counter(
    "ultramarket_reply_cache_invalidations_total", "Events that dropped cached replies", ["type"]
)
_EVERYTHING: Final = (Drop(tags.EVERYTHING, tags.INDEX_SECONDS),)


class InvalidationFollower(BroadcastFollower):
    """Records invalidations. While the broker can't be reached nothing is cached."""

    thread_name = "reply-cache"
    retry_seconds = 0.5

    def __init__(self, invalidations: Invalidations, amqp_url: str) -> None:
        super().__init__(amqp_url, tags.DROPS)
        self._invalidations = invalidations

    def connected(self) -> None:
        self._invalidations.begin()
        self._invalidations.record(_EVERYTHING)  # changes of before may still be on their way into copies

    def disconnected(self) -> None:
        self._invalidations.end()

    def receive(self, exchange: str, routing_key: str, body: bytes) -> None:
        """Record what the event drops; everything, if it can't be read."""
        drops: tuple[Drop, ...] = _EVERYTHING
        try:
            drops = tags.DROPS[exchange, routing_key](orjson.loads(body)["data"])
        finally:
            if drops:
                INVALIDATED.labels(routing_key).inc()
                self._invalidations.record(drops)
