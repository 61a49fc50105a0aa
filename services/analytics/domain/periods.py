"""From what a request says to a period of time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from services.analytics.domain.calendar import Calendar
from services.chassis.common.errors import ValidationFailed

DEFAULT_DAYS: Final = 30
LONGEST: Final = timedelta(days=1830)
MOST_HOURS: Final = 24 * 93


@dataclass(frozen=True)
class Period:
    """From a moment to before another."""

    begin: datetime
    end: datetime

    @property
    def days(self) -> float:
        return (self.end - self.begin) / timedelta(days=1)


def period_of(
    calendar: Calendar, begin: str | None, end: str | None, now: datetime, days: int = DEFAULT_DAYS
) -> Period:
    """The period that `from` and `to` mean; what is left out is today, or so many days before the end.

    Raises `ValidationFailed` when it ends before it begins, or is longer than five years.
    """
    until = _end(calendar, end) if end else calendar.midnight(calendar.day(now) + timedelta(days=1))
    if begin:
        since = _begin(calendar, begin)
    else:
        since = calendar.midnight(calendar.day(until - timedelta(microseconds=1)) - timedelta(days=days - 1))
    if since >= until:
        raise ValidationFailed.of("to", "must not lie before from")
    if until - since > LONGEST:
        raise ValidationFailed.of("from", "must not lie more than five years before to")
    return Period(since, until)


def previous(calendar: Calendar, period: Period) -> Period:
    """The period of the same length before; whole days stay whole days when clocks are changed."""
    first, last = calendar.day(period.begin), calendar.day(period.end)
    if calendar.midnight(first) == period.begin and calendar.midnight(last) == period.end:
        return Period(calendar.midnight(first - (last - first)), period.begin)
    return Period(period.begin - (period.end - period.begin), period.begin)


def check_interval(period: Period, interval: str) -> None:
    """Raises `ValidationFailed` when a series would have more points than anybody looks at."""
    if interval == "hour" and period.end - period.begin > timedelta(hours=MOST_HOURS):
        raise ValidationFailed.of("interval", "by hours at most 93 days can be shown")


def _begin(calendar: Calendar, text: str) -> datetime:
    return calendar.midnight(date.fromisoformat(text)) if len(text) == 10 else _moment(text)


def _end(calendar: Calendar, text: str) -> datetime:
    return calendar.midnight(date.fromisoformat(text) + timedelta(days=1)) if len(text) == 10 else _moment(text)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(" ", "+")).astimezone(UTC)
