"""RPC interface of the analytics service."""

from typing import Protocol

from schemas.api.analytics import CohortQuery, CurrencyQuery, PeriodQuery, SalesQuery, TopQuery
from schemas.api.reports import Report, ReportOutput, ReportQuery, ReportRequest
from schemas.api.sales_figures import Cohorts, Customers, DeliveryTimes, Payments, Sales, StockFigures, TopProduct
from schemas.api.session_figures import AbandonedCarts, FlagFigures, Funnel, LiveFigures, SearchFigures
from schemas.api.tracking import ObservedEvent, Tracked, TrackRequest
from schemas.base import Id, Page
from schemas.caller import Caller


class AnalyticsRpc(Protocol):
    """Figures, custom reports and behaviour tracking. Vendors get the figures of their own products."""

    def sales(self, query: SalesQuery, caller: Caller) -> Sales:
        """Get sales totals, the previous period, a series and groups. Raises `Forbidden` for vendors by customer."""
        ...

    def top_products(self, query: TopQuery, caller: Caller) -> list[TopProduct]:
        """List the top products by net sales, units, orders or views."""
        ...

    def stock(self, query: PeriodQuery, caller: Caller) -> list[StockFigures]:
        """List stock turnover and days of cover by product, fewest days first."""
        ...

    def funnel(self, query: PeriodQuery, caller: Caller) -> Funnel:
        """Get the number of sessions by funnel stage."""
        ...

    def customers(self, query: CurrencyQuery, caller: Caller) -> Customers:
        """Get new and returning customers, segments and lifetime value."""
        ...

    def cohorts(self, query: CohortQuery, caller: Caller) -> Cohorts:
        """Get customer retention by month of the first order."""
        ...

    def payments(self, query: CurrencyQuery, caller: Caller) -> Payments:
        """Get payment success rates and decline codes."""
        ...

    def delivery(self, query: PeriodQuery, caller: Caller) -> DeliveryTimes:
        """Get shipping and delivery times."""
        ...

    def abandoned_carts(self, query: CurrencyQuery, caller: Caller) -> AbandonedCarts:
        """Get abandoned carts and the products in them."""
        ...

    def search(self, query: PeriodQuery, caller: Caller) -> SearchFigures:
        """Get search queries with their results, clicks and positions."""
        ...

    def flags(self, query: PeriodQuery, caller: Caller) -> list[FlagFigures]:
        """List exposures and conversions by feature-flag value."""
        ...

    def live(self, caller: Caller) -> LiveFigures:
        """Get orders, revenue and active sessions of the last 60 minutes."""
        ...

    def create_report(self, report: ReportRequest, caller: Caller) -> Report:
        """Create a report definition. Raises `ValidationFailed` naming the field."""
        ...

    def list_reports(self, query: ReportQuery, caller: Caller) -> Page[Report]:
        """List the caller's reports, the newest first."""
        ...

    def get_report(self, report_id: Id, caller: Caller) -> Report:
        """Get a report of the caller. Raises `NotFound`."""
        ...

    def update_report(
        self, report_id: Id, report: ReportRequest, caller: Caller, expected_version: int | None = None
    ) -> Report:
        """Replace a definition; the last result is kept until the next run. Raises `NotFound`, `ValidationFailed`."""
        ...

    def delete_report(self, report_id: Id, caller: Caller, expected_version: int | None = None) -> None:
        """Delete a report and its result. Raises `NotFound`, `PreconditionFailed`."""
        ...

    def run_report(self, report_id: Id, caller: Caller) -> Report:
        """Run a report now and store the result. Raises `NotFound`."""
        ...

    def report_result(self, report_id: Id, caller: Caller) -> ReportOutput:
        """Get the last result. Raises `NotFound`, also for a report that has not been run yet."""
        ...

    def track_events(self, request: TrackRequest, caller: Caller, cart_id: str | None = None) -> Tracked:
        """Track events of a visitor; invalid ones are listed in the reply."""
        ...

    def record_events(self, events: list[ObservedEvent]) -> None:
        """Record events that the gateway has observed itself."""
        ...
