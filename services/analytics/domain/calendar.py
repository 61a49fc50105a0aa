"""Calendar: hours, days, weeks and months of a time zone as time buckets."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

HOUR: Final = "h"
DAY: Final = "d"
MONTH: Final = "m"
QUARTER_SECONDS: Final = 900
"""All UTC offsets in use are multiples of 15 minutes, so no quarter of an hour spans two buckets."""


def key(start: datetime) -> str:
    """Format a bucket's start for counter names: UTC, sorts chronologically."""
    return start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def from_key(text: str) -> datetime:
    """Parse a bucket key written by `key`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)


class Calendar:
    """Time buckets of one time zone. Bucket starts are UTC datetimes."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._tzinfo = ZoneInfo(zone)
        self._keys = lru_cache(maxsize=4096)(self._keys_of_quarter)

    def keys(self, at: datetime) -> tuple[str, str, str]:
        """The keys of the hour, day and month that contain `at`."""
        return self._keys(int(at.timestamp()) // QUARTER_SECONDS)

    def _keys_of_quarter(self, quarter: int) -> tuple[str, str, str]:
        at = datetime.fromtimestamp(quarter * QUARTER_SECONDS, UTC)
        return key(self.hour(at)), key(self.midnight(self.day(at))), key(self.midnight(self.day(at).replace(day=1)))

    def hour(self, at: datetime) -> datetime:
        """The start of the local hour."""
        local = at.astimezone(self._tzinfo)
        return (at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)).astimezone(
            UTC
        )

    def day(self, at: datetime) -> date:
        """The local date."""
        return at.astimezone(self._tzinfo).date()

    def midnight(self, day: date) -> datetime:
        """The start of a local day."""
        return datetime.combine(day, time(), self._tzinfo).astimezone(UTC)

    def floor(self, at: datetime, interval: str) -> datetime:
        """The start of the hour, day, week (Monday) or month that contains `at`."""
        if interval == "hour":
            return self.hour(at)
        day = self.day(at)
        if interval == "week":
            day -= timedelta(days=day.weekday())
        elif interval == "month":
            day = day.replace(day=1)
        return self.midnight(day)

    def after(self, start: datetime, interval: str) -> datetime:
        """The start of the next interval."""
        if interval == "hour":
            return start + timedelta(hours=1)
        day = self.day(start)
        if interval == "month":
            return self.midnight(_next_month(day))
        return self.midnight(day + timedelta(days=7 if interval == "week" else 1))

    def starts(self, begin: datetime, end: datetime, interval: str) -> Iterator[datetime]:
        """The starts of all intervals that overlap the period."""
        start = self.floor(begin, interval)
        while start < end:
            yield start
            start = self.after(start, interval)

    def cut(
        self, begin: datetime, end: datetime, finest: str = HOUR, coarsest: str = MONTH
    ) -> list[tuple[str, str, str]]:
        """Split the period into the fewest runs of whole months, days and hours: (level, first key, end key).

        The end key is exclusive. Partly covered buckets of the finest level are included whole.
        """
        if finest == HOUR:
            begin, end = self.floor(begin, "hour"), self._ceiling(end, "hour")
        else:
            begin, end = self.floor(begin, "day"), self._ceiling(end, "day")
        levels = [(HOUR, "hour"), (DAY, "day"), (MONTH, "month")]
        levels_used = levels[levels.index((finest, "hour" if finest == HOUR else "day")) :]
        if coarsest != MONTH:
            levels_used = [level for level in levels_used if level[0] != MONTH]
        return [(level, key(a), key(b)) for level, a, b in self._cut(begin, end, levels_used)]

    def _cut(
        self, begin: datetime, end: datetime, levels: list[tuple[str, str]]
    ) -> list[tuple[str, datetime, datetime]]:
        if begin >= end:
            return []
        level, _ = levels[0]
        if len(levels) == 1:
            return [(level, begin, end)]
        coarser = levels[1][1]
        first, last = self._ceiling(begin, coarser), self.floor(end, coarser)
        if first >= last:
            return [(level, begin, end)]
        runs = [(level, begin, first)] if begin < first else []
        runs += self._cut(first, last, levels[1:])
        if last < end:
            runs.append((level, last, end))
        return runs

    def _ceiling(self, at: datetime, interval: str) -> datetime:
        start = self.floor(at, interval)
        return start if start == at else self.after(start, interval)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
