"""Queries of analytics figures: periods, grouping, currency. Replies: `sales_figures` and `session_figures`."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from schemas.base import Currency, Schema

Interval = Literal["hour", "day", "week", "month"]
Group = Literal["product", "category", "vendor", "country", "customer"]
FIRST_YEAR, LAST_YEAR = 2000, 2100


def _day_or_moment(text: str) -> str:
    try:
        year = date.fromisoformat(text).year if len(text) == 10 else _moment(text).year
    except (ValueError, OverflowError):  # UTC has no year 0
        raise ValueError("must be a date (2026-01-31) or a time with its UTC offset (2026-01-31T12:00:00Z)") from None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return text


def _moment(text: str) -> datetime:
    # A "+" that a client forgot to escape arrives as a space.
    moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its UTC offset")
    return moment.astimezone(UTC)


DayOrMoment = Annotated[str, StringConstraints(max_length=40), AfterValidator(_day_or_moment)]
"""A day in the shop's time zone, or a time. As the end of a period a day is included, a time is excluded."""


class PeriodQuery(Schema):
    """A period; by default the last 30 days."""

    from_: DayOrMoment | None = Field(None, alias="from", description="First date, or the time at which it begins")
    to: DayOrMoment | None = Field(None, description="Last date, or the time at which it ends")


class SalesQuery(PeriodQuery):
    interval: Interval = "day"
    group_by: Group | None = None
    currency: Currency | None = None


class CurrencyQuery(PeriodQuery):
    currency: Currency | None = None


class TopQuery(CurrencyQuery):
    by: Literal["net", "units", "orders", "views"] = "net"
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class CohortQuery(Schema):
    months: Annotated[int, Field(ge=1, le=24)] = Field(12, description="Number of months, the current one included")
