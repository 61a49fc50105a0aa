"""The time of the MongoDB server, for times that processes on machines with different clocks compare: leases, holds."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo.database import Database

from services.chassis.common import clock

REFRESH_SECONDS: Final = 30.0
"""How often the difference to our own clock is measured."""


class ServerClock:
    """The server's clock, within half a round trip. Costs a round trip every `REFRESH_SECONDS`."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._db = db
        self._difference = timedelta()
        self._measure_at = 0.0

    def now(self) -> datetime:
        """The current time in UTC. Raises `PyMongoError`."""
        if time.monotonic() >= self._measure_at:
            begun = time.monotonic()
            server_time = self._db.command("hello")["localTime"].replace(tzinfo=UTC)
            half = timedelta(seconds=(time.monotonic() - begun) / 2)
            self._difference = server_time + half - clock.now()
            self._measure_at = begun + REFRESH_SECONDS
        return clock.now() + self._difference
