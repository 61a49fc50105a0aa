"""A process that is told to stop exits, whatever fails while stopping."""

import os
from collections.abc import Callable
from typing import Any

import eventlet
import pytest

from services.chassis.runtime import runner


class Services:
    """Fake services with the given `stop`."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self.stop = stop


@pytest.fixture
def exit_codes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


def stop(services: Any) -> None:
    runner._stop(services)


def _fails() -> None:
    raise AssertionError("Trying to re-send() an already-triggered event.")


def test_failing_stop_exits_the_process(exit_codes: list[int]) -> None:
    stop(Services(_fails))

    assert exit_codes == [1]


def test_slow_stop_exits_the_process(exit_codes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "STOP_SECONDS", 0.01)

    stop(Services(lambda: eventlet.sleep(60)))

    assert exit_codes == [1]


def test_successful_stop_does_not_exit_by_itself(exit_codes: list[int]) -> None:
    stop(Services(lambda: None))

    assert exit_codes == []
