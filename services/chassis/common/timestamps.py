"""Formatting of times. Pure; the current time comes from `clock`."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T12:00:00.123456Z`, as the API and the events write it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
