"""Reads that arrive while others are under way become one call."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway_flask.rpc import gathered_calls
from gateway_flask.rpc.gathered_calls import GatheredCalls
from services.chassis.common.errors import ServiceUnavailable
from tests.support.shop import eventually


class Calls:
    """Calls that were made; single ones last until `proceed` is set."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.proceed = threading.Event()

    def one(self, key: str) -> str:
        self.made.append(key)
        assert self.proceed.wait(60)
        return key.upper()

    def many(self, keys: list[str]) -> dict[str, str]:
        self.made.append(sorted(keys))
        return {key: key.upper() for key in keys if key != "none"}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gathered reads wait for the call before them, however long it takes."""
    monkeypatch.setattr(gathered_calls, "TURN_SECONDS", 60.0)


def gathering(gathered: GatheredCalls[str, str], count: int) -> bool:
    return sum(len(batch.keys) for batch in gathered._gathering) == count


@pytest.mark.usefixtures("patient")
def test_reads_are_gathered_while_a_call_is_under_way() -> None:
    calls, gathered = Calls(), GatheredCalls[str, str](at_once=1, most=2, seconds=60)

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(gathered.get, "a", calls.one, calls.many)
        eventually(lambda: calls.made == ["a"])
        later = {}
        for number, key in enumerate(("b", "c", "none"), start=1):
            later[key] = pool.submit(gathered.get, key, calls.one, calls.many)
            eventually(lambda number=number: gathering(gathered, number))
        calls.proceed.set()

        assert first.result(60) == "A"
        assert {key: value.result(60) for key, value in later.items()} == {"b": "B", "c": "C", "none": None}
    assert calls.made == ["a", ["b", "c"], ["none"]]
    assert gathered.get("d", calls.one, calls.many) == "D"


@pytest.mark.usefixtures("patient")
def test_failed_call_fails_its_reads_only() -> None:
    calls, gathered = Calls(), GatheredCalls[str, str](at_once=1, most=10, seconds=60)

    def fail(_: list[str]) -> dict[str, str]:
        raise ServiceUnavailable

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(gathered.get, "a", calls.one, fail)
        eventually(lambda: calls.made == ["a"])
        later = [pool.submit(gathered.get, key, calls.one, fail) for key in "bc"]
        eventually(lambda: gathering(gathered, 2))
        calls.proceed.set()

        assert first.result(60) == "A"
        assert [type(read.exception(60)) for read in later] == [ServiceUnavailable] * 2
    assert gathered.get("d", calls.one, calls.many) == "D"


def test_slow_call_delays_no_others() -> None:
    calls, gathered = Calls(), GatheredCalls[str, str](at_once=1, most=10, seconds=60)

    with ThreadPoolExecutor(8) as pool:
        slow = pool.submit(gathered.get, "a", calls.one, calls.many)
        eventually(lambda: calls.made == ["a"])
        assert gathered.get("b", calls.one, calls.many) == "B"
        calls.proceed.set()
        assert slow.result(60) == "A"
    assert gathered.get("c", calls.one, calls.many) == "C"
    assert calls.made == ["a", ["b"], "c"]
