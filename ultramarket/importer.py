"""Send product rows through the public import, in batches, and count what became of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from ultramarket.api import Api, Refused
from ultramarket.catalogue import Line

BATCH: Final = 50
"""Half of what the API takes at once: a progress bar that moves, and replies well within the deadline."""


@dataclass
class Outcome:
    """What became of a file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)
    """Each with `line` and `reason`."""
    ids: dict[int, str] = field(default_factory=dict)
    """The product of each line."""

    def refuse(self, line: int, reason: str) -> None:
        self.refused.append({"line": line, "reason": reason})

    def as_json(self) -> dict[str, Any]:
        counts = {"created": self.created, "updated": self.updated, "unchanged": self.unchanged}
        return {**counts, "refused": len(self.refused), "refusals": sorted(self.refused, key=lambda r: r["line"])}


def import_lines(api: Api, lines: Iterable[Line], advance: Callable[[int], None] = lambda _n: None) -> Outcome:
    """Idempotent: the same rows again are `unchanged`. Raises `Refused` if the API refuses a batch as a whole."""
    outcome = Outcome()
    rest = iter(lines)
    while batch := list(islice(rest, BATCH)):
        readable = [line for line in batch if line.row is not None]
        for line in batch:
            if line.row is None:
                outcome.refuse(line.number, line.fault or "unreadable")
        if readable:
            data = api.post("/products/import", {"products": [line.row for line in readable]}, once=True)
            for row in data["rows"]:
                number = readable[row["index"]].number
                _count(outcome, number, row)
                if row.get("id"):
                    outcome.ids[number] = row["id"]
        advance(len(batch))
    return outcome


def _count(outcome: Outcome, line: int, row: dict[str, Any]) -> None:
    match row["status"]:
        case "created":
            outcome.created += 1
        case "updated":
            outcome.updated += 1
        case "unchanged":
            outcome.unchanged += 1
        case _:
            where = f"{row['field']}: " if row.get("field") else ""
            outcome.refuse(line, where + (row.get("reason") or "refused"))


__all__ = ["Outcome", "Refused", "import_lines"]
