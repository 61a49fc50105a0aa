"""The time, in UTC. Domain rules take a moment as an argument; this is where it comes from."""

from datetime import UTC, datetime

from services.chassis.common.timestamps import rfc3339

__all__ = ["now", "rfc3339"]


def now() -> datetime:
    """This moment, aware, UTC."""
    return datetime.now(UTC)
