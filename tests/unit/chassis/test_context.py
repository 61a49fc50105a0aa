"""The request in work, and how long it may take."""

import time

import pytest

from services.chassis.common import context


@pytest.fixture(autouse=True)
def _nobodys() -> None:
    context.enter({})


def test_only_what_is_said_to_travel_goes_along() -> None:
    context.enter({"request_id": "r", "user_id": None, "session_id": "s", "deadline": 1, "call_id_stack": ["x"]})

    assert context.carried() == {"request_id": "r", "session_id": "s"}


def test_what_is_left_is_never_more_than_the_limit() -> None:
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


def test_traces_begin_as_w3c_writes_them() -> None:
    version, trace, span, flags = context.new_traceparent().split("-")

    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")
