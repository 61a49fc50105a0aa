"""Periods: the time range of a query, and the comparison period before it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from services.analytics.domain.calendar import Calendar
from services.chassis.common.errors import ValidationFailed

DEFAULT_DAYS: Final = 30
MAX_PERIOD: Final = timedelta(days=1830)
MAX_HOURS: Final = 24 * 93


@dataclass(frozen=True)
class Period:
    """A half-open time range: `begin` is included, `end` is not."""

    begin: datetime
    end: datetime

    @property
    def days(self) -> float:
        return (self.end - self.begin) / timedelta(days=1)


def period_of(
    calendar: Calendar, begin: str | None, end: str | None, now: datetime, days: int = DEFAULT_DAYS
) -> Period:
    """The period given by `from` and `to`. Defaults: the end of today, and `days` days before the end.

    Raises `ValidationFailed` when it ends before it begins or is longer than five years.
    """
    until = _end(calendar, end) if end else calendar.midnight(calendar.day(now) + timedelta(days=1))
    if begin:
        since = _begin(calendar, begin)
    else:
        since = calendar.midnight(calendar.day(until - timedelta(microseconds=1)) - timedelta(days=days - 1))
    if since >= until:
        raise ValidationFailed.of("to", "must not lie before from")
    if until - since > MAX_PERIOD:
        raise ValidationFailed.of("from", "must not lie more than five years before to")
    return Period(since, until)


def previous(calendar: Calendar, period: Period) -> Period:
    """The preceding period of the same length; whole days stay whole days across daylight-saving changes."""
    first, last = calendar.day(period.begin), calendar.day(period.end)
    if calendar.midnight(first) == period.begin and calendar.midnight(last) == period.end:
        return Period(calendar.midnight(first - (last - first)), period.begin)
    return Period(period.begin - (period.end - period.begin), period.begin)


def check_interval(period: Period, interval: str) -> None:
    """Limit hourly series to 93 days. Raises `ValidationFailed`."""
    if interval == "hour" and period.end - period.begin > timedelta(hours=MAX_HOURS):
        raise ValidationFailed.of("interval", "hour is allowed for at most 93 days")


def _begin(calendar: Calendar, text: str) -> datetime:
    return calendar.midnight(date.fromisoformat(text)) if len(text) == 10 else _moment(text)


def _end(calendar: Calendar, text: str) -> datetime:
    return calendar.midnight(date.fromisoformat(text) + timedelta(days=1)) if len(text) == 10 else _moment(text)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(" ", "+")).astimezone(UTC)
