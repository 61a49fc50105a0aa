"""The time, in UTC. Domain rules take a moment as an argument; this is where it comes from."""

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, aware, UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T12:00:00.123456Z`, as the API and the events write it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
