"""Product files (JSON, JSONL, CSV) converted to rows of the public import (`schemas.api.product_import.ImportRow`).

JSON rows are either import rows or rows of the demo catalogue (DummyJSON).
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import InvalidOperation
from pathlib import Path
from typing import Any

from ultramarket.dummyjson import from_dummyjson
from ultramarket.product_csv import from_csv
from ultramarket.product_rows import Row, Unreadable


@dataclass(frozen=True)
class Line:
    """A product row with its line number (in a JSON list: position from 1)."""

    number: int
    row: Row | None
    error: str | None = None
    """Why the line has no row."""


def read(path: Path) -> Iterator[Line]:
    """Convert the rows of the file. A line that cannot be parsed becomes a `Line` with an error.

    Raises `Unreadable` if the file as a whole cannot be parsed.
    """
    match path.suffix.lower():
        case ".json":
            yield from _read_json(path)
        case ".jsonl" | ".ndjson":
            with path.open(encoding="utf-8") as file:
                yield from (_parsed(number, text) for number, text in enumerate(file, 1) if text.strip())
        case ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                for cells in reader:
                    yield _converted(reader.line_num, cells, from_csv)
        case other:
            raise Unreadable(f"{path.name}: {other or 'no ending'} is none of .json, .jsonl, .csv")


def _read_json(path: Path) -> Iterator[Line]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Unreadable(f"{path.name}: {error}") from error
    if not isinstance(rows, list):
        raise Unreadable(f"{path.name}: expected a list of products")
    for number, row in enumerate(rows, 1):
        yield _converted(number, row, from_any)


def _parsed(number: int, text: str) -> Line:
    try:
        row = json.loads(text)
    except ValueError as error:
        return Line(number, None, f"not JSON: {error}")
    return _converted(number, row, from_any)


def _converted(number: int, row: Any, convert: Any) -> Line:
    try:
        return Line(number, convert(row))
    except (KeyError, TypeError, ValueError, InvalidOperation, AttributeError) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__
        return Line(number, None, reason)


def from_any(row: Any) -> Row:
    if not isinstance(row, dict):
        raise Unreadable("not an object")
    return from_dummyjson(row) if "discountPercentage" in row else row
