"""The audit trail over HTTP: who did what, with the changes and the IP address; export and verification."""

import csv
import io
from typing import Any

import orjson
import pytest

from tests.support.shop import Client, Shop, eventually, new_key


def entries(shop: Shop, count: int = 1, **query: Any) -> list[dict[str, Any]]:
    """Audit entries for a query, newest first, once there are at least `count`."""

    def matching() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = shop.admin("GET", "/audit", params=query).data
        return items if len(items) >= count else []

    return eventually(matching) or matching()


def test_price_change_is_audited_with_actor_changes_and_ip(shop: Shop) -> None:
    sku = shop.product(stock=1)
    product = shop.admin("GET", "/products", params={"status": "active", "sort": "-created_at", "limit": 1}).data[0]
    detail = shop.admin("GET", f"/products/{product['id']}").data
    [variant] = detail["variants"]
    assert variant["sku"] == sku
    price = {"amount": variant["price"]["amount"] + 100, "currency": variant["price"]["currency"]}
    new_variant = {"sku": sku, "price": price}

    changed = shop.admin(
        "PATCH", f"/products/{product['id']}", {"variants": [new_variant]}, headers={"User-Agent": "editor/1"}
    )

    assert changed.status == 200
    [entry] = entries(shop, action="product.update", resource_id=product["id"])
    assert (entry["action"], entry["resource"]) == ("product.update", {"type": "product", "id": product["id"]})
    assert (entry["actor"]["roles"], entry["ip"], entry["user_agent"]) == (["ADMIN"], "127.0.0.1", "editor/1")
    assert entry["request_id"] == changed.headers["X-Request-Id"]
    [variants_change] = [change for change in entry["changes"] if change["field"] == "variants"]
    assert variants_change["before"][0]["price"] == variant["price"]
    assert variants_change["after"][0]["price"] == price


def test_stock_refund_and_order_status_changes_are_audited(shop: Shop) -> None:
    sku = shop.product(stock=2)
    shop.admin("POST", f"/inventory/{sku}/adjust", {"delta": 3, "reason": "counted"}, key=new_key())
    guest = shop.guest()
    assert eventually(lambda: guest.add(sku).status == 201)
    order = guest.order().data
    shop.admin("PATCH", f"/orders/{order['id']}/status", {"status": "processing"})
    amount = {"amount": 100, "currency": order["currency"]}
    shop.admin("POST", f"/payments/{order['payment']['id']}/refunds", {"amount": amount}, key=new_key())

    counted = entries(shop, 2, resource_type="sku", resource_id=sku)
    [step] = entries(shop, resource_type="order", resource_id=order["id"])
    [refund] = entries(shop, action="payment.refund", resource_id=order["payment"]["id"])

    assert [entry["action"] for entry in counted] == ["stock.adjust", "stock.adjust"]
    assert {change["field"]: (change["before"], change["after"]) for change in counted[0]["changes"]} == {
        "on_hand": (2, 5),
        "reason": (None, "counted"),
    }
    assert (step["action"], step["actor"]["roles"]) == ("order.processing", ["ADMIN"])
    assert {change["field"]: change["after"] for change in refund["changes"]}["refund"] == 100


def test_logins_are_audited_without_passwords(shop: Shop) -> None:
    email = f"ada-{new_key()}@example.com"
    person = {"email": email, "password": "correct horse 42", "first_name": "Ada", "last_name": "Byron"}
    user = Client(shop.url)("POST", "/auth/register", person).data["user"]

    refused_login = Client(shop.url)("POST", "/auth/login", {"email": email, "password": "wrong horse 42"})

    assert refused_login.status == 401
    [refused, *account_entries] = entries(shop, 3, resource_type="account", resource_id=user["id"])
    assert (refused["action"], refused["actor"]["kind"], refused["ip"]) == ("session.refuse", "guest", "127.0.0.1")
    assert [entry["action"] for entry in account_entries] == ["session.open", "account.create"]
    actor = account_entries[0]["actor"]
    assert (actor["id"], actor["email"], actor["roles"], account_entries[0]["ip"]) == (
        user["id"], email, ["CUSTOMER"], "127.0.0.1",
    )  # fmt: skip
    assert [entry["action"] for entry in entries(shop, actor=user["id"])] == ["session.open"]
    assert "horse" not in str([refused, *account_entries])


def test_audit_chain_is_valid_and_only_for_administrators(shop: Shop) -> None:
    verdict = shop.admin("GET", "/audit/verify").data

    assert verdict["valid"] is True
    assert verdict["entries"] >= 1
    for path in ("/audit", "/audit/verify"):
        assert shop.member("CUSTOMER")("GET", path).status == 403
        assert shop.guest()("GET", path).status == 401


@pytest.mark.parametrize("invalid", [{"from": "yesterday"}, {"action": "'; drop"}, {"limit": "101"}, {"who": "me"}])
def test_invalid_filter_is_named(shop: Shop, invalid: dict[str, str]) -> None:
    refused = shop.admin("GET", "/audit", params=invalid)

    assert (refused.status, refused.error["details"][0]["field"]) == (422, next(iter(invalid)))


def test_audit_export_is_a_file_and_is_audited_itself(shop: Shop) -> None:
    sku = shop.product(stock=0)
    for _ in range(3):
        shop.adjust(sku, 1)
    assert len(entries(shop, 3, resource_type="sku", resource_id=sku)) == 3
    query = {"resource_type": "sku", "resource_id": sku}

    as_csv = shop.admin("GET", "/audit/export", params=query)
    as_lines = shop.admin("GET", "/audit/export", params={**query, "format": "jsonl"})

    rows = list(csv.DictReader(io.StringIO(as_csv.raw.decode())))
    assert [(row["action"], row["resource_id"]) for row in rows] == [("stock.adjust", sku)] * 3
    assert as_csv.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    lines = [orjson.loads(line) for line in as_lines.raw.splitlines()]
    assert [line["seq"] for line in lines] == [int(row["seq"]) for row in rows]
    [newest, *_] = entries(shop, action="audit.export")
    assert newest["actor"]["roles"] == ["ADMIN"]
    assert {change["field"]: change["after"] for change in newest["changes"]} == query
    assert shop.member("VENDOR")("GET", "/audit/export").status == 403
