"""Analytics: figures of what happened, read from what the consumer has counted; reports; what others make use of."""

from datetime import timedelta
from typing import Any, Final

from schemas.api.analytics import CohortQuery, CurrencyQuery, PeriodQuery, SalesQuery, TopQuery
from schemas.api.reports import ReportQuery, ReportRequest
from schemas.base import Caller, Id
from services.analytics import reporting
from services.analytics.answers import buyers, live, operations, sales, visits
from services.analytics.answers.view import View
from services.analytics.settings import AnalyticsSettings
from services.analytics.store import AnalyticsStore
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
    """Vendors see what concerns their own products; administrators everything, and what only the shop has."""

    name = "analytics"
    store = Mongo(AnalyticsStore)
    settings = Configured(AnalyticsSettings)

    # ---- figures -------------------------------------------------------------------------------------------------

    @rpc
    def sales(self, query: SalesQuery, caller: Caller) -> Document:
        """Totals, the period before, a series, and groups: see `schemas.api.analytics.Sales`."""
        vendor = _scope(caller)
        if vendor and query.group_by == "customer":
            raise Forbidden("Customers are the shop's")
        return sales.sales(self._view(), query, vendor)

    @rpc
    def top_products(self, query: TopQuery, caller: Caller) -> list[Document]:
        """The best by net sales, units, orders or views."""
        return sales.top_products(self._view(), query, _scope(caller))

    @rpc
    def stock(self, query: PeriodQuery, caller: Caller) -> list[Document]:
        """Turnover and days of cover, what runs out first in front."""
        return sales.stock(self._view(), query, _scope(caller))

    @rpc
    def funnel(self, query: PeriodQuery, caller: Caller) -> Document:
        """How many visits came how far."""
        return visits.funnel(self._view(), query, _scope(caller))

    @rpc
    def customers(self, query: CurrencyQuery, caller: Caller) -> Document:
        """New and returning ones, segments by recency and frequency, lifetime value."""
        return buyers.customers(self._view(), query, _scope(caller))

    @rpc
    def cohorts(self, query: CohortQuery) -> Document:
        """Who bought first in which month, and came again."""
        return buyers.cohorts(self._view(), query)

    @rpc
    def payments(self, query: CurrencyQuery) -> Document:
        """How many succeed, and why others don't."""
        return operations.payments(self._view(), query)

    @rpc
    def delivery(self, query: PeriodQuery) -> Document:
        """How long parcels take."""
        return operations.delivery(self._view(), query)

    @rpc
    def abandoned_carts(self, query: CurrencyQuery) -> Document:
        """What was put into carts and not ordered."""
        return visits.abandoned_carts(self._view(), query)

    @rpc
    def search(self, query: PeriodQuery) -> Document:
        """What is looked for, found and chosen."""
        return visits.search(self._view(), query)

    @rpc
    def flags(self, query: PeriodQuery) -> list[Document]:
        """Which values of flags were shown to how many, and how many of them ordered."""
        return visits.flags(self._view(), query)

    @rpc
    def live(self, caller: Caller) -> Document:
        """The last 60 minutes."""
        return live.live(self._view(), _scope(caller))

    # ---- reports -------------------------------------------------------------------------------------------------

    @rpc
    def create_report(self, report: ReportRequest, caller: Caller) -> Document:
        """Keep a definition. Raises `ValidationFailed` naming the field that makes no sense."""
        return reporting.create(self.store, report, caller, clock.now())

    @rpc
    def list_reports(self, query: ReportQuery, caller: Caller) -> Document:
        """The caller's own, the newest first."""
        return reporting.listed(self.store, caller, Paging(query.page, query.limit))

    @rpc
    def get_report(self, report_id: Id, caller: Caller) -> Document:
        return reporting.shown(self.store.reports.get(report_id, reporting.owner(caller)))

    @rpc
    def update_report(self, report_id: Id, report: ReportRequest, caller: Caller) -> Document:
        """Replace a definition; the last result stays until the next run."""
        return reporting.replace(self.store, report_id, report, caller, clock.now())

    @rpc
    def delete_report(self, report_id: Id, caller: Caller) -> None:
        self.store.reports.remove(report_id, reporting.owner(caller))

    @rpc
    def run_report(self, report_id: Id, caller: Caller) -> Document:
        """Run it now, and keep the result."""
        report = self.store.reports.get(report_id, reporting.owner(caller))
        return reporting.run(self.store, report, self.settings.report_currency, clock.now())

    @rpc
    def report_result(self, report_id: Id, caller: Caller) -> Document:
        """The last result: `{format, csv?}` and the fields of `schemas.api.analytics.ReportResult`."""
        report = self.store.reports.get(report_id, reporting.owner(caller))
        return reporting.result(self.store, report)

    @every(seconds=30)
    def run_due_reports(self) -> None:
        """Those whose time has come; of several processes each report is run by one."""
        now = clock.now()
        while (report := self.store.reports.take_due(now)) is not None:
            reporting.run(self.store, report, self.settings.report_currency, now)

    # ---- for others ----------------------------------------------------------------------------------------------

    @every(seconds=60)
    def say_popular_queries(self) -> None:
        """For suggestions, when they have changed."""
        if self.store.take_turn("popular", clock.now(), timedelta(seconds=50)):
            self.store.say_popular(visits.popular_queries(self._view(), RECENT_DAYS))

    @every(seconds=300)
    def say_sales(self) -> None:
        """For ranking by sales: once an hour, what has changed."""
        if self.store.take_turn("sales", clock.now(), timedelta(hours=1)):
            self.store.say_sales(sales.units_sold(self._view(), RECENT_DAYS))

    def _view(self) -> View:
        return View(self.store.book, self.settings.report_currency, clock.now())


def _scope(caller: Caller) -> str:
    """Whose figures a caller sees: everybody's (an administrator) or the own."""
    if caller.is_admin:
        return ""
    if not caller.is_vendor or not caller.user_id:
        raise Forbidden
    return caller.user_id
