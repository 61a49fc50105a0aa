"""A floor and its reading."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import psutil

from bench import costs, load


@dataclass(frozen=True)
class FloorReading:
    """Operations per second of wall time, and milliseconds of CPU per operation of the server and its client."""

    per_second: float
    cpu_ms: float


class Floor(Protocol):
    """Something simple that is measured again and again."""

    name: str
    needs_clients: bool
    """Whether it differs by the number of clients."""

    def open(self) -> AbstractContextManager[None]:
        """Prepare what is measured; removed in the end."""
        ...

    def measure(self, clients: int, seconds: float) -> FloorReading: ...


class CpuMeter:
    """CPU seconds of this process, of its children that have ended, and of other processes with their children."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._begin = self._read()

    def seconds(self) -> float:
        """Seconds since it was made."""
        return self._read() - self._begin

    def _read(self) -> float:
        own = psutil.Process().cpu_times()
        used = own.user + own.system + own.children_user + own.children_system
        return used + sum(costs.tree_seconds(pid) for pid in self._pids)


@contextmanager
def nothing_to_prepare() -> Iterator[None]:
    """For a floor that is ready as it is."""
    yield


def reading(result: load.Result, cpu_seconds: float) -> FloorReading:
    """The reading of a loop. Raises `RuntimeError` when nothing succeeded."""
    if not result.times:
        raise RuntimeError(f"a floor failed: {result.errors}")
    return FloorReading(result.per_second, 1000 * cpu_seconds / len(result.times))
