"""Settings and feature flags over HTTP: changes take effect within a second, without a restart."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.records import Topic
from tests.support.shop import Shop, eventually, new_key

THRESHOLD = "inventory.low_stock_threshold"


def setting(shop: Shop, key: str) -> dict[str, Any]:
    return next(entry for entry in shop.admin("GET", "/config/settings").data if entry["key"] == key)


@pytest.fixture
def disable(shop: Shop) -> Iterator[Any]:
    """A function that disables a feature flag until the end of the test."""
    disabled: list[str] = []

    def disable_flag(name: str) -> None:
        disabled.append(name)
        assert shop.admin("PUT", f"/config/flags/{name}", {"enabled": False, "default": True}).status == 200

    yield disable_flag
    for name in disabled:
        shop.admin("PUT", f"/config/flags/{name}", {"enabled": True, "default": True})
        assert eventually(lambda name=name: shop.guest()("GET", "/config/flags").data["flags"][name])


def test_setting_takes_effect_and_is_rolled_back(shop: Shop) -> None:
    before = setting(shop, THRESHOLD)
    sku = shop.product(stock=1)

    def threshold_of_a_new_sku() -> int:
        new_sku = f"T-{new_key()[:12].upper()}"
        return int(
            shop.admin("POST", f"/inventory/{new_sku}/adjust", {"delta": 1, "reason": "t"}).data["low_stock_threshold"]
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
    rolled_back = shop.admin(
        "POST", f"/config/settings/{THRESHOLD}/rollback", {"version": before["version"], "reason": "as it was"}
    )
    assert rolled_back.data["value"] == before["value"]
    history = shop.admin("GET", f"/config/settings/{THRESHOLD}/history").data
    assert [entry["reason"] for entry in history[:2]] == ["as it was", "more warning"]
    assert sku


def test_disabled_guest_checkout_refuses_guest_orders(shop: Shop, disable: Any) -> None:
    sku, guest, customer = shop.product(stock=5), shop.guest(), shop.customer()
    assert guest.add(sku).status == 201
    assert customer.add(sku).status == 201

    disable("guest_checkout")

    assert eventually(lambda: guest.order().status == 403)
    assert guest.order().code == "FORBIDDEN"
    assert customer.order().status == 201


def test_disabled_payment_provider_refuses_orders(shop: Shop, disable: Any) -> None:
    sku, guest, other = shop.product(stock=5), shop.guest(), shop.guest()
    assert guest.add(sku).status == 201
    probe = shop.product(stock=500)

    def is_refused() -> bool:
        other.add(probe)
        reply = other.order()
        return reply.status == 422 and reply.error["details"][0]["field"] == "payment_method.provider"

    disable("payments.sandbox")

    assert eventually(is_refused)
    refused = guest.order()
    assert (refused.status, refused.error["details"][0]["field"]) == (422, "payment_method.provider")
    assert shop.settled_level(sku) == (5, 0, 5)


def test_disabled_recommendations_return_no_products(shop: Shop, disable: Any) -> None:
    product = shop.guest()("GET", "/products", params={"category": "laptops", "limit": 1}).data[0]
    related = f"/products/{product['id']}/related"
    assert product["id"] not in [item["id"] for item in shop.guest()("GET", related).data]
    assert shop.guest()("GET", related).data != []

    disable("recommendations")

    assert eventually(lambda: shop.guest()("GET", related).data == [])


def test_disabled_search_engine_falls_back_to_the_catalogue(shop: Shop, disable: Any) -> None:
    search = lambda: shop.guest()("GET", "/search", params={"q": "iphone", "limit": 3}).data  # noqa: E731
    assert eventually(lambda: not search()["degraded"])

    disable("search_engine")

    assert eventually(lambda: search()["degraded"])
    assert all("iphone" in item["title"].lower() for item in search()["items"])
    assert search()["items"] != []


def test_flags_are_evaluated_for_the_caller(shop: Shop) -> None:
    name = f"test_{new_key()[:8]}"
    rules = [{"roles": ["ADMIN"], "serve": "green"}]
    body = {"enabled": True, "variants": {"blue": 1, "green": 0}, "default": "blue", "rules": rules}

    created = shop.admin("PUT", f"/config/flags/{name}", body)

    assert (created.status, created.data["version"]) == (200, 1)
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
def test_invalid_flag_is_refused(shop: Shop, body: dict[str, Any], field: str | None) -> None:
    refused = shop.admin("PUT", "/config/flags/test_bad", body)

    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
    if field:
        assert refused.error["details"][0]["field"] == field
    assert shop.admin("GET", "/config/flags/test_bad").status == 404


def test_definitions_are_for_administrators_only(shop: Shop) -> None:
    customer = shop.customer()

    assert customer("GET", "/config/settings").status == 403
    assert customer("PUT", "/config/flags/reviews", {"enabled": False, "default": True}).status == 403
    assert shop.guest()("GET", "/config/flag-definitions").status == 401


def test_flag_exposure_is_published_to_analytics(shop: Shop) -> None:
    name, visitor = f"test_{new_key()[:8]}", f"visitor-{new_key()}"
    topic = Topic("analytics-events")
    body = {"enabled": True, "variants": {"blue": 1, "green": 1}, "default": "blue"}
    shop.admin("PUT", f"/config/flags/{name}", body)
    flags = lambda: shop.guest()("GET", "/config/flags", params={"subject": visitor}).data["flags"]  # noqa: E731
    assert eventually(lambda: name in flags())

    events = topic.of(visitor, "flag_exposed")
    topic.close()

    exposures = [event["data"] for event in events if event["data"]["flag"] == name]
    assert [(exposure["value"], exposure["session_id"]) for exposure in exposures] == [(flags()[name], visitor)]
    expected = {"value": flags()[name], "exposed": 1, "ordered": 0, "paid": 0, "conversion": 0.0}

    def counted() -> bool:
        return {"flag": name, "values": [expected]} in shop.admin("GET", "/analytics/flags").data

    assert eventually(counted)
