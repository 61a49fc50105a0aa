"""Behaviour events that the gateway observes itself, sent to analytics without waiting for a reply.

They never fail or delay a request: while analytics is unavailable they are dropped and counted.
"""

import re
from typing import Any, Final

import structlog
from flask import request
from prometheus_client import Counter

from gateway_flask.rpc.calls import cast
from schemas.api.tracking import SESSION_ID_PATTERN, ObservedEvent
from schemas.rpc.analytics import AnalyticsRpc
from services.chassis.common import clock
from services.chassis.common.errors import DomainError

_SESSION_ID: Final = re.compile(SESSION_ID_PATTERN)
DROPPED: Final = Counter(
    "ultramarket_observed_events_dropped_total", "Observed behaviour events that could not be sent to analytics"
)

log = structlog.get_logger()


def record_search(session_id: str | None, **fields: Any) -> None:
    """Record a search: `query`, `results`, `filters`, `took_ms`."""
    record([ObservedEvent(type="search_performed", session_id=session_id, fields=fields)])


def identify_session(user_id: str) -> None:
    """Record at sign-in that the session of `X-Session-Id` belongs to this user."""
    session_id = request.headers.get("X-Session-Id")
    if session_id and _SESSION_ID.fullmatch(session_id):
        record([ObservedEvent(type="session_identified", session_id=session_id, user_id=user_id)])


def record(events: list[ObservedEvent]) -> None:
    """Send events to analytics, with the current time where they have none."""
    now = clock.now()
    timed = [event.model_copy(update={"at": event.at or now}) for event in events]
    try:
        cast(AnalyticsRpc.record_events, events=timed)
    except DomainError as error:
        DROPPED.inc(len(events))
        log.warning("observed_events_dropped", code=error.code, count=len(events))
