"""Reports: validation of a definition, its period, its next run, and its rows as CSV."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from schemas.api.reports import ReportRequest
from services.analytics.domain import periods
from services.analytics.domain.calendar import Calendar
from services.analytics.domain.periods import Period
from services.analytics.domain.presentation import net
from services.chassis.common.errors import ValidationFailed

Document = dict[str, Any]
MAX_ROWS: Final = 10_000
TIME_DIMENSIONS: Final = ("hour", "day", "week", "month")
NO_SCHEDULE: Final = "none"
_FORMULA_PREFIXES: Final = ("=", "+", "-", "@", "\t", "\r")


def check(report: ReportRequest, calendar: Calendar, now: datetime) -> None:
    """Validate combinations of fields. Raises `ValidationFailed` naming the field."""
    if sum(name in TIME_DIMENSIONS for name in report.dimensions) > 1:
        raise ValidationFailed.of("dimensions", "may contain at most one of hour, day, week and month")
    if "customers" in report.measures and "customer" in report.dimensions:
        raise ValidationFailed.of("measures", "customers cannot be combined with the dimension customer")
    period = report.period
    if period.last_days is not None and (period.from_ or period.to):
        raise ValidationFailed.of("period.last_days", "cannot be combined with from or to")
    if report.schedule != NO_SCHEDULE and period.to is not None:
        raise ValidationFailed.of("period.to", "is not allowed in a scheduled report; use last_days")
    try:
        period_of(report, calendar, now)
    except ValidationFailed as invalid:
        field = invalid.details[0]["field"]
        raise ValidationFailed.of(f"period.{field}", invalid.details[0]["message"]) from None


def period_of(report: ReportRequest, calendar: Calendar, now: datetime) -> Period:
    """The period of a run at `now`."""
    period = report.period
    if period.last_days is not None:
        today = calendar.midnight(calendar.day(now))
        return Period(calendar.midnight(calendar.day(now) - timedelta(days=period.last_days)), today)
    return periods.period_of(calendar, period.from_, period.to, now)


def next_run(schedule: str, calendar: Calendar, after: datetime) -> datetime | None:
    """The next midnight, Monday or first of the month after `after`; None without a schedule."""
    if schedule == NO_SCHEDULE:
        return None
    interval = {"daily": "day", "weekly": "week", "monthly": "month"}[schedule]
    return calendar.after(calendar.floor(after, interval), interval)


def columns(report: ReportRequest) -> list[str]:
    """The column names of the result."""
    return [*report.dimensions, *report.measures]


def row(report: ReportRequest, key: Sequence[Any], sums: Document) -> list[Any]:
    """A row of the result: the values of the dimensions, then of the measures."""
    return [*key, *(_measure(name, sums) for name in report.measures)]


def _measure(name: str, sums: Document) -> int:
    match name:
        case "net":
            return net(sums)
        case "average_order":
            orders = sums["o"]
            return round(Fraction(sums["g"] - sums["d"], orders)) if orders else 0
    return int(sums[_FIELDS[name]])


_FIELDS: Final = {
    "orders": "o", "units": "u", "gross": "g", "discounts": "d", "refunds": "r", "tax": "x", "shipping": "s",
    "customers": "customers",
}  # fmt: skip


def as_csv(columns: list[str], rows: list[list[Any]]) -> str:
    """Format rows as CSV (RFC 4180). Cells that a spreadsheet would evaluate as a formula are quoted as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row_ in rows:
        writer.writerow([_escape_formula(cell) for cell in row_])
    return out.getvalue()


def _escape_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_PREFIXES) else cell
