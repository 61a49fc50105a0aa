"""Analytics service: figures from the read model, custom reports, behaviour tracking, and published rankings."""

from datetime import timedelta
from typing import Any, Final

from schemas.api.analytics import CohortQuery, CurrencyQuery, PeriodQuery, SalesQuery, TopQuery
from schemas.api.reports import ReportQuery, ReportRequest
from schemas.api.tracking import ObservedEvent, Tracked, TrackRequest
from schemas.base import Caller, Id
from services.analytics import reports, tracking
from services.analytics.figures import customers, live, operations, sales, sessions
from services.analytics.figures.figure_context import FigureContext
from services.analytics.providers.behaviour_producer import BehaviourEvents
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.analytics_store import AnalyticsStore
from services.chassis.common import clock
from services.chassis.common.errors import Forbidden
from services.chassis.common.paging import Paging
from services.chassis.messaging.rpc import rpc
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.timers import every
from services.chassis.stores.mongo import Mongo

Document = dict[str, Any]
RECENT_DAYS: Final = 30


class AnalyticsService(Service):
    """Vendors read the figures of their own products; administrators those of the whole shop."""

    name = "analytics"
    store = Mongo(AnalyticsStore)
    settings = Configured(AnalyticsSettings)
    behaviour = BehaviourEvents()

    # ---- figures -------------------------------------------------------------------------------------------------

    @rpc
    def sales(self, query: SalesQuery, caller: Caller) -> Document:
        """Sales totals, the previous period, a series and groups (`schemas.api.sales_figures.Sales`)."""
        vendor = _scope(caller)
        if vendor and query.group_by == "customer":
            raise Forbidden("Vendors cannot group by customer")
        return sales.sales(self._context(), query, vendor)

    @rpc
    def top_products(self, query: TopQuery, caller: Caller) -> list[Document]:
        """The top products by net sales, units, orders or views."""
        return sales.top_products(self._context(), query, _scope(caller))

    @rpc
    def stock(self, query: PeriodQuery, caller: Caller) -> list[Document]:
        """Stock turnover and days of cover, fewest days first."""
        return sales.stock(self._context(), query, _scope(caller))

    @rpc
    def funnel(self, query: PeriodQuery, caller: Caller) -> Document:
        """Sessions by funnel stage."""
        return sessions.funnel(self._context(), query, _scope(caller))

    @rpc
    def customers(self, query: CurrencyQuery, caller: Caller) -> Document:
        """New and returning customers, segments by recency and frequency, lifetime value."""
        return customers.customers(self._context(), query, _scope(caller))

    @rpc
    def cohorts(self, query: CohortQuery) -> Document:
        """Retention by month of first order. Administrators only."""
        return customers.cohorts(self._context(), query)

    @rpc
    def payments(self, query: CurrencyQuery) -> Document:
        """Payment success rates and decline codes. Administrators only."""
        return operations.payments(self._context(), query)

    @rpc
    def delivery(self, query: PeriodQuery) -> Document:
        """Shipping and delivery times. Administrators only."""
        return operations.delivery(self._context(), query)

    @rpc
    def abandoned_carts(self, query: CurrencyQuery) -> Document:
        """Abandoned carts and their products. Administrators only."""
        return sessions.abandoned_carts(self._context(), query)

    @rpc
    def search(self, query: PeriodQuery) -> Document:
        """Search queries, results and clicks. Administrators only."""
        return sessions.search(self._context(), query)

    @rpc
    def flags(self, query: PeriodQuery) -> list[Document]:
        """Exposures and conversions by feature-flag value. Administrators only."""
        return sessions.flags(self._context(), query)

    @rpc
    def live(self, caller: Caller) -> Document:
        """Orders, revenue and active sessions of the last 60 minutes."""
        return live.live(self._context(), _scope(caller))

    # ---- reports -------------------------------------------------------------------------------------------------

    @rpc
    def create_report(self, report: ReportRequest, caller: Caller) -> Document:
        """Create a report definition. Raises `ValidationFailed` naming the field."""
        return reports.create(self.store, report, caller, clock.now())

    @rpc
    def list_reports(self, query: ReportQuery, caller: Caller) -> Document:
        """The caller's reports, the newest first."""
        return reports.list_reports(self.store, caller, Paging(query.page, query.limit))

    @rpc
    def get_report(self, report_id: Id, caller: Caller) -> Document:
        """A report of the caller. Raises `NotFound`."""
        return reports.to_api(self.store.reports.get(report_id, reports.owner_id(caller)))

    @rpc
    def update_report(self, report_id: Id, report: ReportRequest, caller: Caller) -> Document:
        """Replace a definition; the last result is kept until the next run."""
        return reports.replace(self.store, report_id, report, caller, clock.now())

    @rpc
    def delete_report(self, report_id: Id, caller: Caller) -> None:
        """Delete a report and its result. Raises `NotFound`."""
        self.store.reports.remove(report_id, reports.owner_id(caller))

    @rpc
    def run_report(self, report_id: Id, caller: Caller) -> Document:
        """Run a report now and store the result."""
        report = self.store.reports.get(report_id, reports.owner_id(caller))
        return reports.run(self.store, report, self.settings.report_currency, clock.now())

    @rpc
    def report_result(self, report_id: Id, caller: Caller) -> Document:
        """The last result: `{format, csv, result}`; `result` is `schemas.api.reports.ReportResult`."""
        report = self.store.reports.get(report_id, reports.owner_id(caller))
        return reports.result(self.store, report)

    @every(seconds=30)
    def run_due_reports(self) -> None:
        """Run due reports; each is claimed by one process."""
        now = clock.now()
        while (report := self.store.reports.claim_due(now)) is not None:
            reports.run(self.store, report, self.settings.report_currency, now)

    # ---- behaviour tracking --------------------------------------------------------------------------------------

    @rpc
    def track_events(self, request: TrackRequest, caller: Caller, cart_id: str | None = None) -> Tracked:
        """Write the events of a visitor to Kafka. Open to everybody; invalid events are listed in the reply."""
        return tracking.track(self.behaviour, request, caller, cart_id, clock.now())

    @rpc
    def record_events(self, events: list[ObservedEvent]) -> None:
        """Write events that the gateway has observed to Kafka."""
        tracking.record(self.behaviour, events, clock.now())

    # ---- published rankings --------------------------------------------------------------------------------------

    @every(seconds=60)
    def publish_popular_queries(self) -> None:
        """Publish the popular search queries if they have changed; search suggests them."""
        if self.store.claim_run("popular", clock.now(), timedelta(seconds=50)):
            self.store.publish_popular_queries(sessions.popular_queries(self._context(), RECENT_DAYS))

    @every(seconds=300)
    def publish_sales(self) -> None:
        """Publish changed units sold once an hour; search ranks by them."""
        if self.store.claim_run("sales", clock.now(), timedelta(hours=1)):
            self.store.publish_sales(sales.units_sold(self._context(), RECENT_DAYS))

    def _context(self) -> FigureContext:
        return FigureContext(self.store.dataset, self.settings.report_currency, clock.now())


def _scope(caller: Caller) -> str:
    """The caller's scope: the shop for administrators, own products for vendors. Raises `Forbidden`."""
    if caller.is_admin:
        return ""
    if not caller.is_vendor or not caller.user_id:
        raise Forbidden
    return caller.user_id
