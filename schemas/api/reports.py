"""Custom reports: what somebody wants to see, when, and what came of it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from schemas.api.analytics import DayOrMoment
from schemas.base import Currency, Id, Line, Moment, Request, Schema

Measure = Literal[
    "orders", "units", "gross", "discounts", "refunds", "net", "tax", "shipping", "average_order", "customers"
]
Dimension = Literal["hour", "day", "week", "month", "product", "category", "vendor", "country", "customer"]
Filters = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=120)]], Field(min_length=1, max_length=100)
]


def _each_once(names: list[Any]) -> list[Any]:
    if len(set(names)) != len(names):
        raise ValueError("names something twice")
    return names


class ReportFilters(Request):
    """Only what belongs to one of these; what is left out is not looked at."""

    product: Filters | None = None
    category: Filters | None = None
    vendor: Filters | None = None
    country: Filters | None = None
    customer: Filters | None = None


class ReportPeriod(Request):
    """Either fixed days, or so many days before the run."""

    from_: DayOrMoment | None = Field(None, alias="from")
    to: DayOrMoment | None = None
    last_days: Annotated[int, Field(ge=1, le=1830)] | None = None


class ReportRequest(Request):
    """What a report shows."""

    name: Line
    measures: Annotated[list[Measure], Field(min_length=1, max_length=10), AfterValidator(_each_once)]
    dimensions: Annotated[list[Dimension], Field(max_length=3, default_factory=list), AfterValidator(_each_once)]
    filters: ReportFilters = ReportFilters()
    period: ReportPeriod = ReportPeriod()
    currency: Currency | None = None
    schedule: Literal["none", "daily", "weekly", "monthly"] = "none"
    format: Literal["json", "csv"] = "json"


class LastRun(Schema):
    at: Moment
    rows: int
    url: str
    """Where the result is."""


class Report(Schema):
    """A definition that is kept, and its last result."""

    model_config = ConfigDict(json_schema_extra={"title": "Report"})

    id: Id
    name: str
    measures: list[Measure]
    dimensions: list[Dimension]
    filters: ReportFilters
    period: ReportPeriod
    currency: Currency | None = None
    schedule: Literal["none", "daily", "weekly", "monthly"]
    format: Literal["json", "csv"]
    owner_id: Id
    next_run_at: Moment | None = None
    last_run: LastRun | None = None
    created_at: Moment


class ReportQuery(Schema):
    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class ReportResult(Schema):
    """Rows in the order of the columns. Money in minor units of `currency`."""

    report_id: Id
    name: str
    at: Moment
    currency: Currency
    columns: list[str]
    rows: list[list[str | int | float | None]]
    truncated: bool
    """There were more than 10,000."""
