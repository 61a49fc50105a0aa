"""What analytics says of its figures, for who makes use of them."""

from pydantic import BaseModel, ConfigDict

from schemas.events.base import Event


class UnitsSold(BaseModel):
    """A product and how many units of it were sold within 30 days."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    product_id: str
    units_30d: int


class PopularQuery(BaseModel):
    """What people look for, and how often they did within 30 days."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    query: str
    count: int


class SalesCounted(Event, source="analytics", subject="name", version=1):
    """How well products sell: those whose number has changed, at most 500 at once and hourly."""

    name: str = "sales"
    products: list[UnitsSold]


class PopularQueriesChanged(Event, source="analytics", subject="name", version=1):
    """The most frequent queries that find something, the first the most frequent."""

    name: str = "popular"
    queries: list[PopularQuery]


class ReportFinished(Event, source="analytics", subject="report_id", version=1):
    """A report is ready to be read."""

    report_id: str
    owner_id: str
    email: str
    name: str
    format: str
    file_url: str | None = None
    rows: int
