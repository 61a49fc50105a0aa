"""Notifications over HTTP and by mail: the list, preferences, templates, unsubscribing."""

import os
import re
from typing import Any

import pytest
import requests

from services.notifications.domain import unsubscribe_tokens
from tests.support.mailbox import text_of, wait_for_mail
from tests.support.shop import Client, Shop, eventually, new_key


def notifications_of(client: Client, count: int) -> list[dict[str, Any]]:
    """A customer's notifications, once there are at least `count`."""
    listed = lambda: client("GET", "/notifications").data  # noqa: E731
    eventually(lambda: len(listed()) >= count)
    return list(listed())


def place_order(shop: Shop, customer: Client) -> dict[str, Any]:
    sku = shop.product(stock=2)
    assert eventually(lambda: customer.add(sku).status == 201)
    return dict(customer.order().data)


def test_order_notification_is_listed_and_marked_as_read(shop: Shop) -> None:
    customer = shop.customer()
    order = place_order(shop, customer)

    [notification] = notifications_of(customer, 1)

    assert (notification["kind"], notification["read"], notification["data"]["number"]) == (
        "order_confirmed",
        False,
        order["number"],
    )
    assert customer("GET", "/notifications/unread-count").data == {"count": 1}
    assert customer("POST", f"/notifications/{notification['id']}/read").data == {"read": 1}
    assert customer("GET", "/notifications/unread-count").data == {"count": 0}
    other_customer = shop.customer()("POST", f"/notifications/{notification['id']}/read")
    assert (other_customer.status, other_customer.code) == (404, "NOT_FOUND")


def test_each_order_step_and_refund_is_one_notification(shop: Shop) -> None:
    customer = shop.customer()
    order = place_order(shop, customer)
    for status in ("processing", "shipped", "delivered"):
        assert shop.admin("PATCH", f"/orders/{order['id']}/status", {"status": status}).status == 200
    money = {"amount": 100, "currency": order["currency"]}
    shop.admin("POST", f"/payments/{order['payment']['id']}/refunds", {"amount": money}, key=new_key())

    notifications = notifications_of(customer, 4)

    assert sorted(notification["kind"] for notification in notifications) == [
        "order_confirmed",
        "order_delivered",
        "order_refunded",
        "order_shipped",
    ]
    assert customer("POST", "/notifications/read-all").data == {"read": 4}


def test_back_in_stock_mail_is_sent_to_subscriber(shop: Shop) -> None:
    sku = shop.product(stock=0)
    guest, email = shop.guest(), f"{new_key()[:12]}@example.com"
    assert eventually(lambda: guest("POST", "/notifications/back-in-stock", {"sku": sku, "email": email}).status == 202)
    assert guest("POST", "/notifications/back-in-stock", {"sku": sku}).error["details"][0]["field"] == "email"

    shop.adjust(sku, 3)

    mail = wait_for_mail(email)
    deliveries = shop.admin("GET", "/notifications/deliveries", params={"recipient": email}).data
    assert [(delivery["kind"], delivery["channel"], delivery["status"]) for delivery in deliveries] == [
        ("back_in_stock", "email", "sent")
    ]
    assert "is back" in text_of(mail)


def test_preferences_are_stored_but_order_mails_always_sent(shop: Shop) -> None:
    customer = shop.customer()
    preferences = {
        "kinds": {"back_in_stock": {"email": False}},
        "quiet_hours": {"from": "22:00", "to": "07:00", "time_zone": "UTC"},
    }

    saved = customer("PUT", "/notifications/preferences", preferences)

    assert (saved.status, saved.data) == (200, customer("GET", "/notifications/preferences").data)
    assert saved.data["kinds"]["back_in_stock"]["email"] is False
    assert saved.data["kinds"]["order_shipped"]["email"] is True
    assert saved.data["quiet_hours"] == preferences["quiet_hours"]
    refused = customer("PUT", "/notifications/preferences", {"kinds": {"order_shipped": {"email": False}}})
    assert (refused.status, refused.error["details"][0]["field"]) == (422, "kinds.order_shipped.email")


def test_template_is_changed_previewed_and_sent_as_test(shop: Shop) -> None:
    address = f"{new_key()[:12]}@example.com"
    current = shop.admin("GET", "/notifications/templates/low_stock").data
    text = {"heading": "Nearly gone: {{ title }}"}

    preview = shop.admin("POST", "/notifications/templates/low_stock/preview", {"text": text}).data
    saved = shop.admin("PUT", "/notifications/templates/low_stock", {"text": text, "version": current["version"]})
    stale = shop.admin("PUT", "/notifications/templates/low_stock", {"text": text, "version": current["version"]})
    sent = shop.admin("POST", "/notifications/templates/low_stock/test", {"to": address})

    assert "Nearly gone: Enamel mug" in preview["html"]
    assert re.search(r"<h1[^>]*>Nearly gone", preview["html"])
    assert (saved.status, saved.data["version"]) == (200, current["version"] + 1)
    assert (stale.status, stale.code) == (409, "CONFLICT")
    assert sent.status == 202
    assert "Nearly gone" in text_of(wait_for_mail(address))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ({"heading": "{{ what }}"}, "text.heading"),
        ({"short": "{{ ''.__class__ }}"}, "text.short"),
        ({"heading": ""}, "text.heading"),
    ],
)
def test_invalid_template_is_refused(shop: Shop, text: dict[str, str], field: str) -> None:
    refused = shop.admin("POST", "/notifications/templates/low_stock/preview", {"text": text})

    assert (refused.status, refused.error["details"][0]["field"]) == (422, field)


def test_templates_are_for_staff_and_forged_links_are_refused(shop: Shop) -> None:
    customer = shop.customer()

    assert customer("GET", "/notifications/templates").status == 403
    assert customer("GET", "/notifications/deliveries", params={"recipient": "x@example.com"}).status == 403
    assert shop.guest()("GET", "/notifications").status == 401
    assert shop.guest()("POST", "/notifications/unsubscribe?token=abcdefghijklmnop").status == 404
    assert shop.guest()("GET", "/notifications/unsubscribe?token=abcdefghijklmnop").status == 404


def test_unsubscribe_link_opens_page_and_button_unsubscribes(shop: Shop) -> None:
    customer = shop.customer()
    secret = os.environ["ULTRAMARKET_SECRET_KEY"].encode()
    token = unsubscribe_tokens.create(customer("GET", "/auth/me").data["id"], "back_in_stock", secret)
    url = f"{shop.url}/api/v1/notifications/unsubscribe?token={token}"

    def is_subscribed() -> bool:
        kinds = customer("GET", "/notifications/preferences").data["kinds"]
        return bool(kinds["back_in_stock"]["email"])

    page = requests.get(url, headers={"Accept": "text/html,*/*;q=0.8"}, timeout=60)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert '<form method="post"' in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert shop.guest()("GET", f"/notifications/unsubscribe?token={token}").data == {"kind": "back_in_stock"}
    assert is_subscribed()

    submitted = requests.post(url, data={}, headers={"Accept": "text/html,*/*;q=0.8"}, timeout=60)
    again = requests.post(url, data={"List-Unsubscribe": "One-Click"}, timeout=60)

    assert submitted.status_code == again.status_code == 200
    assert "<form" not in submitted.text
    assert again.json()["data"] == {"kind": "back_in_stock"}
    assert not is_subscribed()
