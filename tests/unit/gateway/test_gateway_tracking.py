"""Behaviour tracking at the gateway: one call for `POST /events`, casts for observed events, live streams."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway_flask.app import create_app
from gateway_flask.http.stream_budget import StreamBudget
from gateway_flask.testing import SIGNED_IN, USER, FakeServices, Issuer, settings
from gateway_flask.tracking.behaviour import network_pseudonym
from services.chassis.common.errors import ServiceUnavailable

EVENT = {"type": "product_view", "product_id": "mug", "at": datetime.now(UTC).isoformat()}
TRACKED = {"accepted": 1, "rejected": []}


class Gateway:
    """A gateway in front of fake services."""

    def __init__(self) -> None:
        self.issuer, self.services = Issuer(), FakeServices()
        self.services.answer("auth.jwks", self.issuer.jwks())
        self.services.answer("analytics.track_events", TRACKED)
        self.services.answer("auth.login", SIGNED_IN)
        self.services.answer("search.search", {"items": [], "total": 3, "page": 1, "limit": 20, "degraded": False})
        self.client: FlaskClient = create_app(settings(gateway_streams=1), self.services).test_client()

    def track(self, *events: dict[str, Any], headers: dict[str, str] | None = None, **fields: Any) -> Any:
        body = {"session_id": "session-1", "events": list(events)} | fields
        return self.client.post("/api/v1/events", json=body, headers=headers)

    def login(self, session_id: str) -> int:
        body = {"email": "ada@example.com", "password": "correct horse battery"}
        return self.client.post("/api/v1/auth/login", json=body, headers={"X-Session-Id": session_id}).status_code

    @property
    def observed(self) -> list[dict[str, Any]]:
        return [
            {name: value for name, value in event.items() if name != "at"}
            for method, arguments in self.services.calls
            if method == "analytics.record_events"
            for event in arguments["events"]
        ]


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def test_events_are_passed_to_analytics_in_one_call(gateway: Gateway) -> None:
    reply = gateway.track(EVENT, headers=gateway.issuer.bearer() | {"X-Cart-Id": "c" * 27})

    assert (reply.status_code, reply.get_json()["data"]) == (202, TRACKED)
    arguments = gateway.services.arguments("analytics.track_events")
    assert arguments["request"]["events"] == [EVENT]
    assert arguments["request"]["session_id"] == "session-1"
    assert (arguments["caller"]["user_id"], arguments["cart_id"]) == (USER, "c" * 27)
    assert sum(method.startswith("analytics.") for method, _ in gateway.services.calls) == 1


def test_malformed_cart_id_does_not_fail_tracking(gateway: Gateway) -> None:
    reply = gateway.track(EVENT, headers={"X-Cart-Id": "not a cart"})

    assert reply.status_code == 202
    assert gateway.services.arguments("analytics.track_events")["cart_id"] is None


def test_tracking_is_unavailable_without_analytics(gateway: Gateway) -> None:
    gateway.services.answer("analytics.track_events", ServiceUnavailable())

    assert gateway.track(EVENT).status_code == 503


def test_search_is_recorded_without_waiting(gateway: Gateway) -> None:
    reply = gateway.client.get("/api/v1/search?q=mug&session_id=session-1")

    assert reply.status_code == 200
    (event,) = gateway.observed
    assert (event["type"], event["session_id"]) == ("search_performed", "session-1")
    assert (event["fields"]["query"], event["fields"]["results"]) == ("mug", 3)


def test_search_carries_a_pseudonym_of_the_network() -> None:
    january, secret = datetime(2026, 1, 5, tzinfo=UTC), b"a secret of the tests"

    names = [network_pseudonym(address, january, secret) for address in ("192.0.2.1", "192.0.2.99", "2001:db8::1")]

    assert names[0] == names[1] != names[2]
    assert network_pseudonym("2001:db8:0:ffff::9", january, secret) == names[2]
    assert network_pseudonym("192.0.2.1", datetime(2026, 2, 5, tzinfo=UTC), secret) != names[0]
    assert network_pseudonym(None, january, secret) is None


def test_sign_in_identifies_the_session(gateway: Gateway) -> None:
    assert gateway.login("session-1") == 200

    assert gateway.observed == [
        {"type": "session_identified", "session_id": "session-1", "user_id": USER},
    ]  # fmt: skip


def test_malformed_session_id_is_ignored_at_sign_in(gateway: Gateway) -> None:
    assert gateway.login("not a session") == 200

    assert gateway.observed == []


def test_failed_cast_does_not_fail_the_request(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[str] = []

    def cast(service: str, method: str, /, **_arguments: Any) -> None:
        attempts.append(f"{service}.{method}")
        raise ServiceUnavailable

    monkeypatch.setattr(gateway.services, "cast", cast)

    assert gateway.client.get("/api/v1/search?q=mug").status_code == 200
    assert gateway.login("session-1") == 200
    assert attempts == ["analytics.record_events"] * 2


def test_number_of_live_streams_is_limited(gateway: Gateway) -> None:
    gateway.services.answer("analytics.live", {"minutes": [], "top_products": []})
    headers = {"Accept": "text/event-stream"} | gateway.issuer.bearer("ADMIN")
    path = "/api/v1/analytics/live"

    with gateway.client.get(path, headers=headers, buffered=False) as first:
        second = gateway.client.get(path, headers=headers)
    third = gateway.client.get(path, headers=headers, buffered=False)
    third.close()

    assert (first.status_code, second.status_code, third.status_code) == (200, 503, 200)
    assert int(second.headers["Retry-After"]) > 0
    assert first.content_type == "text/event-stream"


def test_open_live_streams_leave_room_for_exports(gateway: Gateway) -> None:
    gateway.services.answer("analytics.live", {"minutes": [], "top_products": []})
    gateway.services.answer("audit.export", [])
    admin = gateway.issuer.bearer("ADMIN")
    gateway.client.application.extensions["streams"].live.take("somebody")

    live = gateway.client.get("/api/v1/analytics/live", headers={"Accept": "text/event-stream"} | admin)
    export = gateway.client.get("/api/v1/audit/export?format=csv", headers=admin)

    assert live.status_code == 503
    assert (export.status_code, export.content_type) == (200, "text/csv; charset=utf-8")


def test_one_caller_cannot_take_the_whole_budget() -> None:
    budget = StreamBudget("streams", most=3, most_per_caller=2)
    budget.take("ada")
    budget.take("ada")

    with pytest.raises(ServiceUnavailable, match="2 streams at once for one caller"):
        budget.take("ada")
    budget.take("bob")
    with pytest.raises(ServiceUnavailable, match="3 streams at once"):
        budget.take("cid")
    budget.give_back("ada")
    budget.take("cid")


def test_live_stream_is_unavailable_without_analytics(gateway: Gateway) -> None:
    gateway.services.answer("analytics.live", ServiceUnavailable())
    headers = {"Accept": "text/event-stream"} | gateway.issuer.bearer("ADMIN")

    assert gateway.client.get("/api/v1/analytics/live", headers=headers).status_code == 503
