"""What administrators, vendors and people who sign in do is in the trail, with who, what and where from."""

import csv
import io
from typing import Any

import orjson
import pytest

from tests.support.shop import Client, Shop, eventually, new_key


def entries(shop: Shop, wanted: int = 1, **query: Any) -> list[dict[str, Any]]:
    """The trail's entries for a query, the newest first, once there are as many as are expected."""

    def found() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = shop.admin("GET", "/audit", params=query).data
        return items if len(items) >= wanted else []

    return eventually(found) or found()


def test_a_change_of_price_says_who_what_and_from_where(shop: Shop) -> None:
    sku = shop.product(stock=1)
    product = shop.admin("GET", "/products", params={"status": "active", "sort": "-created_at", "limit": 1}).data[0]
    detail = shop.admin("GET", f"/products/{product['id']}").data
    [variant] = detail["variants"]
    assert variant["sku"] == sku
    price = {"amount": variant["price"]["amount"] + 100, "currency": variant["price"]["currency"]}
    editable = {"sku": sku, "price": price}

    changed = shop.admin(
        "PATCH", f"/products/{product['id']}", {"variants": [editable]}, headers={"User-Agent": "editor/1"}
    )

    assert changed.status == 200
    [entry] = entries(shop, action="product.update", resource_id=product["id"])
    assert (entry["action"], entry["resource"]) == ("product.update", {"type": "product", "id": product["id"]})
    assert (entry["actor"]["roles"], entry["ip"], entry["user_agent"]) == (["ADMIN"], "127.0.0.1", "editor/1")
    assert entry["request_id"] == changed.headers["X-Request-Id"]
    [difference] = [change for change in entry["changes"] if change["field"] == "variants"]
    assert difference["before"][0]["price"] == variant["price"]
    assert difference["after"][0]["price"] == price


def test_stock_refunds_and_steps_of_an_order_are_recorded(shop: Shop) -> None:
    sku = shop.product(stock=2)
    shop.admin("POST", f"/inventory/{sku}/adjust", {"delta": 3, "reason": "counted"}, key=new_key())
    guest = shop.guest()
    assert eventually(lambda: guest.add(sku).status == 201, seconds=5)
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
    assert {change["field"]: change["after"] for change in refund["changes"]}["refunded"] == 100


def test_logins_are_audited_without_passwords(shop: Shop) -> None:
    email = f"ada-{new_key()}@example.com"
    person = {"email": email, "password": "correct horse 42", "first_name": "Ada", "last_name": "Byron"}
    user = Client(shop.url)("POST", "/auth/register", person).data["user"]

    wrong = Client(shop.url)("POST", "/auth/login", {"email": email, "password": "wrong horse 42"})

    assert wrong.status == 401
    [refused] = entries(shop, resource_id=email)
    mine = entries(shop, 2, resource_type="account", resource_id=user["id"])
    assert (refused["action"], refused["actor"]["kind"], refused["ip"]) == ("session.refuse", "guest", "127.0.0.1")
    assert [entry["action"] for entry in mine] == ["session.open", "account.create"]
    opened = mine[0]["actor"]
    assert (opened["id"], opened["email"], opened["roles"], mine[0]["ip"]) == (
        user["id"], email, ["CUSTOMER"], "127.0.0.1",
    )  # fmt: skip
    assert [entry["action"] for entry in entries(shop, actor=user["id"])] == ["session.open"]
    assert "horse" not in str([refused, *mine])


def test_the_chain_holds_and_only_administrators_look(shop: Shop) -> None:
    verdict = shop.admin("GET", "/audit/verify").data

    assert verdict["valid"] is True
    assert verdict["entries"] >= 1
    for path in ("/audit", "/audit/verify"):
        assert shop.member("CUSTOMER")("GET", path).status == 403
        assert shop.guest()("GET", path).status == 401


@pytest.mark.parametrize("wrong", [{"from": "yesterday"}, {"action": "'; drop"}, {"limit": "101"}, {"who": "me"}])
def test_a_bad_filter_is_named(shop: Shop, wrong: dict[str, str]) -> None:
    refused = shop.admin("GET", "/audit", params=wrong)

    assert (refused.status, refused.error["details"][0]["field"]) == (422, next(iter(wrong)))


def test_the_trail_is_taken_along_as_a_file_and_that_is_recorded(shop: Shop) -> None:
    sku = shop.product(stock=0)
    for _ in range(3):
        shop.adjust(sku, 1)
    assert len(entries(shop, 3, resource_type="sku", resource_id=sku)) == 3
    wanted = {"resource_type": "sku", "resource_id": sku}

    as_csv = shop.admin("GET", "/audit/export", params=wanted)
    as_lines = shop.admin("GET", "/audit/export", params={**wanted, "format": "jsonl"})

    rows = list(csv.DictReader(io.StringIO(as_csv.raw.decode())))
    assert [(row["action"], row["resource_id"]) for row in rows] == [("stock.adjust", sku)] * 3
    assert as_csv.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    lines = [orjson.loads(line) for line in as_lines.raw.splitlines()]
    assert [line["seq"] for line in lines] == [int(row["seq"]) for row in rows]
    [newest, *_] = entries(shop, action="audit.export")
    assert newest["actor"]["roles"] == ["ADMIN"]
    assert {change["field"]: change["after"] for change in newest["changes"]} == wanted
    assert shop.member("VENDOR")("GET", "/audit/export").status == 403
