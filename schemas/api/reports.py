"""Custom reports: definition, schedule and result."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from schemas.api.analytics import DayOrMoment
from schemas.base import Currency, Cursor, Id, Line, Moment, Request, Schema

Measure = Literal[
    "orders", "units", "gross", "discounts", "refunds", "net", "tax", "shipping", "average_order", "customers"
]
Dimension = Literal["hour", "day", "week", "month", "product", "category", "vendor", "country", "customer"]
Filters = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=120)]], Field(min_length=1, max_length=100)
]


def _unique(names: list[Any]) -> list[Any]:
    if len(set(names)) != len(names):
        raise ValueError("contains duplicates")
    return names


class ReportFilters(Request):
    """Filters by id; a field that is left out does not filter."""

    product: Filters | None = None
    category: Filters | None = None
    vendor: Filters | None = None
    country: Filters | None = None
    customer: Filters | None = None


class ReportPeriod(Request):
    """Either fixed dates, or a number of days before the run."""

    from_: DayOrMoment | None = Field(None, alias="from")
    to: DayOrMoment | None = None
    last_days: Annotated[int, Field(ge=1, le=1830)] | None = None


class ReportRequest(Request):
    """The definition of a report."""

    name: Line
    measures: Annotated[list[Measure], Field(min_length=1, max_length=10), AfterValidator(_unique)]
    dimensions: Annotated[list[Dimension], Field(max_length=3, default_factory=list), AfterValidator(_unique)]
    filters: ReportFilters = ReportFilters()
    period: ReportPeriod = ReportPeriod()
    currency: Currency | None = None
    schedule: Literal["none", "daily", "weekly", "monthly"] = "none"
    format: Literal["json", "csv"] = "json"


class LastRun(Schema):
    at: Moment
    rows: int
    url: str
    """URL of the result."""


class Report(Schema):
    """A stored definition and its last run."""

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
    version: int
    """Incremented by each change of the definition; for `If-Match`."""


class ReportQuery(Schema):
    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None


class ReportResult(Schema):
    """Values of each row are in the order of `columns`. Amounts are in minor units of `currency`."""

    report_id: Id
    name: str
    at: Moment
    currency: Currency
    columns: list[str]
    rows: list[list[str | int | float | None]]
    truncated: bool
    """True if rows beyond 10,000 were cut off."""


class ReportOutput(Schema):
    """The last result of a report, also as CSV if that is the report's format."""

    format: Literal["json", "csv"]
    csv: str | None
    result: ReportResult
