"""Settings and kill switches, changed while everything runs: they take effect within a second, and switch something."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.records import Topic
from tests.support.shop import Shop, eventually, new_key

THRESHOLD = "inventory.low_stock_threshold"


def setting(shop: Shop, key: str) -> dict[str, Any]:
    return next(one for one in shop.admin("GET", "/config/settings").data if one["key"] == key)


@pytest.fixture
def switch(shop: Shop) -> Iterator[Any]:
    """Switches a flag off, and on again at the end."""
    touched: list[str] = []

    def off(name: str) -> None:
        touched.append(name)
        assert shop.admin("PUT", f"/config/flags/{name}", {"enabled": False, "default": True}).status == 200

    yield off
    for name in touched:
        shop.admin("PUT", f"/config/flags/{name}", {"enabled": True, "default": True})
        assert eventually(lambda name=name: shop.guest()("GET", "/config/flags").data["flags"][name])


def test_a_setting_takes_effect_and_is_rolled_back(shop: Shop) -> None:
    before = setting(shop, THRESHOLD)
    sku = shop.product(stock=1)

    def threshold_of_a_new_sku() -> int:
        fresh = f"T-{new_key()[:12].upper()}"
        return int(
            shop.admin("POST", f"/inventory/{fresh}/adjust", {"delta": 1, "reason": "t"}).data["low_stock_threshold"]
        )

    changed = shop.admin(
        "PUT",
        f"/config/settings/{THRESHOLD}",
        {"value": 77, "version": before["version"], "reason": "more warning"},
    )

    assert (changed.status, changed.data["value"]) == (200, 77)
    assert eventually(lambda: threshold_of_a_new_sku() == 77)
    stale = shop.admin(
        "PUT", f"/config/settings/{THRESHOLD}", {"value": 1, "version": before["version"], "reason": "late"}
    )
    assert (stale.status, stale.code) == (409, "CONFLICT")
    back = shop.admin(
        "POST", f"/config/settings/{THRESHOLD}/rollback", {"version": before["version"], "reason": "as it was"}
    )
    assert back.data["value"] == before["value"]
    history = shop.admin("GET", f"/config/settings/{THRESHOLD}/history").data
    assert [one["reason"] for one in history[:2]] == ["as it was", "more warning"]
    assert sku


def test_guests_cannot_order_while_that_is_switched_off(shop: Shop, switch: Any) -> None:
    sku, guest, customer = shop.product(stock=5), shop.guest(), shop.customer()
    assert guest.add(sku).status == 201
    assert customer.add(sku).status == 201

    switch("guest_checkout")

    assert eventually(lambda: guest.order().status == 403)
    assert guest.order().code == "FORBIDDEN"
    assert customer.order().status == 201


def test_a_payment_provider_can_be_switched_off(shop: Shop, switch: Any) -> None:
    sku, guest = shop.product(stock=5), shop.guest()
    assert guest.add(sku).status == 201

    switch("payments.sandbox")

    assert eventually(lambda: guest.order().status == 422)
    refused = guest.order()
    assert refused.error["details"][0]["field"] == "payment_method.provider"
    assert shop.level(sku) == (5, 0, 5)


def test_recommendations_can_be_switched_off(shop: Shop, switch: Any) -> None:
    product = shop.guest()("GET", "/products", params={"category": "laptops", "limit": 1}).data[0]
    related = f"/products/{product['id']}/related"
    assert product["id"] not in [one["id"] for one in shop.guest()("GET", related).data]
    assert shop.guest()("GET", related).data != []

    switch("recommendations")

    assert eventually(lambda: shop.guest()("GET", related).data == [])


def test_the_search_engine_can_be_switched_off(shop: Shop, switch: Any) -> None:
    search = lambda: shop.guest()("GET", "/search", params={"q": "iphone", "limit": 3}).data  # noqa: E731
    assert eventually(lambda: not search()["degraded"])

    switch("search_engine")

    assert eventually(lambda: search()["degraded"])
    assert all("iphone" in item["title"].lower() for item in search()["items"])
    assert search()["items"] != []


def test_flags_are_evaluated_for_whoever_asks(shop: Shop) -> None:
    name = f"test_{new_key()[:8]}"
    rules = [{"roles": ["ADMIN"], "serve": "green"}]
    body = {"enabled": True, "variants": {"blue": 1, "green": 0}, "default": "blue", "rules": rules}

    made = shop.admin("PUT", f"/config/flags/{name}", body)

    assert (made.status, made.data["version"]) == (200, 1)
    assert eventually(lambda: shop.guest()("GET", "/config/flags").data["flags"].get(name) == "blue")
    assert shop.admin("GET", "/config/flags").data["flags"][name] == "green"
    assert shop.admin("PUT", f"/config/flags/{name}", body, headers={"If-Match": '"7"'}).status == 412
    assert shop.admin("GET", f"/config/flags/{name}").data["rules"][0]["serve"] == "green"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"enabled": True, "default": "blue"}, None),
        ({"enabled": "yes", "default": True}, "enabled"),
        ({"enabled": True, "default": True, "rollout": 101}, "rollout"),
        (
            {"enabled": True, "default": True, "rules": [{"countries": ["Germany"], "serve": True}]},
            "rules.0.countries.0",
        ),
    ],
)
def test_a_bad_flag_is_refused(shop: Shop, body: dict[str, Any], field: str | None) -> None:
    refused = shop.admin("PUT", "/config/flags/test_bad", body)

    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
    if field:
        assert refused.error["details"][0]["field"] == field
    assert shop.admin("GET", "/config/flags/test_bad").status == 404


def test_only_administrators_change_or_see_definitions(shop: Shop) -> None:
    customer = shop.customer()

    assert customer("GET", "/config/settings").status == 403
    assert customer("PUT", "/config/flags/reviews", {"enabled": False, "default": True}).status == 403
    assert shop.guest()("GET", "/config/flag-definitions").status == 401


def test_who_got_which_variant_is_told_to_analytics(shop: Shop) -> None:
    name, visitor = f"test_{new_key()[:8]}", f"visitor-{new_key()}"
    topic = Topic("analytics-events")
    body = {"enabled": True, "variants": {"blue": 1, "green": 1}, "default": "blue"}
    shop.admin("PUT", f"/config/flags/{name}", body)
    flags = lambda: shop.guest()("GET", "/config/flags", params={"subject": visitor}).data["flags"]  # noqa: E731
    assert eventually(lambda: name in flags())

    events = topic.of(visitor, "flag_exposed")
    topic.close()

    mine = [event["data"] for event in events if event["data"]["flag"] == name]
    assert [(one["value"], one["session_id"]) for one in mine] == [(flags()[name], visitor)]
    shown = {"value": flags()[name], "exposed": 1, "ordered": 0, "paid": 0, "conversion": 0.0}

    def figures() -> bool:
        return {"flag": name, "values": [shown]} in shop.admin("GET", "/analytics/flags").data

    assert eventually(figures)
