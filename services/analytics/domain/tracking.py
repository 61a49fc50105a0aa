"""Tracking rules: validation of tracked events, clock skew, consent, and the behaviour events that result."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ValidationError

from schemas.api.tracking import ObservedEvent, RejectedEvent, Tracked, TrackedEvent, TrackRequest
from schemas.events.base import EVENTS, Event
from services.chassis.common.validation_messages import validation_message

SOURCE: Final = "behaviour"
MAX_CLOCK_SKEW: Final = timedelta(days=1)
MAX_AGE: Final = timedelta(days=30)
REQUIRED_FIELDS: Final = {
    "product_view": ("product_id",),
    "add_to_cart": ("sku", "product_id"),
    "search": ("query",),
    "click": ("product_id", "sku", "query", "name"),
    "custom": ("name",),
}
"""By type of tracked event: fields of which at least one is required."""
EVENT_TYPES: Final = {
    "page_view": "page_viewed",
    "product_view": "product_viewed",
    "add_to_cart": "cart_added",
    "search": "search_performed",
    "click": "result_clicked",
    "custom": "custom_tracked",
}


class Occurrence(NamedTuple):
    """A behaviour event and when it happened."""

    event: Event
    at: datetime


NewId = Callable[[], str]


def accept(
    request: TrackRequest, user_id: str | None, cart_id: str | None, now: datetime, new_id: NewId
) -> tuple[Tracked, list[Occurrence]]:
    """Validate each event by itself; the reply, and the occurrences of the accepted ones.

    With a user and consent the session is identified as well. `new_id` makes session ids for events without consent.
    """
    rejected: list[RejectedEvent] = []
    valid: list[tuple[int, TrackedEvent]] = []
    for index, raw in enumerate(request.events):
        try:
            valid.append((index, validated(raw)))
        except ValueError as error:
            rejected.append(RejectedEvent(index=index, message=_message(error)))
    skew = clock_skew(request.sent_at, [event.at for _, event in valid], now)
    identity = {
        "session_id": request.session_id,
        "anonymous_id": request.anonymous_id,
        "consent": request.consent,
        "user_id": user_id,
        "cart_id": cart_id,
    }
    occurrences: list[Occurrence] = []
    for index, event in valid:
        at = event.at - skew
        if at > now + MAX_CLOCK_SKEW:
            rejected.append(RejectedEvent(index=index, message="at: lies in the future"))
        elif at < now - MAX_AGE:
            rejected.append(RejectedEvent(index=index, message=f"at: is more than {MAX_AGE.days} days ago"))
        else:
            fields = event.model_dump(exclude_none=True, exclude={"at", "type"}) | identity
            occurrences.append(Occurrence(behaviour_event(EVENT_TYPES[event.type], fields, new_id), at))
    accepted = len(occurrences)
    if user_id and accepted and request.consent is not False:
        fields = {"session_id": request.session_id, "user_id": user_id}
        occurrences.append(Occurrence(behaviour_event("session_identified", fields, new_id), occurrences[-1].at))
    return Tracked(accepted=accepted, rejected=sorted(rejected, key=lambda each: each.index)), occurrences


def observed(events: Iterable[ObservedEvent], now: datetime, new_id: NewId) -> list[Occurrence]:
    """The occurrences of events that the gateway has observed itself."""
    return [
        Occurrence(
            behaviour_event(
                event.type,
                event.fields | {"session_id": event.session_id, "user_id": event.user_id},
                new_id,
            ),
            event.at or now,
        )
        for event in events
    ]


def validated(raw: dict[str, Any]) -> TrackedEvent:
    """A tracked event. Raises `ValueError` (pydantic's included) naming the field."""
    event = TrackedEvent.model_validate_json(orjson.dumps(raw))
    if event.at.tzinfo is None:
        raise ValueError("at: needs its offset, such as Z")
    required = REQUIRED_FIELDS.get(event.type, ())
    if required and not any(getattr(event, name) for name in required):
        raise ValueError(f"{required[0]}: is needed for {event.type}")
    return event


def clock_skew(sent_at: str | None, times: Sequence[datetime], now: datetime) -> timedelta:
    """The offset of the client's clock: exactly by `sent_at`, otherwise by the latest future event.

    A slow clock cannot be told from events that were sent late, so without `sent_at` past events keep their time. An
    event that is ahead by more than a day is treated as a mistake and does not shift the others.
    """
    if sent_at is not None and "T" in sent_at:
        return datetime.fromisoformat(sent_at.replace(" ", "+")) - now
    return max([timedelta(0), *(ahead for at in times if (ahead := at - now) <= MAX_CLOCK_SKEW)])


def behaviour_event(type_: str, fields: dict[str, Any], new_id: NewId) -> Event:
    """A behaviour event. Without consent or session it is counted, but carries no identity and no session."""
    if fields.get("consent") is False or not fields.get("session_id"):
        anonymous = {"session_id": f"nobody-{new_id()}", "consent": False}
        fields = fields | anonymous | {"anonymous_id": None, "user_id": None, "cart_id": None, "network": None}
    return EVENTS[SOURCE, type_].model_validate(fields)


def _message(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {validation_message(first)}"
    return str(error)
