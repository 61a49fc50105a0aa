"""Events of the analytics service: sales rankings, popular queries, finished reports."""

from pydantic import BaseModel, ConfigDict

from schemas.events.base import Event


class UnitsSold(BaseModel):
    """Units of a product sold within 30 days."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    product_id: str
    units_30d: int


class PopularQuery(BaseModel):
    """A search query and the number of its searches within 30 days."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    query: str
    count: int


class SalesCounted(Event, source="analytics", subject="name", version=1):
    """Units sold of the products whose number has changed; published hourly, at most 500 products per event."""

    name: str = "sales"
    products: list[UnitsSold]


class PopularQueriesChanged(Event, source="analytics", subject="name", version=1):
    """The most frequent search queries with results, in descending order."""

    name: str = "popular"
    queries: list[PopularQuery]


class ReportFinished(Event, source="analytics", subject="report_id", version=1):
    """A report has been run and its result is available."""

    report_id: str
    owner_id: str
    email: str
    name: str
    format: str
    file_url: str | None = None
    rows: int
