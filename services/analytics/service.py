"""Analytics service: figures from the read model, custom reports, behaviour tracking, and published rankings."""

from datetime import timedelta
from typing import Any, Final

from schemas.api.analytics import CohortQuery, CurrencyQuery, PeriodQuery, SalesQuery, TopQuery
from schemas.api.reports import ReportQuery, ReportRequest
from schemas.api.tracking import ObservedEvent, Tracked, TrackRequest
from schemas.base import Id
from schemas.caller import Caller
from schemas.events.auth import UserRegistered
from schemas.events.users import ProfileUpdated
from schemas.permissions.permission import Permission
from schemas.rpc.analytics import AnalyticsRpc
from services.analytics import reports, tracking
from services.analytics.domain.counters import EVERYBODY
from services.analytics.figures import customers, live, operations, sales, sessions
from services.analytics.figures.figure_context import FigureContext
from services.analytics.providers.behaviour_producer import BehaviourEvents
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.analytics_store import AnalyticsStore
from services.chassis.common import clock
from services.chassis.common.errors import Forbidden
from services.chassis.common.paging import Paging
from services.chassis.dynamic_config import config
from services.chassis.messaging.events import on_event
from services.chassis.messaging.personal_data import Person, PersonalDataHandlers, Sections
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.timers import every
from services.chassis.stores.mongo import Mongo

Document = dict[str, Any]
RECENT_DAYS: Final = 30


class AnalyticsService(PersonalDataHandlers, Service):
    """Vendors read the figures of their own products; administrators those of the whole shop."""

    name = "analytics"
    store = Mongo(AnalyticsStore)
    settings = Configured(AnalyticsSettings)
    behaviour = BehaviourEvents()

    # ---- figures -------------------------------------------------------------------------------------------------

    @implements(AnalyticsRpc.sales)
    def sales(self, query: SalesQuery, caller: Caller) -> Json:
        vendor = _scope(caller)
        if vendor and query.group_by == "customer":
            raise Forbidden("Vendors cannot group by customer")
        return sales.sales(self._context(), query, vendor)

    @implements(AnalyticsRpc.top_products)
    def top_products(self, query: TopQuery, caller: Caller) -> Json:
        return sales.top_products(self._context(), query, _scope(caller))

    @implements(AnalyticsRpc.stock)
    def stock(self, query: PeriodQuery, caller: Caller) -> Json:
        return sales.stock(self._context(), query, _scope(caller))

    @implements(AnalyticsRpc.funnel)
    def funnel(self, query: PeriodQuery, caller: Caller) -> Json:
        return sessions.funnel(self._context(), query, _scope(caller))

    @implements(AnalyticsRpc.customers)
    def customers(self, query: CurrencyQuery, caller: Caller) -> Json:
        return customers.customers(self._context(), query, _scope(caller))

    @implements(AnalyticsRpc.cohorts)
    def cohorts(self, query: CohortQuery, caller: Caller) -> Json:
        return customers.cohorts(self._context(), query)

    @implements(AnalyticsRpc.payments)
    def payments(self, query: CurrencyQuery, caller: Caller) -> Json:
        return operations.payments(self._context(), query)

    @implements(AnalyticsRpc.delivery)
    def delivery(self, query: PeriodQuery, caller: Caller) -> Json:
        return operations.delivery(self._context(), query)

    @implements(AnalyticsRpc.abandoned_carts)
    def abandoned_carts(self, query: CurrencyQuery, caller: Caller) -> Json:
        return sessions.abandoned_carts(self._context(), query)

    @implements(AnalyticsRpc.search)
    def search(self, query: PeriodQuery, caller: Caller) -> Json:
        return sessions.search(self._context(), query)

    @implements(AnalyticsRpc.flags)
    def flags(self, query: PeriodQuery, caller: Caller) -> Json:
        return sessions.flags(self._context(), query)

    @implements(AnalyticsRpc.live)
    def live(self, caller: Caller) -> Json:
        return live.live(self._context(), _scope(caller))

    # ---- reports -------------------------------------------------------------------------------------------------

    @implements(AnalyticsRpc.create_report)
    def create_report(self, report: ReportRequest, caller: Caller) -> Json:
        return reports.create(self.store, report, caller, clock.now())

    @implements(AnalyticsRpc.list_reports)
    def list_reports(self, query: ReportQuery, caller: Caller) -> Json:
        return reports.list_reports(self.store, caller, Paging.of(query))

    @implements(AnalyticsRpc.get_report)
    def get_report(self, report_id: Id, caller: Caller) -> Json:
        return reports.to_api(self.store.reports.get(report_id, reports.owner_id(caller)))

    @implements(AnalyticsRpc.update_report)
    def update_report(
        self, report_id: Id, report: ReportRequest, caller: Caller, expected_version: int | None = None
    ) -> Json:
        return reports.replace(self.store, report_id, report, caller, clock.now(), expected_version)

    @implements(AnalyticsRpc.delete_report)
    def delete_report(self, report_id: Id, caller: Caller, expected_version: int | None = None) -> None:
        self.store.reports.remove(report_id, reports.owner_id(caller), expected_version)

    @implements(AnalyticsRpc.run_report)
    def run_report(self, report_id: Id, caller: Caller) -> Json:
        report = self.store.reports.get(report_id, reports.owner_id(caller))
        return reports.run(self.store, report, self.settings.report_currency, clock.now())

    @implements(AnalyticsRpc.report_result)
    def report_result(self, report_id: Id, caller: Caller) -> Json:
        report = self.store.reports.get(report_id, reports.owner_id(caller))
        return reports.result(self.store, report)

    @every(seconds=30)
    def run_due_reports(self) -> None:
        """Run due reports; each is claimed by one process."""
        now = clock.now()
        while (report := self.store.reports.claim_due(now)) is not None:
            reports.run(self.store, report, self.settings.report_currency, now)

    # ---- behaviour tracking --------------------------------------------------------------------------------------

    @implements(AnalyticsRpc.track_events)
    def track_events(self, request: TrackRequest, caller: Caller, cart_id: str | None = None) -> Tracked:
        return tracking.track(self.behaviour, request, caller, cart_id, clock.now())

    @implements(AnalyticsRpc.record_events)
    def record_events(self, events: list[ObservedEvent]) -> None:
        tracking.record(self.behaviour, events, clock.now())

    # ---- published rankings --------------------------------------------------------------------------------------

    @every(seconds=60)
    def publish_popular_queries(self) -> None:
        """Publish the popular search queries if they have changed; search suggests them."""
        if self.store.claim_run("popular", clock.now(), timedelta(seconds=50)):
            limits = sessions.PopularityLimits(
                config.setting("analytics.suggestion_sessions"),
                config.setting("analytics.suggestion_networks"),
                config.setting("analytics.suggestion_share_percent") / 100,
            )
            self.store.publish_popular_queries(sessions.popular_queries(self._context(), RECENT_DAYS, limits))

    @every(seconds=300)
    def publish_sales(self) -> None:
        """Publish changed units sold once an hour; search ranks by them."""
        if self.store.claim_run("sales", clock.now(), timedelta(hours=1)):
            self.store.publish_sales(sales.units_sold(self._context(), RECENT_DAYS))

    # ---- names of accounts ---------------------------------------------------------------------------------------

    @on_event(UserRegistered)
    def add_account(self, event: UserRegistered) -> None:
        name = f"{event.first_name} {event.last_name}".strip()
        self.store.people.store(event.user_id, name, event.meta.time, event.email)

    @on_event(ProfileUpdated)
    def update_name(self, event: ProfileUpdated) -> None:
        self.store.people.store(event.user_id, f"{event.first_name} {event.last_name}".strip(), event.meta.time)

    def personal_data(self, person: Person) -> Sections:
        return self.store.personal_data(person.user_id)

    def erase_person(self, person: Person) -> None:
        self.store.erase(person.user_id)

    def _context(self) -> FigureContext:
        return FigureContext(self.store.dataset, self.settings.report_currency, clock.now())


def _scope(caller: Caller) -> str:
    """The caller's scope: the shop for administrators, their own products for vendors."""
    return EVERYBODY if caller.may(Permission.ANALYTICS_READ_ANY) else str(caller.user_id)
