"""The current time in UTC. Domain rules take the time as an argument."""

from datetime import UTC, datetime

from services.chassis.common.timestamps import rfc3339

__all__ = ["now", "rfc3339"]


def now() -> datetime:
    """The current time, timezone-aware, in UTC."""
    return datetime.now(UTC)
