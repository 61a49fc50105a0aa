"""A service that nobody runs is said to be away at once, from the second request on."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway_flask.rpc import presence
from gateway_flask.testing import FakeServices
from services.chassis.common.errors import DeadlineExceeded


class Broker:
    """Says how many listen, and counts how often it is asked."""

    def __init__(self) -> None:
        self.listening: int | None = 0
        self.looks = 0
        self.reachable = True

    def connect(self, _: str) -> Any:
        if not self.reachable:
            raise ConnectionRefusedError
        return self

    def consumers(self, _: Any, service: str) -> int | None:
        assert service == "products"
        self.looks += 1
        return self.listening

    def close(self) -> None: ...


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(presence, "connect", broker.connect)
    monkeypatch.setattr(presence, "consumers", broker.consumers)
    monkeypatch.setattr(presence, "LOOK_SECONDS", 60.0)
    return broker


def ask(client: FlaskClient) -> tuple[int, str]:
    response = client.get("/api/v1/categories")
    return response.status_code, response.get_json().get("error", {}).get("code", "")


@pytest.mark.parametrize("listening", [0, None])
def test_only_the_first_waits_for_who_is_away(
    client: FlaskClient, services: FakeServices, broker: Broker, listening: int | None
) -> None:
    broker.listening = listening
    services.answer("products.category_tree", DeadlineExceeded())

    answers = [ask(client) for _ in range(3)]

    assert answers == [(503, "SERVICE_UNAVAILABLE")] * 3
    assert len(services.calls) == 1
    assert broker.looks == 1


def test_who_is_slow_but_there_is_asked_again(client: FlaskClient, services: FakeServices, broker: Broker) -> None:
    broker.listening = 1
    services.answer("products.category_tree", DeadlineExceeded())

    assert [ask(client) for _ in range(2)] == [(504, "DEADLINE_EXCEEDED")] * 2
    assert len(services.calls) == 2


def test_who_is_back_is_asked_again(
    client: FlaskClient, services: FakeServices, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.0)
    services.answer("products.category_tree", DeadlineExceeded())
    assert ask(client) == (503, "SERVICE_UNAVAILABLE")

    services.answer("products.category_tree", [])
    assert ask(client) == (503, "SERVICE_UNAVAILABLE")
    broker.listening = 1

    assert ask(client) == (200, "")
    assert ask(client) == (200, "")
    assert broker.looks == 3


def test_when_the_broker_cannot_tell_nobody_is_away(
    client: FlaskClient, services: FakeServices, broker: Broker
) -> None:
    broker.reachable = False
    services.answer("products.category_tree", DeadlineExceeded())

    assert [ask(client) for _ in range(2)] == [(504, "DEADLINE_EXCEEDED")] * 2
