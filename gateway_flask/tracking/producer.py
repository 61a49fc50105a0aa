"""Behaviour tracking: what visitors do, written to Kafka from here. No database, no service, no waiting.

A producer is made when the first event comes, in the process that it comes to (it doesn't survive a fork). While Kafka
is away events wait in memory, a bounded number of them; then they are lost, and counted as such.
"""

import logging
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
import structlog
from confluent_kafka import Producer
from flask import Flask, current_app, g, request
from prometheus_client import Counter
from pydantic import ValidationError

from gateway_flask.middleware.request_context import cart_id
from schemas.api.tracking import RejectedEvent, Tracked, TrackedEvent, TrackRequest
from schemas.events import behaviour
from schemas.events.base import EVENTS
from services.chassis.common import clock, ids
from services.chassis.common.errors import ValidationFailed
from services.chassis.messaging.envelopes import envelope

SOURCE: Final = "behaviour"
WAITING: Final = 20_000
AHEAD: Final = timedelta(days=1)
"""No clock is further ahead of ours."""
OLDEST: Final = timedelta(days=30)
HEADERS: Final[list[tuple[str, str | bytes | None]]] = [
    ("content-type", b"application/cloudevents+json; charset=UTF-8")
]
TRACKED: Final = Counter(
    "ultramarket_tracked_total", "Behaviour events taken, or lost because Kafka is away", ["outcome"]
)

log = structlog.get_logger()


class Tracking:
    """The way to Kafka of one process. Never blocks a request, never fails one."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: Producer | None = None
        self._lock = threading.Lock()

    def track(self, events: Iterable[dict[str, Any]]) -> None:
        """Write events: `{"type": "search_performed", "session_id": …, "query": …, "results": …}`.

        The fields are those of the model in `schemas/events/behaviour.py`; `at` (a moment) may be left out. An event
        without a session, or whose visitor did not consent, is counted but belongs to nobody. What can't be written
        is logged and left out.
        """
        try:
            for event in events:
                self._write(_envelope(dict(event)))
            self._kafka().poll(0)
        except Exception as failed:  # whatever it is: it must not cost anybody their order
            TRACKED.labels("lost").inc()
            log.error("not_tracked", error=str(failed)[:300])

    def _write(self, wrapped: dict[str, Any]) -> None:
        try:
            self._kafka().produce(
                behaviour.Behaviour.topic(), orjson.dumps(wrapped), wrapped["subject"], headers=list(HEADERS)
            )
            TRACKED.labels("taken").inc()
        except BufferError:
            TRACKED.labels("lost").inc()

    def _kafka(self) -> Producer:
        if self._producer is None:
            with self._lock:
                if self._producer is None:
                    self._producer = Producer(_options(self._bootstrap))
        return self._producer

    def flush(self, seconds: float) -> int:
        """Wait until all is written, or the time is over; how many are not."""
        return 0 if self._producer is None else int(self._producer.flush(seconds))


def _options(bootstrap: str) -> dict[str, Any]:
    quiet = logging.getLogger("ultramarket.tracking")
    quiet.setLevel(logging.CRITICAL)  # while Kafka is away the library says so every second
    return {
        "bootstrap.servers": bootstrap,
        "enable.idempotence": True,
        "linger.ms": 100,  # nobody waits for it, and Kafka and its readers work by the batch
        "compression.type": "lz4",
        "message.timeout.ms": 300_000,
        "queue.buffering.max.messages": WAITING,
        "queue.buffering.max.kbytes": 16_384,
        "reconnect.backoff.max.ms": 2000,
        "logger": quiet,
    }


def install(app: Flask, bootstrap: str) -> None:
    """Give the app its tracking."""
    app.extensions["tracking"] = Tracking(bootstrap)


def track(events: Iterable[dict[str, Any]]) -> None:
    """Track on behalf of the request in work."""
    current_app.extensions["tracking"].track(events)


def identify_session(user_id: str) -> None:
    """At sign-in: the visit that `X-Session-Id` names is this customer's."""
    session = request.headers.get("X-Session-Id")
    if session and _is_session(session):
        track([{"type": "session_identified", "session_id": session, "user_id": user_id}])


def _is_session(text: str) -> bool:
    return len(text) <= 128 and all(char.isascii() and (char.isalnum() or char in "_.:-") for char in text)


def _envelope(said: dict[str, Any]) -> dict[str, Any]:
    type_, at = said.pop("type"), said.pop("at", None)
    if said.get("consent") is False or not said.get("session_id"):
        said = said | {"session_id": f"nobody-{ids.new_id()}", "consent": False}
        for who in ("anonymous_id", "user_id", "cart_id"):
            said.pop(who, None)
    event = EVENTS[SOURCE, type_].model_validate(said)
    wrapped = envelope(event, at=at)
    if (visit := g.get("request_context")) is not None:
        wrapped["requestid"] = visit.request_id
    return wrapped


# ---- POST /events ------------------------------------------------------------------------------------------------


def take(body: TrackRequest, user_id: str | None) -> Tracked:
    """Judge each event by itself and write the good ones."""
    now = clock.now()
    good: list[tuple[int, TrackedEvent]] = []
    rejected: list[RejectedEvent] = []
    for index, raw in enumerate(body.events):
        try:
            good.append((index, _judged(raw)))
        except (ValidationError, ValueError) as wrong:
            rejected.append(RejectedEvent(index=index, message=_why(wrong)))
    skew = _skew(body, [event.at for _, event in good], now)
    who = {
        "session_id": body.session_id,
        "anonymous_id": body.anonymous_id,
        "consent": body.consent,
        "user_id": user_id,
        "cart_id": _guests_cart(),
    }
    said = []
    for index, event in good:
        at = event.at - skew
        if at > now + AHEAD:
            rejected.append(RejectedEvent(index=index, message="at: lies in the future"))
        elif at < now - OLDEST:
            rejected.append(RejectedEvent(index=index, message=f"at: is more than {OLDEST.days} days ago"))
        else:
            said.append(_said(event) | {name: value for name, value in who.items() if value is not None} | {"at": at})
    if user_id and said and body.consent is not False:
        said.append(
            {"type": "session_identified", "session_id": body.session_id, "user_id": user_id, "at": said[-1]["at"]}
        )
    track(said)
    accepted = len(good) - (len(rejected) - (len(body.events) - len(good)))
    return Tracked(accepted=accepted, rejected=sorted(rejected, key=lambda one: one.index))


def _judged(raw: dict[str, Any]) -> TrackedEvent:
    event = TrackedEvent.model_validate_json(orjson.dumps(raw))
    if event.at.tzinfo is None:
        raise ValueError("at: needs its offset, such as Z")
    needed = _NEEDS.get(event.type, ())
    if needed and not any(getattr(event, name) for name in needed):
        raise ValueError(f"{needed[0]}: is needed for {event.type}")
    return event


_NEEDS: Final = {
    "product_view": ("product_id",),
    "add_to_cart": ("sku", "product_id"),
    "search": ("query",),
    "click": ("product_id", "sku", "query", "name"),
    "custom": ("name",),
}
_TYPES: Final = {
    "page_view": "page_viewed",
    "product_view": "product_viewed",
    "add_to_cart": "cart_added",
    "search": "search_performed",
    "click": "result_clicked",
    "custom": "custom_tracked",
}


def _why(wrong: ValueError) -> str:
    if isinstance(wrong, ValidationError):
        first = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg'].removeprefix('Value error, ')}"
    return str(wrong)


def _skew(body: TrackRequest, moments: list[datetime], now: datetime) -> timedelta:
    """How far the visitor's clock is ahead of ours: exactly by `sent_at`; without it, by an event that is yet to come.

    A clock that is behind can't be told from events that were sent late, so those stay where they say they are. One
    that would be ahead by more than a day is a mistake in one event, which must not move the others.
    """
    if body.sent_at is not None and "T" in body.sent_at:
        return datetime.fromisoformat(body.sent_at.replace(" ", "+")) - now
    return max([timedelta(0), *(ahead for at in moments if (ahead := at - now) <= AHEAD)])


def _said(event: TrackedEvent) -> dict[str, Any]:
    return event.model_dump(exclude_none=True, exclude={"at", "type"}) | {"type": _TYPES[event.type]}


def _guests_cart() -> str | None:
    try:
        return cart_id()
    except ValidationFailed:  # tracking is not where a client should learn this
        return None
