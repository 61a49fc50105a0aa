"""Reports: what a definition means, when it is due, and its rows as CSV."""

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
from services.analytics.domain.shapes import net
from services.chassis.common.errors import ValidationFailed

Document = dict[str, Any]
MOST_ROWS: Final = 10_000
TIMES: Final = ("hour", "day", "week", "month")
NEVER: Final = "none"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def check(report: ReportRequest, calendar: Calendar, now: datetime) -> None:
    """Raises `ValidationFailed` naming the field that makes no sense with the others."""
    if sum(name in TIMES for name in report.dimensions) > 1:
        raise ValidationFailed.of("dimensions", "at most one of hour, day, week and month")
    if "customers" in report.measures and "customer" in report.dimensions:
        raise ValidationFailed.of("measures", "customers can't be counted by customer")
    period = report.period
    if period.last_days is not None and (period.from_ or period.to):
        raise ValidationFailed.of("period.last_days", "goes without from and to")
    if report.schedule != NEVER and period.to is not None:
        raise ValidationFailed.of("period.to", "a scheduled report needs a period that moves on: use last_days")
    try:
        period_of(report, calendar, now)
    except ValidationFailed as wrong:
        field = wrong.details[0]["field"]
        raise ValidationFailed.of(f"period.{field}", wrong.details[0]["message"]) from None


def period_of(report: ReportRequest, calendar: Calendar, now: datetime) -> Period:
    """The period that a run at this moment shows."""
    period = report.period
    if period.last_days is not None:
        today = calendar.midnight(calendar.day(now))
        return Period(calendar.midnight(calendar.day(now) - timedelta(days=period.last_days)), today)
    return periods.period_of(calendar, period.from_, period.to, now)


def next_run(schedule: str, calendar: Calendar, after: datetime) -> datetime | None:
    """The first midnight, Monday or first of the month after a moment."""
    if schedule == NEVER:
        return None
    interval = {"daily": "day", "weekly": "week", "monthly": "month"}[schedule]
    return calendar.after(calendar.floor(after, interval), interval)


def columns(report: ReportRequest) -> list[str]:
    return [*report.dimensions, *report.measures]


def row(report: ReportRequest, key: Sequence[Any], sums: Document) -> list[Any]:
    """One row: the dimensions' values, then the measures'."""
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
    """RFC 4180. What a spreadsheet would take for a formula is made a text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row_ in rows:
        writer.writerow([_harmless(cell) for cell in row_])
    return out.getvalue()


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
