"""Calls to a service without consumers fail at once from the second request on."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from gateway_flask.rpc import presence
from gateway_flask.testing import FakeServices
from services.chassis.common.errors import DeadlineExceeded


@pytest.fixture
def client(make_app: Callable[..., OpenAPI]) -> FlaskClient:
    """An application that knows nothing of other tests."""
    return make_app().test_client()


class Broker:
    """A fake broker with a consumer count that records how often it is queried."""

    def __init__(self) -> None:
        self.consumer_count: int | None = 0
        self.query_count = 0
        self.reachable = True

    def connect(self, _: str, seconds: float) -> Any:
        if not self.reachable:
            raise ConnectionRefusedError
        return self

    def consumers(self, _: Any, service: str) -> int | None:
        assert service == "products"
        self.query_count += 1
        return self.consumer_count

    def close(self) -> None: ...


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(presence, "connect", broker.connect)
    monkeypatch.setattr(presence, "consumers", broker.consumers)
    monkeypatch.setattr(presence, "LOOK_SECONDS", 60.0)
    return broker


def get_categories(client: FlaskClient) -> tuple[int, str]:
    response = client.get("/api/v1/categories")
    return response.status_code, response.get_json().get("error", {}).get("code", "")


@pytest.mark.parametrize("consumer_count", [0, None])
def test_only_first_request_waits_for_absent_service(
    client: FlaskClient, services: FakeServices, broker: Broker, consumer_count: int | None
) -> None:
    broker.consumer_count = consumer_count
    services.answer("products.category_tree", DeadlineExceeded())

    replies = [get_categories(client) for _ in range(3)]

    assert replies == [(503, "SERVICE_UNAVAILABLE")] * 3
    assert len(services.calls) == 1
    assert broker.query_count == 1


def test_slow_service_with_consumers_is_called_again(
    client: FlaskClient, services: FakeServices, broker: Broker
) -> None:
    broker.consumer_count = 1
    services.answer("products.category_tree", DeadlineExceeded())

    assert [get_categories(client) for _ in range(2)] == [(504, "DEADLINE_EXCEEDED")] * 2
    assert len(services.calls) == 2


def test_service_is_called_again_once_it_has_consumers(
    client: FlaskClient, services: FakeServices, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.0)
    services.answer("products.category_tree", DeadlineExceeded())
    assert get_categories(client) == (503, "SERVICE_UNAVAILABLE")

    services.answer("products.category_tree", [])
    assert get_categories(client) == (503, "SERVICE_UNAVAILABLE")
    broker.consumer_count = 1

    assert get_categories(client) == (200, "")
    assert get_categories(client) == (200, "")
    assert broker.query_count == 3


def test_services_count_as_present_without_broker(client: FlaskClient, services: FakeServices, broker: Broker) -> None:
    broker.reachable = False
    services.answer("products.category_tree", DeadlineExceeded())

    assert [get_categories(client) for _ in range(2)] == [(504, "DEADLINE_EXCEEDED")] * 2


def test_absent_service_stays_absent_without_broker(
    client: FlaskClient, services: FakeServices, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.0)
    services.answer("products.category_tree", DeadlineExceeded())
    assert get_categories(client) == (503, "SERVICE_UNAVAILABLE")
    broker.reachable = False

    assert get_categories(client) == (503, "SERVICE_UNAVAILABLE")
    assert len(services.calls) == 1


def test_request_does_not_wait_for_the_check_of_another(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    service_presence = presence.Presence("amqp://broker")
    answers: list[bool] = []

    def consumers(_: Any, service: str) -> int:
        answers.append(service_presence.look(service))
        return 0

    monkeypatch.setattr(presence, "consumers", consumers)

    assert not service_presence.look("products")
    assert answers == [True]
