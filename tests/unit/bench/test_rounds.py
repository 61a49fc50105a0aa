"""Rows of the bench: medians over rounds, and multiples of the floors beside each round."""

import pytest

from bench.floors.base import FloorReading
from bench.load import Result
from bench.rounds import Rounds, Slice, between, row

FLOOR = "python loop"


def one_slice(operations: int, cpu_ms: float, floor: FloorReading, idle: float = 0.0) -> Slice:
    """A slice of one second."""
    return Slice(Result(1.0, [0.01] * operations), {"core": cpu_ms, "gateway": 1.0}, {FLOOR: floor}, idle)


def test_row_is_median_of_rounds():
    floors = FloorReading(200, 2)
    figures = row("list", 16, [one_slice(100, 3, floors), one_slice(400, 9, floors), one_slice(200, 4, floors)])

    assert (figures["per_second"], figures["cpu_ms"], figures["operations"]) == (200, 5, 700)
    assert figures["cpu"] == {"core": 4, "gateway": 1}
    assert figures["of_floors"] == {FLOOR: {"rate": 1, "cpu": 2.5}}
    assert [each["per_second"] for each in figures["rounds"]] == [100, 400, 200]


def test_multiples_are_of_the_same_round():
    figures = row("list", 1, [one_slice(100, 4, FloorReading(200, 2)), one_slice(50, 9, FloorReading(100, 4))])

    assert figures["of_floors"][FLOOR] == {"rate": 0.5, "cpu": 2.5}


def test_idle_cpu_is_taken_off_by_time():
    slow = one_slice(100, 3, FloorReading(200, 2), idle=150)

    assert slow.busy_cpu_ms == pytest.approx(4 - 1.5)


def test_row_of_failed_work_has_errors_and_no_figures():
    failed = Slice(Result(1.0, [], {"503 SERVICE_UNAVAILABLE": 7}), {}, {FLOOR: FloorReading(200, 2)})

    figures = row("list", 16, [failed, failed])

    assert figures["errors"] == {"503 SERVICE_UNAVAILABLE": 14}
    assert (figures["operations"], figures["rounds"], figures["of_floors"]) == (0, [], {})


def test_each_work_is_between_two_readings_of_floors():
    calls = []

    class Floors:
        def measure(self, clients, seconds):
            calls.append(("floors", clients))
            return {FLOOR: FloorReading(len(calls), 1)}

    def work(name):
        def run(clients, seconds):
            calls.append((name, clients))
            return Result(seconds, [0.001])

        return run

    rows = Rounds([], Floors(), 0.1, 0.1).measure({"a": work("a"), "b": work("b")}, (1,), 2)

    assert calls == [("a", 1), ("b", 1)] + 2 * [("floors", 1), ("a", 1), ("floors", 1), ("b", 1), ("floors", 1)]
    assert [each["floors"][FLOOR]["per_second"] for each in rows[0]["rounds"]] == [4, 9]


def test_floors_of_a_slice_are_the_mean_of_both_readings():
    before, after = {FLOOR: FloorReading(100, 2)}, {FLOOR: FloorReading(300, 4)}

    assert between(before, after) == {FLOOR: FloorReading(200, 3)}
