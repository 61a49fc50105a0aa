"""Tracking rules: identity, consent, clock skew and validation of tracked events."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson
import pytest

from schemas.api.tracking import ObservedEvent, Tracked, TrackRequest
from schemas.caller import Caller
from services.analytics import tracking as use_cases
from services.analytics.domain import tracking
from services.analytics.domain.tracking import Occurrence
from services.chassis.common import context

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
USER = "0197b1c8-7a5e-7cc0-9f00-3f5b6d0c1a2b"
CART = "c" * 27


def product_view(at: datetime = NOW, **fields: Any) -> dict[str, Any]:
    return {"type": "product_view", "product_id": "mug", "at": at.isoformat()} | fields


def accept(*events: dict[str, Any], user: str | None = None, **fields: Any) -> tuple[Tracked, list[Occurrence]]:
    request = TrackRequest.model_validate({"session_id": "session-1", "events": list(events)} | fields)
    numbers = count()
    return tracking.accept(request, user, CART, NOW, lambda: f"id{next(numbers)}")


class CollectingProducer:
    """Collects envelopes in place of the Kafka producer."""

    def __init__(self) -> None:
        self.envelopes: list[dict[str, Any]] = []

    def write(self, envelope: dict[str, Any]) -> None:
        self.envelopes.append(envelope)


def test_event_belongs_to_session_and_guest_cart() -> None:
    tracked, (occurrence,) = accept(product_view())

    assert (tracked.accepted, tracked.rejected) == (1, [])
    assert occurrence.at == NOW
    assert occurrence.event.type == "product_viewed"
    assert occurrence.event.topic() == "analytics-events"
    assert occurrence.event.model_dump(exclude_none=True) == {
        "session_id": "session-1", "cart_id": CART, "product_id": "mug", "properties": {},
    }  # fmt: skip


def test_user_identifies_the_session() -> None:
    tracked, occurrences = accept(product_view(), user=USER)

    assert tracked.accepted == 1
    assert [(event.type, event.model_dump()["user_id"]) for event, _ in occurrences] == [
        ("product_viewed", USER), ("session_identified", USER),
    ]  # fmt: skip


def test_events_without_consent_carry_no_identity() -> None:
    tracked, occurrences = accept(product_view(), product_view(), user=USER, consent=False, anonymous_id="me")

    assert tracked.accepted == 2
    text = orjson.dumps([event.model_dump(mode="json") for event, _ in occurrences]).decode()
    assert not any(identity in text for identity in ("session-1", USER, CART, '"me"'))
    assert [event.subject for event, _ in occurrences] == ["nobody-id0", "nobody-id1"]


def test_envelope_without_consent_names_no_user() -> None:
    producer = CollectingProducer()
    request = TrackRequest.model_validate({"session_id": "session-1", "consent": False, "events": [product_view(NOW)]})

    with context.having(user_id=USER, request_id="request-1"):
        use_cases.track(producer, request, Caller(user_id=USER), None, NOW)  # type: ignore[arg-type]

    (envelope,) = producer.envelopes
    assert USER not in orjson.dumps(envelope).decode()
    assert envelope["requestid"] == "request-1"


def test_fast_clock_is_corrected_by_latest_event() -> None:
    ahead = NOW + timedelta(hours=3)

    _, occurrences = accept(product_view(ahead - timedelta(minutes=10)), product_view(ahead))

    assert [occurrence.at for occurrence in occurrences] == [NOW - timedelta(minutes=10), NOW]


def test_event_in_far_future_is_rejected_and_shifts_no_other() -> None:
    tracked, occurrences = accept(product_view(NOW), product_view(NOW + timedelta(days=9_000)))

    assert [rejection.model_dump() for rejection in tracked.rejected] == [
        {"index": 1, "message": "at: lies in the future"}
    ]
    assert [occurrence.at for occurrence in occurrences] == [NOW]


@pytest.mark.parametrize("skew", [timedelta(hours=-5), timedelta(hours=5)])
def test_sent_at_corrects_fast_and_slow_clocks(skew: timedelta) -> None:
    sent_at = NOW + skew

    _, (occurrence,) = accept(product_view(sent_at - timedelta(minutes=2)), sent_at=sent_at.isoformat())

    assert occurrence.at == NOW - timedelta(minutes=2)


def test_past_event_keeps_its_time() -> None:
    _, (occurrence,) = accept(product_view(NOW - timedelta(days=2)))

    assert occurrence.at == NOW - timedelta(days=2)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (product_view(NOW - timedelta(days=31)), "at: is more than 30 days ago"),
        ({"type": "product_view", "at": NOW.isoformat()}, "product_id: is needed for product_view"),
        ({"type": "page_view", "at": "2026-05-01T12:00:00"}, "at: needs its offset, such as Z"),
        ({"type": "page_view"}, "at: is missing"),
    ],
)
def test_invalid_event_is_rejected_with_its_field(event: dict[str, Any], message: str) -> None:
    tracked, occurrences = accept(product_view(), event)

    assert [rejection.model_dump() for rejection in tracked.rejected] == [{"index": 1, "message": message}]
    assert (tracked.accepted, len(occurrences)) == (1, 1)


def test_observed_search_without_session_is_anonymous() -> None:
    search = ObservedEvent(type="search_performed", fields={"query": "mug", "results": 3})

    (occurrence,) = tracking.observed([search], NOW, lambda: "id")

    fields = occurrence.event.model_dump()
    assert (fields["session_id"], fields["consent"], fields["results"]) == ("nobody-id", False, 3)
    assert occurrence.at == NOW
