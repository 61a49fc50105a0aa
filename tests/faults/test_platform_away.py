"""What stands around the journey may be away: one can still buy, and all that was missed is made up for."""

import pytest
import requests

from services.chassis.runtime.registry import ANALYTICS_CONSUMER, PLATFORM_SERVICES
from tests.support.instance import Instance
from tests.support.shop import Client, Shop, eventually, new_key

AROUND = (*PLATFORM_SERVICES, "notifications", ANALYTICS_CONSUMER)


def units(shop: Shop, product_id: str) -> int:
    """How many of a product the figures say were sold."""
    sales = shop.admin("GET", "/analytics/sales", params={"interval": "day", "group_by": "product"})
    groups = sales.data["groups"] if sales.status == 200 else []
    return next((int(group["units"]) for group in groups if group["key"] == product_id), 0)


@pytest.mark.timeout(500)
def test_one_can_buy_without_them_and_what_was_missed_is_made_up_for(shop: Shop, instance: Instance) -> None:
    title = f"Zanzibarite {new_key()[:8]}"
    instance.ultramarket("stop", *AROUND)
    try:
        sku = shop.product(stock=3, title=title)
        buyer = f"{new_key()[:12]}@example.com"
        customer = shop.customer(buyer)
        assert customer.add(sku, 2).status == 201
        order = customer.order()
        assert (order.status, order.data["status"]) == (201, "confirmed")
        assert requests.get(f"{shop.url}/health/ready", timeout=20).json()["status"] == "ready"
        refused = shop.admin("GET", "/audit")
        assert (refused.status, refused.code) == (503, "SERVICE_UNAVAILABLE")
    finally:
        instance.ultramarket("start", *AROUND)
    instance.wait_until_healthy()

    product_id = order.data["items"][0]["product_id"]
    assert eventually(lambda: audited(shop, product_id), 100)
    assert eventually(lambda: found(shop.guest(), title, product_id), 100)
    assert eventually(lambda: units(shop, product_id) == 2, 100)
    assert eventually(lambda: buyer in instance.ultramarket("mail", "--json"), 100)


def audited(shop: Shop, product_id: str) -> bool:
    entries = shop.admin("GET", "/audit", params={"action": "product.create", "resource_id": product_id})
    return entries.status == 200 and len(entries.data) == 1


def found(guest: Client, title: str, product_id: str) -> bool:
    reply = guest("GET", "/search", params={"q": title})
    return reply.status == 200 and [item["id"] for item in reply.data["items"]][:1] == [product_id]
