"""A process that is told to stop ends, whatever goes wrong in stopping."""

import os
from collections.abc import Callable
from typing import Any

import eventlet
import pytest

from services.chassis.runtime import runner


class Services:
    """Services whose stop does what the test says."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self.stop = stop


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


def stop(services: Any) -> None:
    runner._stop(services)


def _fails() -> None:
    raise AssertionError("Trying to re-send() an already-triggered event.")


def test_a_stop_that_fails_ends_the_process(exits: list[int]) -> None:
    stop(Services(_fails))

    assert exits == [1]


def test_a_stop_that_takes_too_long_ends_the_process(exits: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "STOP_SECONDS", 0.01)

    stop(Services(lambda: eventlet.sleep(60)))

    assert exits == [1]


def test_a_stop_that_works_leaves_the_rest_to_the_process(exits: list[int]) -> None:
    stop(Services(lambda: None))

    assert exits == []
