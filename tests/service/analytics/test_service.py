"""The analytics service on counted figures: published rankings, scheduled reports, vendors' figures."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from nameko.testing.services import worker_factory

from schemas.api.analytics import CurrencyQuery, PeriodQuery, SalesQuery, TopQuery
from schemas.api.reports import ReportRequest
from schemas.caller import Caller
from services.analytics import reports
from services.analytics.domain.facts import Fact
from services.analytics.figures.figure_context import FigureContext
from services.analytics.figures.sessions import PopularityLimits, popular_queries
from services.analytics.service import AnalyticsService
from services.analytics.store.analytics_store import AnalyticsStore
from services.analytics.store.batches import write_batch
from services.analytics.store.datasets import Dataset
from services.chassis.common import clock
from services.chassis.common.ids import new_id
from services.chassis.testing import connect_mongo
from tests.unit.analytics.histories import History, line, parse

ADMIN = Caller(user_id=new_id(), roles=["ADMIN"], email="boss@example.com")
DAILY = {"name": "Net", "measures": ["net", "orders"], "period": {"last_days": 7}, "schedule": "daily"}


@pytest.fixture
def store() -> Iterator[AnalyticsStore]:
    with connect_mongo("analytics", AnalyticsStore) as store:
        yield store


@pytest.fixture
def service(store: AnalyticsStore) -> Any:
    return worker_factory(AnalyticsService, store=store, settings=SimpleNamespace(report_currency="USD"))


def count_history(dataset: Dataset, history: History) -> None:
    events: list[Fact] = [event for record in history.records if (event := parse(record)) is not None]
    with dataset.db.client.start_session() as session:
        write_batch(dataset, session, {}, events)


def published_events(store: AnalyticsStore) -> list[tuple[str, dict[str, Any]]]:
    """The events in the outbox, which is then empty."""
    events = [document["event"] for document in store.db["outbox"].find().sort("_id")]
    store.db["outbox"].delete_many({})
    return [(event["type"], event["data"]) for event in events if event["source"] == "/analytics"]


def test_units_sold_are_published_on_change(service: Any, store: AnalyticsStore) -> None:
    history = History(datetime.now(UTC) - timedelta(days=3))
    history.order("o1", line("mug", quantity=3), line("lamp"))
    count_history(store.dataset, history)

    service.publish_sales()
    first = published_events(store)
    service.publish_sales()  # less than an hour after the first
    second = published_events(store)
    store.publish_sales({"mug": 3, "lamp": 2})
    third = published_events(store)
    store.publish_sales({"mug": 3})
    fourth = published_events(store)

    (event,) = first
    assert event[0] == "sales_counted"
    assert event[1]["products"] == [
        {"product_id": "lamp", "units_30d": 1}, {"product_id": "mug", "units_30d": 3},
    ]  # fmt: skip
    assert second == []
    assert third[0][1]["products"] == [{"product_id": "lamp", "units_30d": 2}]
    assert fourth[0][1]["products"] == [{"product_id": "lamp", "units_30d": 0}]


def test_popular_queries_are_published_on_change(service: Any, store: AnalyticsStore) -> None:
    history = History(datetime.now(UTC) - timedelta(hours=3))
    searches = (*6 * ["mug"], *5 * ["lamp"], *4 * ["slip"], *5 * ["nothing"])
    for number, query in enumerate(searches):
        search(history, f"s{number}", query, f"network-{number}", results=0 if query == "nothing" else 5)
    count_history(store.dataset, history)

    service.publish_popular_queries()
    store.publish_popular_queries([("mug", 5), ("lamp", 3)])

    ((kind, data),) = published_events(store)
    assert kind == "popular_queries_changed"
    assert data["queries"] == [{"query": "mug", "count": 6}, {"query": "lamp", "count": 5}]


def search(
    history: History, session: str, query: str, network: str | None, results: int | None = 5, chose: bool = True
) -> None:
    history.track(session, "search_performed", query=query, results=results, network=network)
    if chose:
        history.track(session, "product_viewed", product_id="p")


def test_query_that_one_visitor_makes_up_is_not_popular(service: Any, store: AnalyticsStore) -> None:
    history = History(datetime.now(UTC) - timedelta(hours=3))
    for number in range(9):
        search(history, f"claimed-{number}", "claimed by clients", None, results=None)
        search(history, f"alone-{number}", "of one network", "network-1")
        search(history, f"searching-{number}", "only searched", f"network-{number}", chose=False)
        search(history, f"real-{number}", "mug", f"network-{number % 3}")
    count_history(store.dataset, history)

    service.publish_popular_queries()

    ((_, data),) = published_events(store)
    assert data["queries"] == [{"query": "mug", "count": 9}]


def test_query_needs_its_share_of_all_searches(service: Any, store: AnalyticsStore) -> None:
    history = History(datetime.now(UTC) - timedelta(hours=3))
    for number in range(60):
        search(history, f"s{number}", "mug" if number < 50 else "lamp", f"network-{number}")
    count_history(store.dataset, history)
    limits = PopularityLimits(sessions=5, networks=3, share=0.2)

    popular = popular_queries(FigureContext(store.dataset, "USD", datetime.now(UTC)), 30, limits)

    assert popular == [("mug", 50)]


def test_fully_refunded_customer_has_spent_nothing(service: Any, store: AnalyticsStore) -> None:
    history = History(datetime.now(UTC) - timedelta(hours=3))
    history.order("o1", line("mug", 1000), user="ada", shipping=500, tax=120)
    history.order("o2", line("mug", 1000), user="bob", shipping=500, tax=120)
    history.refund("o1", 1620)
    count_history(store.dataset, history)

    customers = service.customers(CurrencyQuery(), ADMIN)

    assert [(customer["customer_id"], customer["spent"]["amount"]) for customer in customers["top"]] == [
        ("bob", 1620),
        ("ada", 0),
    ]
    assert customers["lifetime_value"]["amount"] == 810


def test_due_report_is_run_by_one_process(service: Any, store: AnalyticsStore) -> None:
    report = service.create_report(ReportRequest.model_validate(DAILY), ADMIN)
    store.db["reports"].update_one({}, {"$set": {"next_run_at": clock.now() - timedelta(minutes=1)}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: service.run_due_reports(), range(8)))

    finished = published_events(store)
    assert [(kind, data["report_id"], data["email"]) for kind, data in finished] == [
        ("report_finished", report["id"], "boss@example.com")
    ]
    stored = service.get_report(report["id"], ADMIN)
    assert stored["last_run"]["rows"] == 1
    assert stored["next_run_at"] > clock.rfc3339(clock.now())


def test_report_claim_expires(store: AnalyticsStore) -> None:
    now = clock.now()
    reports.create(store, ReportRequest.model_validate(DAILY), ADMIN, now)
    later = now + timedelta(days=2)

    first = store.reports.claim_due(later)
    second = store.reports.claim_due(later)
    after_expiry = store.reports.claim_due(later + timedelta(minutes=6))

    assert first is not None
    assert second is None
    assert after_expiry is not None


def test_report_agrees_with_sales_groups(service: Any, store: AnalyticsStore) -> None:
    history = History(datetime.now(UTC) - timedelta(days=5))
    for number in range(40):
        lines = (line("mug", 999, 2, "v1", tax=13), line("lamp", 4550, vendor="v2", tax=99))
        history.later(hours=1).order(f"o{number}", *lines, user=f"u{number % 7}", discount=number)
        if number % 3 == 0:
            history.refund(f"o{number}", 700)
    count_history(store.dataset, history)
    definition = {
        "name": "All", "measures": ["orders", "units", "gross", "discounts", "refunds", "net", "tax", "shipping"],
        "dimensions": ["vendor"], "period": {"last_days": 6},
    }  # fmt: skip
    period = {"from": (clock.now().date() - timedelta(days=6)).isoformat(), "to": clock.now().date().isoformat()}

    report = service.create_report(ReportRequest.model_validate(definition | {"period": period}), ADMIN)
    service.run_report(report["id"], ADMIN)
    rows = service.report_result(report["id"], ADMIN)["result"]["rows"]
    groups = service.sales(SalesQuery.model_validate(period | {"group_by": "vendor"}), ADMIN)["groups"]

    amounts = ("gross", "discounts", "refunds", "net", "tax", "shipping")
    assert sorted(rows) == sorted(
        [group["key"], group["orders"], group["units"], *(group[name]["amount"] for name in amounts)]
        for group in groups
    )


def test_vendor_report_contains_own_lines_only(service: Any, store: AnalyticsStore) -> None:
    vendor = Caller(user_id=new_id(), roles=["VENDOR"], email="v@example.com")
    history = History(datetime.now(UTC) - timedelta(days=1))
    history.order("o1", line("mug", 1000, vendor=vendor.user_id), line("lamp", 4000, vendor="another"))
    count_history(store.dataset, history)
    definition = {"name": "Mine", "measures": ["gross"], "dimensions": ["product"], "filters": {"vendor": ["another"]}}

    report = service.create_report(ReportRequest.model_validate(definition), vendor)
    service.run_report(report["id"], vendor)

    assert service.report_result(report["id"], vendor)["result"]["rows"] == [["mug", 1000]]


def test_vendor_figures_cover_own_products(service: Any, store: AnalyticsStore) -> None:
    vendor, other_vendor, third_vendor = (Caller(user_id=new_id(), roles=["VENDOR"]) for _ in range(3))
    history = History(datetime.now(UTC) - timedelta(days=40))
    history.order("o1", line("mug", 1000, vendor=vendor.user_id), user="ada", shipping=0)
    history.later(days=39, hours=23, minutes=40)
    history.track("s1", "product_viewed", product_id="mug")
    history.track("s2", "product_viewed", product_id="lamp", user_id="ada")
    count_history(store.dataset, history)  # before the product events
    history = History(history.now)
    history.product("mug", vendor.user_id)
    history.product("lamp", other_vendor.user_id)
    count_history(store.dataset, history)
    history = History(history.now)
    history.order(
        "o2", line("mug", 1000, 3, vendor.user_id), line("lamp", 9000, vendor=other_vendor.user_id),
        user="ada", discount=1200, shipping=400,
    )  # fmt: skip
    history.order("o3", line("mug", 500, vendor=vendor.user_id), user="bob", shipping=0)
    history.refund("o3", 500)
    history.track("s1", "cart_added", sku="MUG")
    count_history(store.dataset, history)

    def steps(caller: Caller) -> list[int]:
        return [step["sessions"] for step in service.funnel(PeriodQuery(), caller)["steps"]]

    customers = service.customers(CurrencyQuery(), vendor)
    live = service.live(vendor)
    live_of_third_vendor = service.live(third_vendor)

    # s1 filled a cart; s2 is Ada's, who bought from both vendors; Bob has no session.
    assert steps(vendor) == [3, 3, 2, 2]
    assert steps(other_vendor) == [1, 1, 1, 1]
    assert steps(third_vendor) == [0, 0, 0, 0]
    assert (customers["active"], customers["new"], customers["returning"], customers["all_time"]) == (2, 1, 1, 2)
    # Ada 1000 + 3000 of 12000 with a quarter of discount and shipping; Bob was refunded.
    assert customers["lifetime_value"]["amount"] == (1000 + 3000 - 300 + 100) / 2
    assert customers["orders_per_customer"] == 1.5
    assert customers["top"] == []
    assert sum(minute["orders"] for minute in live["minutes"]) == 2
    assert sum(minute["revenue"]["amount"] for minute in live["minutes"]) == 3000 - 300 + 100 + 500
    assert [(product["product_id"], product["units"]) for product in live["top_products"]] == [("mug", 4)]
    assert sum(minute["visitors"] for minute in live["minutes"]) >= 1
    assert sum(minute["visitors"] for minute in service.live(other_vendor)["minutes"]) == 0
    assert (
        sum(minute["orders"] + minute["visitors"] for minute in live_of_third_vendor["minutes"]),
        live_of_third_vendor["top_products"],
    ) == (
        0,
        [],
    )
    assert service.customers(CurrencyQuery(), third_vendor)["all_time"] == 0


def test_disputes_are_in_the_payment_figures(service: Any, store: AnalyticsStore) -> None:
    history = History(datetime.now(UTC) - timedelta(days=10))
    history.dispute("d1", amount=700)
    history.dispute("d2", amount=300)
    history.dispute("d3", amount=9, currency="EUR")
    history.later(days=3).dispute("d1", "won", amount=700)
    count_history(store.dataset, history)

    disputes = service.payments(CurrencyQuery(), ADMIN)["disputes"]
    in_euros = service.payments(CurrencyQuery(currency="EUR"), ADMIN)["disputes"]

    sums = {
        name: (disputes[name]["disputes"], disputes[name]["amount"]["amount"]) for name in ("opened", "won", "lost")
    }
    assert sums == {"opened": (2, 1000), "won": (1, 700), "lost": (0, 0)}
    assert [(day["opened"]["disputes"], day["won"]["amount"]["amount"]) for day in disputes["days"]] == [
        (2, 0),
        (0, 700),
    ]
    assert (in_euros["opened"]["disputes"], in_euros["opened"]["amount"]) == (1, {"amount": 9, "currency": "EUR"})


def test_shop_figures_of_one_history(service: Any, store: AnalyticsStore) -> None:
    history = History(datetime.now(UTC) - timedelta(days=40))
    history.order("o1", user="ada", shipping=0)
    history.later(days=30).order("o2", user="ada", shipping=0)
    history.order("o3", line("lamp", 3000), user="bob", shipping=0)
    history.later(hours=10).ship("o2", 24)
    history.payment("p1", "payment_authorized")
    history.payment("p2", "payment_declined", code="card_declined")
    history.publish("products", "product_created", "mug", {"product_id": "mug", "title": "A mug", "skus": ["MUG"],
                                                       "price": 900, "currency": "USD"})  # fmt: skip
    history.track("s", "cart_added", product_id="mug", quantity=2)
    count_history(store.dataset, history)

    customers = service.customers(CurrencyQuery(), ADMIN)
    payments = service.payments(CurrencyQuery(), ADMIN)
    delivery = service.delivery(PeriodQuery(), ADMIN)
    abandoned = service.abandoned_carts(CurrencyQuery(), ADMIN)
    top_products = service.top_products(TopQuery(by="units"), ADMIN)

    assert (customers["active"], customers["new"], customers["returning"], customers["all_time"]) == (2, 1, 1, 2)
    assert customers["lifetime_value"]["amount"] == 2500
    assert {entry["name"]: entry["customers"] for entry in customers["segments"] if entry["customers"]} == {
        "promising": 1, "new": 1,
    }  # fmt: skip
    assert (payments["payments"], payments["success_rate"]) == (2, 0.5)
    assert payments["declines"] == [
        {"code": "card_declined", "payments": 1, "amount": {"amount": 1000, "currency": "USD"}}
    ]
    assert delivery["to_deliver"] == {"orders": 1, "average": 24.0, "p50": 24.0, "p90": 24.0}
    assert (abandoned["abandoned"], abandoned["value"]["amount"]) == (1, 1800)
    assert abandoned["products"][0]["title"] == "A mug"
    assert [entry["product_id"] for entry in top_products] == ["lamp", "mug"]
