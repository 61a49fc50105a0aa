"""Outages of the scenarios: wrong replies, recovery, availability without a server, and its table."""

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from ultramarket.chaos import availability, outages
from ultramarket.chaos.availability import EXPECTED, NAMES, OPERATIONS, AvailabilityCheck, outcome_of, table
from ultramarket.chaos.outages import Outage, wrong_replies
from ultramarket.chaos.scenarios import network, servers
from ultramarket.chaos.shop_client import Observation, Reply
from ultramarket.fault_proxy import PROXIED


def observation(status: int, seconds: float = 0.1, code: str = "", has_retry_after: bool = False) -> Observation:
    return Observation("POST /orders", status, code, 10.0, 10.0 + seconds, has_retry_after)


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (observation(201), []),
        (observation(202, seconds=4.9), []),
        (observation(409, code="OUT_OF_STOCK"), []),
        (observation(503, has_retry_after=True), []),
        (observation(504, has_retry_after=True), []),
        (observation(503), ["POST /orders was answered with 503 without Retry-After (1 times)"]),
        (observation(500, code="INTERNAL_ERROR"), ["POST /orders was answered with 500 INTERNAL_ERROR (1 times)"]),
        (observation(502, code="NO_ANSWER"), ["POST /orders was answered with 502 NO_ANSWER (1 times)"]),
        (observation(0, code="ReadTimeoutError"), ["POST /orders got no reply: ReadTimeoutError (1 times)"]),
        (observation(201, seconds=6.1), ["POST /orders took longer than 6 s (1 times)"]),
    ],
)
def test_replies_that_no_outage_excuses(reply: Observation, wrong: list[str]) -> None:
    assert wrong_replies([reply]) == wrong


def test_same_wrong_replies_are_counted() -> None:
    assert wrong_replies([observation(503)] * 3) == ["POST /orders was answered with 503 without Retry-After (3 times)"]


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(200), "yes"),
        (Reply(202), "accepted"),
        (Reply(503, retry_after=1.0), "no"),
        (Reply(504, retry_after=1.0), "no"),
        (Reply(503, {"error": {"code": "SERVICE_UNAVAILABLE"}}), "503 SERVICE_UNAVAILABLE"),
        (Reply(500, {"error": {"code": "INTERNAL_ERROR"}}), "500 INTERNAL_ERROR"),
        (Reply(0), "0 NO_ANSWER"),
    ],
)
def test_outcome_of_an_operation(reply: Reply, outcome: str) -> None:
    assert outcome_of(reply) == outcome


def test_each_server_has_its_row() -> None:
    assert set(EXPECTED) == {*servers.SERVERS, *PROXIED} == set(NAMES)
    assert all(tuple(works) == OPERATIONS for works in EXPECTED.values())
    assert len(table().splitlines()) == len(EXPECTED) + 2


class FakeRun:
    """A run whose orders and processes recover as the test says."""

    def __init__(self) -> None:
        self.client = SimpleNamespace(observations=[])
        self.counters = SimpleNamespace(confirmed=0)
        self.wrong: list[str] = []

    def expect(self, holds: bool, message: str) -> None:
        if not holds:
            self.wrong.append(message)


@contextmanager
def order_after(run: FakeRun) -> Any:
    """A fault after which an order is confirmed."""
    run.client.observations.append(observation(500, code="INTERNAL_ERROR"))
    run.counters.confirmed += 2
    yield
    run.client.observations.append(observation(201, seconds=2.0))


def test_outage_has_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    run: Any = FakeRun()

    def is_confirmed(condition: Any, _: float) -> bool:
        run.counters.confirmed += 1
        return bool(condition())

    monkeypatch.setattr(outages, "wait_until", is_confirmed)
    monkeypatch.setattr(outages.faults, "wait_until_healthy", lambda *_: 0.0)
    check: Any = SimpleNamespace()

    result = outages._carry_out(run, Outage("redis", "frozen", order_after(run)), 0.0, check)

    assert (result.outage, result.orders, result.replies) == ("redis frozen", 2, {"201": 1, "500": 1})
    assert (result.slowest_seconds, result.slowest_request) == (2.0, "POST /orders: 201")
    assert run.wrong == ["redis frozen: POST /orders was answered with 500 INTERNAL_ERROR (1 times)"]


def test_operations_are_compared_with_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(availability, "ATTEMPT_SECONDS", 0.0)
    run: Any = FakeRun()
    run.availability = {}
    check = AvailabilityCheck.__new__(AvailabilityCheck)
    check.run = run
    replies = dict.fromkeys(OPERATIONS, "yes") | {"search": "from the catalogue", "cart": "no"}
    monkeypatch.setattr(
        AvailabilityCheck, "_attempts", {name: lambda outcome=outcome: outcome for name, outcome in replies.items()}
    )

    check.compare("elasticsearch")

    assert run.availability == {"elasticsearch": replies}
    assert run.wrong == ["without elasticsearch: cart: no, not yes"]


def test_provider_has_one_more_fault() -> None:
    assert set(network.OF_PROVIDER) - set(network.KINDS) == {"refused"}
