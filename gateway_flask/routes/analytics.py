"""Routes of sales figures, session figures and custom reports."""

from flask import Response

from gateway_flask.http import etag, event_streams
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath
from gateway_flask.rpc.calls import call, call_within
from schemas.api.analytics import CohortQuery, CurrencyQuery, PeriodQuery, SalesQuery, TopQuery
from schemas.api.reports import Report, ReportQuery, ReportRequest, ReportResult
from schemas.api.sales_figures import Cohorts, Customers, DeliveryTimes, Payments, Sales, StockFigures, TopProduct
from schemas.api.session_figures import AbandonedCarts, FlagFigures, Funnel, LiveFigures, SearchFigures
from schemas.rpc.analytics import AnalyticsRpc

api = Api("analytics", "Analytics", "Sales, sessions, searches and abandoned carts; custom reports.", "/analytics")

RUN_SECONDS = 25.0


@api.get("/sales", reply=Sales)
def analytics_sales(query: SalesQuery) -> Response:
    """Get sales by interval, with the previous period, grouped by product, category, vendor, country or customer.

    Vendors get the figures of their own order lines. Default period: the last 30 days.
    """
    return ok(call(AnalyticsRpc.sales, query=query, caller=caller()), "Sales")


@api.get("/top-products", reply=TopProduct, many=True)
def analytics_top_products(query: TopQuery) -> Response:
    """List the top products; vendors get their own."""
    return ok(call(AnalyticsRpc.top_products, query=query, caller=caller()), "Top products")


@api.get("/stock", reply=StockFigures, many=True)
def analytics_stock(query: PeriodQuery) -> Response:
    """Get stock turnover and days of cover, fewest days first; vendors get their own products."""
    return ok(call(AnalyticsRpc.stock, query=query, caller=caller()), "Stock figures")


@api.get("/funnel", reply=Funnel)
def analytics_funnel(query: PeriodQuery) -> Response:
    """Get the number of sessions by funnel stage: view, cart, checkout, paid.

    Vendors get the sessions that reached a stage with one of their own products.
    """
    return ok(call(AnalyticsRpc.funnel, query=query, caller=caller()), "Funnel")


@api.get("/customers", reply=Customers)
def analytics_customers(query: CurrencyQuery) -> Response:
    """Get new and returning customers, segments and lifetime value.

    Vendors get the customers of their own products, based on their own order lines in one currency, without names
    (`top` is empty).
    """
    return ok(call(AnalyticsRpc.customers, query=query, caller=caller()), "Customers")


@api.get("/cohorts", reply=Cohorts)
def analytics_cohorts(query: CohortQuery) -> Response:
    """Get customer retention by month of the first order."""
    return ok(call(AnalyticsRpc.cohorts, query=query, caller=caller()), "Cohorts")


@api.get("/payments", reply=Payments)
def analytics_payments(query: CurrencyQuery) -> Response:
    """Get payment success rates and decline codes."""
    return ok(call(AnalyticsRpc.payments, query=query, caller=caller()), "Payments")


@api.get("/delivery", reply=DeliveryTimes)
def analytics_delivery(query: PeriodQuery) -> Response:
    """Get shipping and delivery times."""
    return ok(call(AnalyticsRpc.delivery, query=query, caller=caller()), "Delivery times")


@api.get("/abandoned-carts", reply=AbandonedCarts)
def analytics_abandoned_carts(query: CurrencyQuery) -> Response:
    """Get abandoned carts and the products in them."""
    return ok(call(AnalyticsRpc.abandoned_carts, query=query, caller=caller()), "Abandoned carts")


@api.get("/search", reply=SearchFigures)
def analytics_search(query: PeriodQuery) -> Response:
    """Get search queries with their results, clicks and positions."""
    return ok(call(AnalyticsRpc.search, query=query, caller=caller()), "Searches")


@api.get("/flags", reply=FlagFigures, many=True)
def analytics_flags(query: PeriodQuery) -> Response:
    """Get exposures and conversions by feature-flag value.

    Orders on another day, and orders of guests whose flags are evaluated by `subject`, do not count as conversions.
    """
    return ok(call(AnalyticsRpc.flags, query=query, caller=caller()), "Flags")


@api.get("/live", reply=LiveFigures, streams=True)
def analytics_live() -> Response:
    """Get the last 60 minutes by minute. `Accept: text/event-stream` streams them every 5 seconds.

    Vendors get orders and revenue of their own order lines, and the sessions that viewed their own products.
    """
    who = caller()
    if event_streams.is_requested():
        return event_streams.streams().open("live", lambda: call(AnalyticsRpc.live, caller=who).json)
    return ok(call(AnalyticsRpc.live, caller=who), "Live")


@api.get("/reports", reply=Report, many=True)
def list_reports(query: ReportQuery) -> Response:
    """List the caller's reports, the newest first."""
    return listing(call(AnalyticsRpc.list_reports, query=query, caller=caller()), "Reports")


@api.post("/reports", reply=Report, statuses=(201,))
def create_report(body: ReportRequest) -> Response:
    """Create a report definition: measures, dimensions, filters, period and schedule."""
    return etag.versioned(call(AnalyticsRpc.create_report, report=body, caller=caller()), "Report saved", 201)


@api.get("/reports/<string:id>", reply=Report)
def get_report(path: IdPath) -> Response:
    """Get a report's definition and its last run."""
    return etag.versioned(call(AnalyticsRpc.get_report, report_id=path.id, caller=caller()), "Report")


@api.put("/reports/<string:id>", reply=Report, headers=("If-Match",))
def update_report(path: IdPath, body: ReportRequest) -> Response:
    """Replace a report's definition."""
    expected = etag.expected_version()
    report = call(
        AnalyticsRpc.update_report, report_id=path.id, report=body, caller=caller(), expected_version=expected
    )
    return etag.versioned(report, "Report saved")


@api.delete("/reports/<string:id>", reply=None, headers=("If-Match",))
def delete_report(path: IdPath) -> Response:
    """Delete a report and its result."""
    expected = etag.expected_version()
    call(AnalyticsRpc.delete_report, report_id=path.id, caller=caller(), expected_version=expected)
    return ok(None, "Report deleted")


@api.post("/reports/<string:id>/run", reply=Report)
def run_report(path: IdPath) -> Response:
    """Run a report now. The result is available at `/result`; a mail is sent to the owner."""
    report = call_within(RUN_SECONDS, AnalyticsRpc.run_report, report_id=path.id, caller=caller())
    return ok(report, "Report finished")


@api.get("/reports/<string:id>/result", reply=ReportResult, downloads=("text/csv",))
def report_result(path: IdPath) -> Response:
    """Get the last result: in the envelope, or as a file if the report's format is CSV."""
    result = call(AnalyticsRpc.report_result, report_id=path.id, caller=caller()).json
    if result["format"] == "csv":
        headers = {"Content-Disposition": f'attachment; filename="report-{path.id}.csv"', "Cache-Control": "no-store"}
        return Response(result["csv"], 200, headers, content_type="text/csv; charset=utf-8")
    return ok(result["result"], "Report")
