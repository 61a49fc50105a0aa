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
    context.enter({"deadline": time.time() + 60})
    assert context.remaining(5) == 5
    context.enter({"deadline": time.time() + 2})
    assert 1.9 < context.remaining(5) <= 2
    context.enter({"deadline": time.time() - 1})
    assert context.remaining(5) < 0


def test_nested_deadline_is_restored_afterwards() -> None:
    context.enter({"deadline": time.time() + 8, "request_id": "r"})

    with context.within(2):
        assert context.remaining(60) <= 2
        assert context.carried() == {"request_id": "r"}
        with context.within(30):
            assert context.remaining(60) <= 2
    assert context.remaining(60) > 7


def test_new_traceparent_has_w3c_format() -> None:
    version, trace, span, flags = context.new_traceparent().split("-")

    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")
