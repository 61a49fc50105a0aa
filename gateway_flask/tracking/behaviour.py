"""Behaviour events that the gateway observes itself, sent to analytics without waiting for a reply.

They never fail or delay a request: while analytics is unavailable they are dropped and counted.
"""

import hmac
import re
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any, Final

import structlog
from flask import current_app, request
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
    """Record a search: `query`, `results`, `filters`, `took_ms`; with the pseudonym of the visitor's network."""
    network = network_pseudonym(request.remote_addr, clock.now(), current_app.extensions["settings"].secret)
    fields = {**fields, "network": network} if session_id else fields
    record([ObservedEvent(type="search_performed", session_id=session_id, fields=fields)])


def network_pseudonym(address: str | None, now: datetime, secret: bytes) -> str | None:
    """A pseudonym of the network (/24, IPv6: /48) of an address, which changes each month; None without an address.

    It tells apart where searches came from, and can't be turned back into an address without the secret.
    """
    try:
        ip = ip_address(address or "")
    except ValueError:
        return None
    network = ip_network(f"{ip}/{24 if ip.version == 4 else 48}", strict=False)
    return hmac.digest(secret, f"network {now:%Y-%m} {network}".encode(), "sha256").hex()[:16]


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
