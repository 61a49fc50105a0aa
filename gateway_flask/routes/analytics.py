"""Figures and reports for those who run the shop."""

from typing import Any

from flask import Response
from pydantic import BaseModel

from gateway_flask.http import event_streams
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath
from gateway_flask.rpc.calls import call_by_name as call
from schemas.api.analytics import CohortQuery, CurrencyQuery, PeriodQuery, SalesQuery, TopQuery
from schemas.api.reports import Report, ReportQuery, ReportRequest, ReportResult
from schemas.api.sales_figures import Cohorts, Customers, Delivery, Payments, Sales, StockFigures, TopProduct
from schemas.api.visit_figures import AbandonedCarts, FlagFigures, Funnel, Live, SearchFigures

api = Api("analytics", "Analytics", "What was sold, seen, looked for and left behind; reports.", "/analytics")

RUN_SECONDS = 25.0


@api.get("/sales", reply=Sales, who=Who.VENDOR)
def analytics_sales(query: SalesQuery) -> Response:
    """Sales by interval, against the period before, and by product, category, vendor, country or customer.

    A vendor sees the own lines of each order. Without a period: the last 30 days.
    """
    return ok(call("analytics", "sales", query=_asked(query), caller=caller().model_dump()), "Sales")


@api.get("/top-products", reply=TopProduct, many=True, who=Who.VENDOR)
def analytics_top_products(query: TopQuery) -> Response:
    """The best products; a vendor's own."""
    return ok(call("analytics", "top_products", query=_asked(query), caller=caller().model_dump()), "Top products")


@api.get("/stock", reply=StockFigures, many=True, who=Who.VENDOR)
def analytics_stock(query: PeriodQuery) -> Response:
    """Turnover and days of cover, what runs out first in front; a vendor's own."""
    return ok(call("analytics", "stock", query=_asked(query), caller=caller().model_dump()), "Stock figures")


@api.get("/funnel", reply=Funnel, who=Who.VENDOR)
def analytics_funnel(query: PeriodQuery) -> Response:
    """How many visits looked, filled a cart, went to the checkout, paid.

    A vendor sees the visits that looked at, carted, ordered or paid one of the own products.
    """
    return ok(call("analytics", "funnel", query=_asked(query), caller=caller().model_dump()), "Funnel")


@api.get("/customers", reply=Customers, who=Who.VENDOR)
def analytics_customers(query: CurrencyQuery) -> Response:
    """New and returning customers, segments, lifetime value.

    A vendor sees those who bought the own products, by these lines alone and in one currency, and no names (`top` is
    empty).
    """
    return ok(call("analytics", "customers", query=_asked(query), caller=caller().model_dump()), "Customers")


@api.get("/cohorts", reply=Cohorts, who=Who.ADMIN)
def analytics_cohorts(query: CohortQuery) -> Response:
    """Customers by the month of their first order, and how many came again."""
    return ok(call("analytics", "cohorts", **_asked(query)), "Cohorts")


@api.get("/payments", reply=Payments, who=Who.ADMIN)
def analytics_payments(query: CurrencyQuery) -> Response:
    """How many payments succeed, and why others are declined."""
    return ok(call("analytics", "payments", **_asked(query)), "Payments")


@api.get("/delivery", reply=Delivery, who=Who.ADMIN)
def analytics_delivery(query: PeriodQuery) -> Response:
    """How long it takes until a parcel leaves, and arrives."""
    return ok(call("analytics", "delivery", **_asked(query)), "Delivery times")


@api.get("/abandoned-carts", reply=AbandonedCarts, who=Who.ADMIN)
def analytics_abandoned_carts(query: CurrencyQuery) -> Response:
    """What was put into carts and not ordered."""
    return ok(call("analytics", "abandoned_carts", **_asked(query)), "Abandoned carts")


@api.get("/search", reply=SearchFigures, who=Who.ADMIN)
def analytics_search(query: PeriodQuery) -> Response:
    """What is looked for, whether it is found, and how far down people click."""
    return ok(call("analytics", "search", **_asked(query)), "Searches")


@api.get("/flags", reply=FlagFigures, many=True, who=Who.ADMIN)
def analytics_flags(query: PeriodQuery) -> Response:
    """Which values of the flags that are being tried out were shown to how many, and how many of them bought.

    Who orders on another day, or as a guest whose flags went by `subject`, counts as exposed only.
    """
    return ok(call("analytics", "flags", **_asked(query)), "Flags")


@api.get("/live", reply=Live, who=Who.VENDOR, streams=True)
def analytics_live() -> Response:
    """The last 60 minutes by minute. `Accept: text/event-stream` sends them anew every 5 seconds.

    A vendor sees orders and revenue of the own lines, and the visits that looked at the own products.
    """
    who = caller().model_dump()
    if event_streams.wanted():
        return event_streams.streams().open("live", lambda: call("analytics", "live", caller=who))
    return ok(call("analytics", "live", caller=who), "Live")


@api.get("/reports", reply=Report, many=True, who=Who.VENDOR)
def list_reports(query: ReportQuery) -> Response:
    """The own reports, the newest first."""
    return listing(call("analytics", "list_reports", query=_asked(query), caller=caller().model_dump()), "Reports")


@api.post("/reports", reply=Report, statuses=(201,), who=Who.VENDOR)
def create_report(body: ReportRequest) -> Response:
    """Keep a definition: what is measured, by what, of whom, when."""
    return ok(
        call("analytics", "create_report", report=_asked(body), caller=caller().model_dump()), "Report saved", 201
    )


@api.get("/reports/<string:id>", reply=Report, who=Who.VENDOR)
def get_report(path: IdPath) -> Response:
    """An own report's definition, and when it ran last."""
    return ok(call("analytics", "get_report", report_id=path.id, caller=caller().model_dump()), "Report")


@api.put("/reports/<string:id>", reply=Report, who=Who.VENDOR)
def update_report(path: IdPath, body: ReportRequest) -> Response:
    """Replace an own report's definition."""
    changed = call("analytics", "update_report", report_id=path.id, report=_asked(body), caller=caller().model_dump())
    return ok(changed, "Report saved")


@api.delete("/reports/<string:id>", reply=None, who=Who.VENDOR)
def delete_report(path: IdPath) -> Response:
    """Delete an own report and its result."""
    call("analytics", "delete_report", report_id=path.id, caller=caller().model_dump())
    return ok(None, "Report deleted")


@api.post("/reports/<string:id>/run", reply=Report, who=Who.VENDOR)
def run_report(path: IdPath) -> Response:
    """Run an own report now; the result is then at `/result`, and a mail says so."""
    ran = call("analytics", "run_report", deadline=RUN_SECONDS, report_id=path.id, caller=caller().model_dump())
    return ok(ran, "Report finished")


@api.get("/reports/<string:id>/result", reply=ReportResult, who=Who.VENDOR, downloads="text/csv")
def report_result(path: IdPath) -> Response:
    """The last result: in the envelope, or as a CSV file if the report's format is CSV."""
    found = call("analytics", "report_result", report_id=path.id, caller=caller().model_dump())
    if found["format"] == "csv":
        headers = {"Content-Disposition": f'attachment; filename="report-{path.id}.csv"', "Cache-Control": "no-store"}
        return Response(found["csv"], 200, headers, content_type="text/csv; charset=utf-8")
    return ok(found["result"], "Report")


def _asked(query: BaseModel) -> dict[str, Any]:
    return query.model_dump(mode="json", by_alias=True, exclude_none=True)
