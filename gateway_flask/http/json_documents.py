"""JSON from clients, parsed in one place for REST, GraphQL and WebSocket (ADR 0074).

Parsers differ in which of two equal names they take, so a check and the code behind it could read different values:
an object that names a field twice is refused.
"""

import re
from typing import Any, Final

import jiter

_LIMIT: Final = 2**63
_SUSPICIOUS: Final = re.compile(rb"\\u0000|[0-9]{19}|[0-9][eE]\+?[0-9]{2}")
"""Bytes that call for the full check of a document: NUL, or numbers that may exceed 64 bits."""


def parse(raw: bytes) -> Any:
    """The document (RFC 8259). Raises `ValueError`, also for equal names in one object and more than 200 levels."""
    return jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True)


def unusable_value(raw: bytes, document: Any) -> tuple[str, str] | None:
    """The path and message of a value that stores can't hold: a NUL, a number beyond 64 bits."""
    return _unusable_value(document) if _SUSPICIOUS.search(raw) else None


def _unusable_value(document: Any) -> tuple[str, str] | None:
    pending: list[tuple[Any, str]] = [(document, "")]
    while pending:
        value, at = pending.pop()
        if isinstance(value, str) and "\x00" in value:
            return at or "body", "must not contain control characters"
        if isinstance(value, int | float) and not -_LIMIT <= value < _LIMIT:
            return at or "body", "must be a number of at most 64 bits"
        if isinstance(value, dict):
            if any("\x00" in key for key in value):
                return at or "body", "must not contain control characters"
            pending.extend((inner, f"{at}.{key}" if at else key) for key, inner in value.items())
        elif isinstance(value, list):
            pending.extend((inner, f"{at}.{index}" if at else str(index)) for index, inner in enumerate(value))
    return None
