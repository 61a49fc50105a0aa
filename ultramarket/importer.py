"""Import product rows through the public API, in batches, and count the results."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from ultramarket.api_client import ApiClient, ApiError
from ultramarket.catalogue import Line

BATCH: Final = 50
"""Half of the API's limit: the progress bar moves, and each reply stays well within the deadline."""


@dataclass
class ImportResult:
    """Counts of created, updated, unchanged and refused rows of one file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)
    """Each with `line` and `reason`."""
    ids: dict[int, str] = field(default_factory=dict)
    """Product id by line."""

    def refuse(self, line: int, reason: str) -> None:
        self.refused.append({"line": line, "reason": reason})

    def as_json(self) -> dict[str, Any]:
        counts = {"created": self.created, "updated": self.updated, "unchanged": self.unchanged}
        return {**counts, "refused": len(self.refused), "refusals": sorted(self.refused, key=lambda r: r["line"])}


def import_lines(
    api: ApiClient, lines: Iterable[Line], advance: Callable[[int], None] = lambda _n: None
) -> ImportResult:
    """Idempotent: the same rows again are `unchanged`. Raises `ApiError` if the API refuses a whole batch."""
    result = ImportResult()
    remaining = iter(lines)
    while batch := list(islice(remaining, BATCH)):
        readable = [line for line in batch if line.row is not None]
        for line in batch:
            if line.row is None:
                result.refuse(line.number, line.error or "unreadable")
        if readable:
            data = api.post("/products/import", {"products": [line.row for line in readable]}, idempotent=True)
            for row in data["rows"]:
                number = readable[row["index"]].number
                _count(result, number, row)
                if row.get("id"):
                    result.ids[number] = row["id"]
        advance(len(batch))
    return result


def _count(result: ImportResult, line: int, row: dict[str, Any]) -> None:
    match row["status"]:
        case "created":
            result.created += 1
        case "updated":
            result.updated += 1
        case "unchanged":
            result.unchanged += 1
        case _:
            where = f"{row['field']}: " if row.get("field") else ""
            result.refuse(line, where + (row.get("reason") or "refused"))


__all__ = ["ApiError", "ImportResult", "import_lines"]
