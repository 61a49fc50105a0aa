"""Behaviour tracking use cases: turn tracked and observed events into Kafka records."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from schemas.api.tracking import ObservedEvent, Tracked, TrackRequest
from schemas.caller import Caller
from services.analytics.domain import tracking
from services.analytics.domain.tracking import Occurrence
from services.analytics.providers.behaviour_producer import BehaviourProducer
from services.chassis.common import ids
from services.chassis.messaging.envelopes import envelope

IDENTIFYING: Final = ("userid", "actor", "traceparent")
"""Envelope attributes that are left out: without consent nothing may identify the visitor."""


def track(
    producer: BehaviourProducer, request: TrackRequest, caller: Caller, cart_id: str | None, now: datetime
) -> Tracked:
    """Write the accepted events of a visitor to Kafka; the reply lists the rejected ones."""
    tracked, occurrences = tracking.accept(request, caller.user_id, cart_id, now, ids.new_id)
    _write(producer, occurrences)
    return tracked


def record(producer: BehaviourProducer, events: Iterable[ObservedEvent], now: datetime) -> None:
    """Write events that the gateway has observed to Kafka."""
    _write(producer, tracking.observed(events, now, ids.new_id))


def _write(producer: BehaviourProducer, occurrences: Iterable[Occurrence]) -> None:
    for occurrence in occurrences:
        producer.write(_anonymous_envelope(occurrence))


def _anonymous_envelope(occurrence: Occurrence) -> dict[str, Any]:
    wrapped = envelope(occurrence.event, at=occurrence.at)
    return {name: value for name, value in wrapped.items() if name not in IDENTIFYING}
