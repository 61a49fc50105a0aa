"""The request context: what is propagated with a call, and the remaining time until its deadline."""

import time

import pytest

from services.chassis.common import context


@pytest.fixture(autouse=True)
def _empty_context() -> None:
    context.enter({})


def test_only_propagated_fields_are_carried() -> None:
    context.enter({"request_id": "r", "user_id": None, "session_id": "s", "deadline": 1, "call_id_stack": ["x"]})

    assert context.carried() == {"request_id": "r", "session_id": "s"}


def test_remaining_time_is_bounded_by_limit_and_deadline() -> None:
    assert context.remaining(5) == 5
    context.enter({"deadline": time.monotonic() + 60})
    assert context.remaining(5) == 5
    context.enter({"deadline": time.monotonic() + 2})
    assert 1.9 < context.remaining(5) <= 2
    context.enter({"deadline": time.monotonic() - 1})
    assert context.remaining(5) < 0


def test_nested_deadline_is_restored_afterwards() -> None:
    context.enter({"deadline": time.monotonic() + 8, "request_id": "r"})

    with context.within(2):
        assert context.remaining(60) <= 2
        assert context.carried() == {"request_id": "r"}
        with context.within(30):
            assert context.remaining(60) <= 2
    assert context.remaining(60) > 7


def test_new_traceparent_has_w3c_format() -> None:
    version, trace, span, flags = context.new_traceparent().split("-")

    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")


def test_deadline_of_request_is_independent_of_wall_clocks() -> None:
    now = time.monotonic()
    skewed = time.time() - 3600  # the caller's clock is an hour behind

    assert context.local_deadline({"remaining": 5.0, "deadline": skewed + 5}, now) == now + 5
    assert context.local_deadline(named(context.deadline_headers(2.5)), now) == now + 2.5
    assert context.local_deadline({}, now) is None


def test_deadline_of_an_earlier_version_is_understood() -> None:
    deadline = context.local_deadline({"deadline": time.time() + 3}, 0)

    assert deadline is not None
    assert 2.9 < deadline - time.monotonic() <= 3.01
    assert context.deadline_headers(4)["nameko.deadline"] - time.time() > 3.9


def named(headers: dict[str, float]) -> dict[str, float]:
    return {name.removeprefix("nameko."): value for name, value in headers.items()}
