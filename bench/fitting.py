"""The floors that each work is compared by, and why those."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.floors.all import AMQP, NGINX, PGBENCH, PYTHON, REDIS


@dataclass(frozen=True)
class Fit:
    """Floors whose geometric mean a work is compared by."""

    floors: tuple[str, ...]
    why: str

    def of(self, floors: Mapping[str, Mapping[str, float]], unit: str) -> float:
        """The geometric mean of these floors, in this unit; a floor that was not measured is left out."""
        values = [floors[name][unit] for name in self.floors if name in floors]
        if not values:
            raise ValueError(f"none of these floors was measured: {', '.join(self.floors)}")
        return math.exp(sum(map(math.log, values)) / len(values))


FITS: Final[dict[str, Fit]] = {
    "list 20 products": Fit((AMQP, PYTHON), "one RPC between two Python processes"),
    "product detail": Fit((AMQP, PYTHON), "one RPC between two Python processes"),
    "list at the door": Fit((NGINX,), "what is in front answers"),
    "add to a new guest cart": Fit((AMQP, REDIS, PYTHON), "two RPCs between Python processes, and writes to Redis"),
    "whole checkout of a guest": Fit((AMQP, PGBENCH, PYTHON), "RPCs, events and durable transactions"),
    "track 20 events": Fit((PYTHON,), "validation in the gateway; the records are sent together"),
    "search with facets": Fit((PYTHON,), "the engine is bounded by the processor alone, and no floor is a search"),
    "search, the engine alone": Fit((PYTHON,), "the engine is bounded by the processor alone"),
    "suggest": Fit((PYTHON,), "mostly kept replies of the gateway"),
    "RPC echo through the chassis": Fit((AMQP, PYTHON), "two round trips of the broker and Python on both sides"),
}
DEFAULT: Final = Fit((PYTHON,), "the interpreter alone")


def fit_of(work: str) -> Fit:
    """The floors of a work."""
    return FITS.get(work, DEFAULT)


def factors(row: Mapping[str, Any], measure: str) -> list[float]:
    """A work's cost in each of its rounds as multiple of its floors, of `time` or of `CPU`."""
    fit = fit_of(row["work"])
    if measure == "time":
        return [fit.of(each["floors"], "per_second") / each["per_second"] for each in row["rounds"]]
    return [each["busy_cpu_ms"] / fit.of(each["floors"], "cpu_ms") for each in row["rounds"]]
