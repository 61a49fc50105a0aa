"""Orders are placed while the platform services are stopped; afterwards these process what they missed."""

from collections.abc import Callable

import pytest
import requests

from services.chassis.runtime.registry import ANALYTICS_CONSUMER, PLATFORM_SERVICES
from tests.support.files import unique_picture, upload
from tests.support.instance import Instance
from tests.support.mailbox import mails_to
from tests.support.shop import Client, Shop, eventually, new_key

STOPPED_PROCESSES = (*PLATFORM_SERVICES, "notifications", ANALYTICS_CONSUMER)
REVIEW = {"rating": 4, "title": "Holds tea", "text": "And survives camping."}


@pytest.mark.timeout(1500)
def test_orders_are_placed_without_platform_services(shop: Shop, instance: Instance) -> None:
    first_customer = shop.customer()
    sku = shop.product(stock=5)
    product_id = product_of(first_customer, sku)
    leaving = shop.customer()
    leaving_id = leaving("GET", "/auth/me").data["id"]
    pending = first_customer("POST", f"/products/{product_id}/reviews", REVIEW)
    assert (pending.status, pending.data["status"]) == (201, "pending")

    instance.ultramarket("stop", *STOPPED_PROCESSES)
    try:
        new_sku = shop.product(stock=1)
        new_product_id = product_of(shop.guest(), new_sku)
        buyer = f"{new_key()[:12]}@example.com"
        customer = shop.customer(buyer)
        assert customer.add(sku, 2).status == 201
        orders = [customer.order(), first_customer.order()]
        assert [(order.status, order.data["status"]) for order in orders] == [(201, "confirmed")] * 2
        erased = leaving("DELETE", "/users/me", {"password": "correct horse battery"})
        assert (erased.status, eventually(lambda: leaving("GET", "/auth/me").status == 401)) == (202, True)
        assert shop.admin("GET", f"/users/{leaving_id}").data["status"] == "erased"
        assert requests.get(f"{shop.url}/health/ready", timeout=60).json()["status"] == "ready"
        for refused in (
            shop.admin("GET", "/audit"),
            customer("POST", f"/products/{product_id}/reviews", REVIEW),
            upload(customer, unique_picture()),
        ):
            assert (refused.status, refused.code) == (503, "SERVICE_UNAVAILABLE")
    finally:
        instance.ultramarket("start", *STOPPED_PROCESSES)
    instance.wait_until_healthy()

    caught_up: dict[str, Callable[[], bool]] = {
        "audit": lambda: audited(shop, new_product_id),
        "search": lambda: is_found(shop.guest(), new_sku, new_product_id),
        "analytics": lambda: units_sold(shop, product_id) == 3,
        "notifications": lambda: len(mails_to(buyer)) > 0,
        "reviews": lambda: review(first_customer, pending.data["id"]) == ("approved", True),
        "erasure": lambda: shop.admin("GET", f"/users/{leaving_id}/erasure").data["status"] == "completed",
        "files": lambda: upload(customer, unique_picture()).status == 201,
    }
    assert {name: bool(eventually(check, every=0.25)) for name, check in caught_up.items()} == dict.fromkeys(
        caught_up, True
    )


def product_of(guest: Client, sku: str) -> str:
    assert guest.add(sku).status == 201
    return str(guest("GET", "/cart").data["items"][-1]["product_id"])


def audited(shop: Shop, product_id: str) -> bool:
    entries = shop.admin("GET", "/audit", params={"action": "product.create", "resource_id": product_id})
    return entries.status == 200 and len(entries.data) == 1


def units_sold(shop: Shop, product_id: str) -> int:
    """Units of a product in the sales figures."""
    sales = shop.admin("GET", "/analytics/sales", params={"interval": "day", "group_by": "product"})
    groups = sales.data["groups"] if sales.status == 200 else []
    return next((int(group["units"]) for group in groups if group["key"] == product_id), 0)


def review(author: Client, review_id: str) -> tuple[str, bool]:
    reply = author("GET", f"/reviews/{review_id}")
    return (reply.data["status"], reply.data["verified"]) if reply.status == 200 else ("", False)


def is_found(guest: Client, sku: str, product_id: str) -> bool:
    reply = guest("GET", "/search", params={"q": sku})
    return reply.status == 200 and [item["id"] for item in reply.data["items"]][:1] == [product_id]
