"""Analytics over HTTP: sales, funnel, live figures and reports, up to date within seconds and only for permitted
roles.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import requests

from tests.support.shop import Client, Shop, eventually, new_key


def now(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


def sales(client: Client, **query: Any) -> dict[str, Any]:
    today = datetime.now(UTC).date().isoformat()
    reply = client("GET", "/analytics/sales", params={"from": today, "to": today} | query)
    assert reply.status == 200, reply
    return dict(reply.data)


def group(client: Client, key: str, **query: Any) -> dict[str, Any]:
    return next((entry for entry in sales(client, **query)["groups"] if entry["key"] == key), {})


def visit(client: Client, session: str, *events: dict[str, Any], **fields: Any) -> Any:
    batch = [{"at": now(), **event} for event in events]
    return client("POST", "/events", {"session_id": session, "events": batch} | fields)


def steps(shop: Shop) -> dict[str, int]:
    return {step["name"]: step["sessions"] for step in shop.admin("GET", "/analytics/funnel").data["steps"]}


def sessions_by_step(client: Client) -> list[int]:
    """Sessions by step of the funnel (view, cart, checkout, paid) as this client sees it."""
    return [step["sessions"] for step in client("GET", "/analytics/funnel").data["steps"]]


@pytest.fixture
def own_product(shop: Shop, vendor: Client) -> tuple[str, str]:
    return product_of(shop, vendor)


def product_of(shop: Shop, vendor: Client) -> tuple[str, str]:
    """Create a product of a vendor; returns its id and SKU."""
    sku = f"V-{uuid.uuid4().hex[:12].upper()}"
    body = {
        "title": f"Vendor's {sku}",
        "description": "Made by a test",
        "status": "active",
        "variants": [{"sku": sku, "price": {"amount": 2500, "currency": "USD"}, "weight_g": 100}],
    }
    created = vendor("POST", "/products", body, key=new_key())
    assert created.status == 201, created
    shop.adjust(sku, 50)
    assert eventually(lambda: shop.available(created.data["id"]) == 50)
    return created.data["id"], sku


def test_order_is_in_sales_figures_within_seconds(shop: Shop, vendor: Client, own_product: tuple[str, str]) -> None:
    product_id, sku = own_product
    buyer = shop.customer()
    buyer.add(sku, 2)

    order = buyer.order().data

    total = eventually(lambda: group(vendor, product_id, group_by="product"))
    assert (total["orders"], total["units"], total["gross"]["amount"]) == (1, 2, 5000)
    assert total["net"]["amount"] == 5000 - total["discounts"]["amount"]
    assert total["tax"] == order["tax_total"]
    assert total["shipping"] == order["shipping_total"]
    report = sales(vendor, group_by="vendor", interval="hour")
    assert report["totals"]["orders"] == sum(point["orders"] for point in report["series"]) == 1
    assert [entry["label"] for entry in report["groups"]] == ["Mary Jackson"]
    assert group(shop.admin, product_id, group_by="product")["label"] == f"Vendor's {sku}"
    top = vendor("GET", "/analytics/top-products").data
    assert [(entry["product_id"], entry["units"]) for entry in top] == [(product_id, 2)]

    def stock() -> list[tuple[str, int, int]]:
        rows = vendor("GET", "/analytics/stock").data
        return [(row["product_id"], row["on_hand"], row["units_sold"]) for row in rows]

    assert eventually(lambda: stock() == [(product_id, 48, 2)]), stock()


def test_vendor_sees_only_their_own_figures(shop: Shop) -> None:
    vendor, other, buyer = shop.member("VENDOR"), shop.member("VENDOR"), shop.customer()
    product_id, sku = product_of(shop, vendor)
    visit(buyer, uuid.uuid4().hex, {"type": "product_view", "product_id": product_id})
    buyer.add(sku, 2)
    buyer.order()

    def figures(client: Client) -> tuple[list[int], int, int, int, list[str]]:
        """(sessions per funnel step, new customers, orders and visitors of the last hour, ids of the top products)."""
        live = client("GET", "/analytics/live").data
        return (
            sessions_by_step(client),
            client("GET", "/analytics/customers").data["new"],
            sum(minute["orders"] for minute in live["minutes"]),
            sum(minute["visitors"] for minute in live["minutes"]),
            [product["product_id"] for product in live["top_products"]],
        )

    assert eventually(lambda: figures(vendor) == ([1, 1, 1, 1], 1, 1, 1, [product_id])), figures(vendor)
    assert figures(other) == ([0, 0, 0, 0], 0, 0, 0, [])
    assert vendor("GET", "/analytics/customers").data["top"] == []
    assert sales(other)["totals"]["orders"] == 0
    assert other("GET", "/analytics/top-products").data == []
    assert other("GET", "/analytics/stock").data == []
    assert other("GET", "/analytics/sales", params={"group_by": "customer"}).status == 403
    for path in ("cohorts", "payments", "delivery", "abandoned-carts", "search", "flags"):
        assert other("GET", f"/analytics/{path}").status == 403


@pytest.mark.parametrize("path", ["sales", "funnel", "reports", "live"])
def test_customers_see_no_figures(shop: Shop, path: str) -> None:
    assert shop.customer()("GET", f"/analytics/{path}").status == 403
    assert shop.guest()("GET", f"/analytics/{path}").status == 401


def test_refund_is_in_sales_figures(shop: Shop) -> None:
    sku = shop.product()
    buyer = shop.customer()
    buyer.add(sku)
    order = buyer.order().data
    product = order["items"][0]["product_id"]

    assert buyer("POST", f"/orders/{order['id']}/cancel", {}, key=new_key()).status == 200

    refunded = eventually(lambda: group(shop.admin, product, group_by="product").get("refunds", {}).get("amount"))
    assert refunded == order["subtotal"]["amount"], "the goods' part: tax and shipping have figures of their own"
    sold = group(shop.admin, product, group_by="product")
    assert (sold["orders"], sold["net"]["amount"], sold["shipping"]["amount"]) == (1, 0, 0)


def test_session_is_counted_in_each_funnel_step(shop: Shop) -> None:
    sku, session, before = shop.product(), uuid.uuid4().hex, steps(shop)
    buyer = shop.customer()

    guest_reply = visit(
        shop.guest(), session, {"type": "page_view"}, {"type": "product_view", "product_id": "x"},
        {"type": "search", "query": f"mug {session}"}, {"type": "click", "query": f"mug {session}", "position": 3},
    )  # fmt: skip
    buyer_reply = visit(buyer, session, {"type": "add_to_cart", "sku": sku})
    buyer.add(sku)
    buyer.order()

    assert (guest_reply.status, guest_reply.data) == (202, {"accepted": 4, "rejected": []})
    assert buyer_reply.data["accepted"] == 1

    def every_step_grew() -> bool:
        return all(steps(shop)[name] >= before[name] + 1 for name in before)

    assert eventually(every_step_grew), (before, steps(shop))
    today = {"from": datetime.now(UTC).date().isoformat()}

    def searched() -> bool:
        figures = shop.admin("GET", "/analytics/search", params=today).data
        return bool(figures["searches"] >= 1 and figures["clicks"] >= 1)

    assert eventually(searched), "the search or its click isn't counted"


def test_each_event_of_a_batch_is_validated_by_itself(shop: Shop) -> None:
    reply = shop.guest()(
        "POST",
        "/events",
        {
            "session_id": "one-visit",
            "events": [
                {"type": "page_view", "at": now()},
                {"type": "page_view"},
                {"type": "dance", "at": now()},
                {"type": "search", "at": now()},
                {"type": "custom", "at": now(days=60), "name": "old"},
                {"type": "custom", "at": "yesterday", "name": "x"},
                {"type": "custom", "at": now(), "name": "x", "surprise": 1},
                {"type": "add_to_cart", "at": now(), "sku": "MUG", "properties": {"colour": "red"}},
            ],
        },
    )

    assert reply.status == 202
    assert reply.data["accepted"] == 2
    assert [(rejected["index"], rejected["message"].split(":")[0]) for rejected in reply.data["rejected"]] == [
        (1, "at"), (2, "type"), (3, "query"), (4, "at"), (5, "at"), (6, "surprise"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": [{}]}, "session_id"),
        ({"session_id": "s", "events": []}, "events"),
        ({"session_id": "s", "events": [{}] * 101}, "events"),
        ({"session_id": "s", "events": [1]}, "events.0"),
        ({"session_id": "a b", "events": [{}]}, "session_id"),
        ({"session_id": "s", "events": [{}], "consent": "no"}, "consent"),
    ],
)
def test_invalid_event_batch_is_refused(shop: Shop, body: dict[str, Any], field: str) -> None:
    reply = shop.guest()("POST", "/events", body)

    assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
    assert reply.error["details"][0]["field"] == field


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-01T00:00:00"}, "from"),
        ({"from": "1026-01-01"}, "from"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "to"),
        ({"from": "2010-01-01", "to": "2026-01-01"}, "from"),
        ({"interval": "second"}, "interval"),
        ({"interval": "hour", "from": "2026-01-01", "to": "2026-12-31"}, "interval"),
        ({"group_by": "colour"}, "group_by"),
        ({"currency": "usd"}, "currency"),
        ({"surprise": "1"}, "surprise"),
    ],
)
def test_invalid_query_names_its_parameter(shop: Shop, query: dict[str, str], field: str) -> None:
    reply = shop.admin("GET", "/analytics/sales", params=query)

    assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
    assert reply.error["details"][0]["field"] == field


def test_every_analytics_endpoint_replies(shop: Shop) -> None:
    year = {"from": now(days=360)[:10], "to": now()[:10]}
    for path in ("funnel", "customers", "payments", "delivery", "abandoned-carts", "search", "stock", "top-products"):
        assert shop.admin("GET", f"/analytics/{path}", params=year).status == 200, path
    for interval, kind in (("day", "country"), ("week", "category"), ("month", "customer")):
        report = sales(shop.admin, interval=interval, group_by=kind, **year)
        assert sum(point["net"]["amount"] for point in report["series"]) == report["totals"]["net"]["amount"]
        assert report["time_zone"] == "UTC"
    assert shop.admin("GET", "/analytics/cohorts").data["cohorts"]
    part = {"from": now(minutes=90), "to": now(hours=-1), "group_by": "country"}
    report = sales(shop.admin, **part)
    assert sum(group_["net"]["amount"] for group_ in report["groups"]) == report["totals"]["net"]["amount"]


def test_live_figures_are_returned_and_streamed(shop: Shop) -> None:
    sku = shop.product()
    buyer = shop.customer()
    visit(buyer, uuid.uuid4().hex, {"type": "page_view"})
    buyer.add(sku)
    buyer.order()

    live = eventually(lambda: _busy(shop.admin("GET", "/analytics/live").data))
    with requests.get(
        f"{shop.url}/api/v1/analytics/live",
        headers={"Authorization": f"Bearer {shop.admin.token}", "Accept": "text/event-stream"},
        stream=True,
        timeout=60,
    ) as stream:
        lines = stream.iter_lines()
        data = next(line for line in lines if line.startswith(b"data: "))

    assert len(live["minutes"]) == 60
    assert stream.headers["Content-Type"].startswith("text/event-stream")
    assert len(orjson.loads(data[6:])["minutes"]) == 60


def _busy(live: dict[str, Any]) -> dict[str, Any] | None:
    last = live["minutes"][-2:]
    return live if any(minute["orders"] for minute in last) and any(minute["visitors"] for minute in last) else None


REPORT = {
    "name": "By country",
    "measures": ["orders", "units", "net", "customers"],
    "dimensions": ["day", "country"],
    "period": {"from": now(days=2)[:10], "to": now()[:10]},
}


def test_report_is_created_run_and_read(shop: Shop) -> None:
    created = shop.admin("POST", "/analytics/reports", REPORT)
    path = f"/analytics/reports/{created.data['id']}"

    result_before_run = shop.admin("GET", f"{path}/result")
    run = shop.admin("POST", f"{path}/run")
    result = shop.admin("GET", f"{path}/result").data

    assert (created.status, result_before_run.status, run.status) == (201, 404, 200)
    assert result["columns"] == ["day", "country", "orders", "units", "net", "customers"]
    assert run.data["last_run"]["rows"] == len(result["rows"])

    def totals_agree() -> bool:
        """The report has the same net total as the sales endpoint, once the orders of other tests are counted."""
        shop.admin("POST", f"{path}/run")
        rows = shop.admin("GET", f"{path}/result").data["rows"]
        report = sales(shop.admin, **REPORT["period"])  # type: ignore[arg-type]
        return bool(sum(row[4] for row in rows) == report["totals"]["net"]["amount"])

    assert eventually(totals_agree, every=0.5)
    changed = shop.admin("PUT", path, REPORT | {"format": "csv", "dimensions": [], "measures": ["orders", "net"]})
    assert changed.data["format"] == "csv"
    shop.admin("POST", f"{path}/run")
    file = shop.admin("GET", f"{path}/result")
    assert file.headers["Content-Type"].startswith("text/csv")
    assert file.raw.decode().splitlines()[0] == "orders,net"
    assert created.data["id"] in [entry["id"] for entry in shop.admin("GET", "/analytics/reports").data]
    assert shop.admin("DELETE", path).status == 200
    assert shop.admin("GET", path).status == 404


def test_report_of_another_vendor_is_not_found(shop: Shop, vendor: Client) -> None:
    path = f"/analytics/reports/{vendor('POST', '/analytics/reports', REPORT).data['id']}"
    other = shop.member("VENDOR")

    calls: list[Callable[[], Any]] = [
        lambda: other("GET", path),
        lambda: other("PUT", path, REPORT),
        lambda: other("POST", f"{path}/run"),
        lambda: other("GET", f"{path}/result"),
        lambda: other("DELETE", path),
    ]

    assert [call().status for call in calls] == [404] * 5
    assert vendor("GET", path).status == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"measures": []}, "measures"),
        ({"measures": ["profit"]}, "measures.0"),
        ({"measures": ["net", "net"]}, "measures"),
        ({"dimensions": ["day", "week"]}, "dimensions"),
        ({"dimensions": ["customer"]}, "measures"),
        ({"filters": {"colour": ["red"]}}, "filters.colour"),
        ({"period": {"last_days": 7, "to": "2026-01-01"}}, "period.last_days"),
        ({"period": {"from": "2026-02-01", "to": "2026-01-01"}}, "period.to"),
        ({"schedule": "hourly"}, "schedule"),
        ({"schedule": "daily"}, "period.to"),
        ({"format": "pdf"}, "format"),
        ({"name": ""}, "name"),
    ],
)
def test_invalid_report_definition_is_refused(shop: Shop, change: dict[str, Any], field: str) -> None:
    reply = shop.admin("POST", "/analytics/reports", REPORT | change)

    assert (reply.status, reply.code) == (422, "VALIDATION_ERROR"), reply
    assert reply.error["details"][0]["field"] == field


def test_guest_session_is_assigned_to_customer_at_sign_in(shop: Shop) -> None:
    vendor, guest, session = shop.member("VENDOR"), shop.guest(), uuid.uuid4().hex
    _, sku = product_of(shop, vendor)
    visit(guest, session, {"type": "add_to_cart", "sku": sku})
    assert eventually(lambda: sessions_by_step(vendor) == [1, 1, 0, 0]), sessions_by_step(vendor)
    person = {
        "email": f"{session}@example.com",
        "password": "correct horse battery",
        "first_name": "A",
        "last_name": "B",
    }
    registered = guest("POST", "/auth/register", person, headers={"X-Session-Id": session})
    buyer = Client(shop.url, token=registered.data["access_token"])
    buyer.add(sku)
    buyer.order()

    # The order's own session would make two of the first step.
    assert eventually(lambda: sessions_by_step(vendor) == [1, 1, 1, 1]), sessions_by_step(vendor)
