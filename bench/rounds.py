"""Rounds of slices: floors, a work, floors, the next work, and again, so that each work is beside its floors."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bench import costs
from bench.floors.all import Floors
from bench.floors.base import FloorReading
from bench.load import Result
from bench.work_list import Runner

WARM_SECONDS: Final = 1.5
"""Before the first round: connections, caches, compiled queries."""
IDLE_WINDOWS: Final = 4
Readings = dict[str, FloorReading]


@dataclass(frozen=True)
class Slice:
    """One work, once, with the floors right before and after it."""

    result: Result
    cpu: dict[str, float]
    """Milliseconds of CPU per operation, by process."""
    floors: Readings
    idle_ms_per_second: float = 0.0
    """CPU of all processes when nothing is asked of them."""

    @property
    def busy_cpu_ms(self) -> float:
        """CPU per operation without what the processes use anyway, which depends on the time and not on the work."""
        return max(0.0, sum(self.cpu.values()) - self.idle_ms_per_second / self.result.per_second)

    def summary(self) -> dict[str, Any]:
        """The figures that are kept of a round."""
        return {
            "per_second": round(self.result.per_second, 2),
            "p50_ms": round(self.result.percentile(50), 2),
            "p95_ms": round(self.result.percentile(95), 2),
            "cpu_ms": round(sum(self.cpu.values()), 3),
            "busy_cpu_ms": round(self.busy_cpu_ms, 3),
            "floors": {name: rounded(each) for name, each in self.floors.items()},
        }


@dataclass
class Rounds:
    """The instance, its floors, and how long each slice is."""

    processes: list[dict[str, Any]]
    floors: Floors
    seconds: float
    floor_seconds: float
    idle_cpu: dict[str, float] = field(default_factory=dict)
    """Milliseconds per second by process, once `measure_idle` has been called."""

    def measure(
        self,
        works: dict[str, Runner],
        clients: Sequence[int],
        rounds: int,
        progress: Callable[[str], None] = lambda _text: None,
    ) -> list[dict[str, Any]]:
        """A row for each work and number of clients, medians over the rounds. Calls `progress` before each slice."""
        slices: dict[tuple[str, int], list[Slice]] = {}
        idle = sum(self.idle_cpu.values())
        for name, run in works.items():
            progress(f"{name}, warming up")
            run(max(clients), WARM_SECONDS)
        for number in range(1, rounds + 1):
            for count in clients:
                before = self.floors.measure(count, self.floor_seconds)
                for name, run in works.items():
                    progress(f"round {number} of {rounds}: {name}, c={count}")
                    result, cpu = self._run(run, count)
                    after = self.floors.measure(count, self.floor_seconds)
                    slices.setdefault((name, count), []).append(Slice(result, cpu, between(before, after), idle))
                    before = after
        return [row(name, count, each) for (name, count), each in slices.items()]

    def measure_idle(self, seconds: float) -> None:
        """Measure what each process uses when nothing is asked of it: the least of some windows, since what was asked
        before may still go on.
        """
        windows = [self._idle_window(seconds / IDLE_WINDOWS) for _ in range(IDLE_WINDOWS)]
        least = min(windows, key=lambda window: sum(window.values()))
        self.idle_cpu = {name: round(ms, 2) for name, ms in least.items() if ms >= 0.05 and name != costs.GENERATOR}

    def _idle_window(self, seconds: float) -> dict[str, float]:
        before, begun = costs.cpu_seconds(self.processes), time.monotonic()
        time.sleep(seconds)
        after, took = costs.cpu_seconds(self.processes), time.monotonic() - begun
        return {name: 1000 * (after[name] - before.get(name, 0.0)) / took for name in after}

    def _run(self, run: Runner, clients: int) -> tuple[Result, dict[str, float]]:
        before = costs.cpu_seconds(self.processes)
        result = run(clients, self.seconds)
        after = costs.cpu_seconds(self.processes)
        return result, costs.spent(before, after, len(result.times))


def between(before: Readings, after: Readings) -> Readings:
    """The mean of the readings before and after a slice."""
    return {
        name: FloorReading(
            (before[name].per_second + after[name].per_second) / 2, (before[name].cpu_ms + after[name].cpu_ms) / 2
        )
        for name in before
    }


def row(name: str, clients: int, slices: Sequence[Slice]) -> dict[str, Any]:
    """The figures of a work: medians over its rounds; percentiles of all its operations; multiples of the floors."""
    times = [each for one in slices for each in one.result.times]
    whole = Result(sum(one.result.seconds for one in slices), times, _errors(slices))
    kept = [one for one in slices if one.result.times]
    summaries = [one.summary() for one in kept]
    return {
        "work": name,
        "clients": clients,
        "per_second": _median(summary["per_second"] for summary in summaries),
        "p50_ms": round(whole.percentile(50), 2),
        "p95_ms": round(whole.percentile(95), 2),
        "p99_ms": round(whole.percentile(99), 2),
        "operations": len(times),
        "errors": whole.errors,
        "cpu_ms": _median(summary["cpu_ms"] for summary in summaries),
        "busy_cpu_ms": _median(summary["busy_cpu_ms"] for summary in summaries),
        "cpu": _medians([one.cpu for one in kept]),
        "floors": {
            floor: rounded(
                FloorReading(
                    _median(one.floors[floor].per_second for one in kept),
                    _median(one.floors[floor].cpu_ms for one in kept),
                )
            )
            for floor in (kept[0].floors if kept else {})
        },
        "of_floors": _multiples(summaries),
        "rounds": summaries,
    }


def _multiples(summaries: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The rate as part of each floor's rate, and the CPU as multiple of each floor's CPU."""
    floors = summaries[0]["floors"] if summaries else {}
    return {
        floor: {
            "rate": _median((each["per_second"] / each["floors"][floor]["per_second"] for each in summaries), 5),
            "cpu": _median((each["cpu_ms"] / each["floors"][floor]["cpu_ms"] for each in summaries), 3),
        }
        for floor in floors
    }


def rounded(reading: FloorReading) -> dict[str, float]:
    """A reading as it is written down."""
    figures = asdict(reading)
    return {"per_second": round(figures["per_second"], 2), "cpu_ms": round(figures["cpu_ms"], 5)}


def _errors(slices: Sequence[Slice]) -> dict[str, int]:
    errors: dict[str, int] = {}
    for one in slices:
        for text, count in one.result.errors.items():
            errors[text] = errors.get(text, 0) + count
    return errors


def _medians(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for each in figures for name in each})
    return {name: round(statistics.median(each.get(name, 0.0) for each in figures), 3) for name in names}


def _median(figures: Iterable[float], digits: int = 3) -> float:
    values = list(figures)
    return round(statistics.median(values), digits) if values else float("nan")
