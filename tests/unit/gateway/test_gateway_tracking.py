"""What a browser tells becomes records: whose, when, and never at the cost of the request."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from gateway_flask.app import create_app
from gateway_flask.testing import USER, FakeServices, Issuer, settings
from services.chassis.common.errors import ServiceUnavailable


class Kafka:
    """Keeps a producer's contract as far as tracking needs it."""

    def __init__(self) -> None:
        self.records: list[tuple[str, dict[str, Any], str]] = []
        self.full = False

    def produce(self, topic: str, value: bytes, key: str, headers: Any) -> None:
        if self.full:
            raise BufferError
        self.records.append((topic, orjson.loads(value), key))

    def poll(self, _seconds: float) -> int:
        return 0


class Browser:
    def __init__(self) -> None:
        self.issuer, self.services, self.kafka = Issuer(), FakeServices(), Kafka()
        self.services.answer("auth.jwks", self.issuer.jwks())
        self.app = create_app(settings(gateway_streams=1), self.services)
        self.app.extensions["tracking"]._producer = self.kafka
        self.client: FlaskClient = self.app.test_client()

    def tell(self, *events: dict[str, Any], headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        body = {"session_id": "visit-1", "events": list(events)} | more
        reply = self.client.post("/api/v1/events", json=body, headers=headers)
        assert reply.status_code == 202, reply.get_data(as_text=True)
        return dict(reply.get_json()["data"])

    @property
    def written(self) -> list[dict[str, Any]]:
        return [value for _, value, _ in self.kafka.records]


@pytest.fixture
def browser() -> Browser:
    return Browser()


def view(at: datetime | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "product_view", "product_id": "mug", "at": (at or datetime.now(UTC)).isoformat()} | more


def test_an_event_becomes_a_record_of_its_visit(browser: Browser) -> None:
    browser.tell(view(), headers={"X-Cart-Id": "c" * 27})

    ((topic, record, key),) = browser.kafka.records
    assert (topic, key) == ("analytics-events", "visit-1")
    assert (record["source"], record["type"], record["subject"]) == ("/behaviour", "product_viewed", "visit-1")
    assert record["data"]["product_id"] == "mug"
    assert record["data"]["cart_id"] == "c" * 27
    assert record["data"]["user_id"] is None


def test_with_a_token_the_visit_is_the_customers(browser: Browser) -> None:
    browser.tell(view(), headers=browser.issuer.bearer())

    assert [(record["type"], record["data"]["user_id"]) for record in browser.written] == [
        ("product_viewed", USER), ("session_identified", USER),
    ]  # fmt: skip


def test_without_consent_nobody_is_named(browser: Browser) -> None:
    token = browser.issuer.bearer() | {"X-Cart-Id": "c" * 27}

    answer = browser.tell(view(), view(), consent=False, anonymous_id="me", headers=token)

    assert answer["accepted"] == 2
    text = orjson.dumps(browser.written).decode()
    assert not any(secret in text for secret in ("visit-1", USER, "c" * 27, '"me"'))
    assert len({record["subject"] for record in browser.written}) == 2  # nor do they belong together


def test_a_clock_that_is_ahead_is_set_right(browser: Browser) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=3)

    browser.tell(view(ahead - timedelta(minutes=10)), view(ahead))

    first, last = (datetime.fromisoformat(record["time"]) for record in browser.written)
    assert last - first == timedelta(minutes=10)
    assert abs(datetime.now(UTC) - last) < timedelta(seconds=5)


def test_an_event_of_the_far_future_is_refused_and_moves_no_other(browser: Browser) -> None:
    now = datetime.now(UTC)

    told = browser.tell(view(now), view(now + timedelta(days=9_000)))

    assert told["rejected"] == [{"index": 1, "message": "at: lies in the future"}]
    assert [datetime.fromisoformat(record["time"]) for record in browser.written] == [now]


@pytest.mark.parametrize("off", [timedelta(hours=-5), timedelta(hours=5)])
def test_with_the_time_of_sending_any_clock_is_set_right(browser: Browser, off: timedelta) -> None:
    sent = datetime.now(UTC) + off

    browser.tell(view(sent - timedelta(minutes=2)), sent_at=sent.isoformat())

    said = datetime.fromisoformat(browser.written[0]["time"])
    assert abs(datetime.now(UTC) - timedelta(minutes=2) - said) < timedelta(seconds=5)


def test_what_was_long_ago_stays_there(browser: Browser) -> None:
    at = datetime.now(UTC) - timedelta(days=2)

    browser.tell(view(at))

    assert datetime.fromisoformat(browser.written[0]["time"]) == at


def test_a_kafka_that_takes_nothing_costs_nobody_a_request(browser: Browser) -> None:
    browser.kafka.full = True

    assert browser.tell(view())["accepted"] == 1


def test_whatever_is_tracked_never_fails_its_caller(browser: Browser) -> None:
    tracking = browser.app.extensions["tracking"]

    with browser.app.test_request_context():
        tracking.track([{"type": "nobody_knows"}, {}])
        tracking.track([{"type": "search_performed", "query": "mug", "results": 3, "session_id": None}])

    (record,) = browser.written
    assert record["data"]["consent"] is False


def test_only_so_many_streams_at_once(browser: Browser) -> None:
    browser.services.answer("analytics.live", {"minutes": [], "top_products": []})
    asked = {"Accept": "text/event-stream"} | browser.issuer.bearer("ADMIN")
    path = "/api/v1/analytics/live"

    with browser.client.get(path, headers=asked, buffered=False) as first:
        second = browser.client.get(path, headers=asked)
    third = browser.client.get(path, headers=asked, buffered=False)
    third.close()

    assert (first.status_code, second.status_code, third.status_code) == (200, 503, 200)
    assert first.content_type == "text/event-stream"


def test_a_stream_does_not_begin_while_analytics_is_away(browser: Browser) -> None:
    browser.services.answer("analytics.live", ServiceUnavailable())
    asked = {"Accept": "text/event-stream"} | browser.issuer.bearer("ADMIN")

    assert browser.client.get("/api/v1/analytics/live", headers=asked).status_code == 503
