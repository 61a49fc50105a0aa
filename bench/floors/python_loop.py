"""A fixed loop in pure Python, on one thread: the speed of the interpreter on this machine at this moment."""

import gc
import statistics
import time
from contextlib import AbstractContextManager

from bench.floors.base import FloorReading, nothing_to_prepare

ROWS = 2_000
"""Enough that it does not fit into the first cache, as no service does."""


LEAST_ITERATIONS = 20


class PythonLoop:
    name = "python loop"
    needs_clients = False

    def open(self) -> AbstractContextManager[None]:
        return nothing_to_prepare()

    def measure(self, clients: int, seconds: float) -> FloorReading:
        """CPU is the median of the iterations, of this thread alone: an interrupted one costs several times more."""
        collecting = gc.isenabled()
        gc.disable()  # a collection goes through all that the bench itself keeps
        try:
            costs: list[float] = []
            begun = time.perf_counter()
            while (wall := time.perf_counter() - begun) < seconds or len(costs) < LEAST_ITERATIONS:
                before = time.thread_time()
                iterate()
                costs.append(time.thread_time() - before)
        finally:
            if collecting:
                gc.enable()
        return FloorReading(len(costs) / wall, 1000 * statistics.median(costs))


def iterate() -> int:
    """Dictionaries, strings, calls and numbers: the mix of a service's own code. Some milliseconds."""
    rows = [{"sku": f"SKU-{number:05d}", "quantity": number % 7, "price": number * 37 % 1009} for number in range(ROWS)]
    totals: dict[str, int] = {}
    for row in rows:
        key = str(row["sku"])[-2:]
        totals[key] = totals.get(key, 0) + _amount(row)  # type: ignore[arg-type]
    return sum(totals[key] for key in sorted(totals))


def _amount(row: dict[str, int]) -> int:
    return row["price"] * row["quantity"]
