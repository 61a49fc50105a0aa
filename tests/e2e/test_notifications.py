"""What a customer is told through the whole shop: in their list, by mail, and as they want it."""

import os
import re
from typing import Any

import pytest
import requests

from services.notifications.domain import unsubscribe_tokens
from tests.support.mailbox import text_of, wait_for_mail
from tests.support.shop import Client, Shop, eventually, new_key


def own(client: Client, wanted: int) -> list[dict[str, Any]]:
    """The list, once there are as many as are expected."""
    listed = lambda: client("GET", "/notifications").data  # noqa: E731
    eventually(lambda: len(listed()) >= wanted)
    return list(listed())


def bought(shop: Shop, customer: Client) -> dict[str, Any]:
    sku = shop.product(stock=2)
    assert eventually(lambda: customer.add(sku).status == 201)
    return dict(customer.order().data)


def test_an_order_is_told_in_the_shop_and_read(shop: Shop) -> None:
    customer = shop.customer()
    order = bought(shop, customer)

    [told] = own(customer, 1)

    assert (told["kind"], told["read"], told["data"]["number"]) == ("order_confirmed", False, order["number"])
    assert customer("GET", "/notifications/unread-count").data == {"count": 1}
    assert customer("POST", f"/notifications/{told['id']}/read").data == {"read": 1}
    assert customer("GET", "/notifications/unread-count").data == {"count": 0}
    somebody = shop.customer()("POST", f"/notifications/{told['id']}/read")
    assert (somebody.status, somebody.code) == (404, "NOT_FOUND")


def test_each_step_of_an_order_is_told_once_and_a_refund_too(shop: Shop) -> None:
    customer = shop.customer()
    order = bought(shop, customer)
    for status in ("processing", "shipped", "delivered"):
        assert shop.admin("PATCH", f"/orders/{order['id']}/status", {"status": status}).status == 200
    money = {"amount": 100, "currency": order["currency"]}
    shop.admin("POST", f"/payments/{order['payment']['id']}/refunds", {"amount": money}, key=new_key())

    told = own(customer, 4)

    assert sorted(one["kind"] for one in told) == [
        "order_confirmed",
        "order_delivered",
        "order_refunded",
        "order_shipped",
    ]
    assert customer("POST", "/notifications/read-all").data == {"read": 4}


def test_who_waits_for_a_product_hears_when_it_is_back(shop: Shop) -> None:
    sku = shop.product(stock=0)
    guest, email = shop.guest(), f"{new_key()[:12]}@example.com"
    assert eventually(lambda: guest("POST", "/notifications/back-in-stock", {"sku": sku, "email": email}).status == 202)
    assert guest("POST", "/notifications/back-in-stock", {"sku": sku}).error["details"][0]["field"] == "email"

    shop.adjust(sku, 3)

    mail = wait_for_mail(email)
    delivered = shop.admin("GET", "/notifications/deliveries", params={"recipient": email}).data
    assert [(one["kind"], one["channel"], one["status"]) for one in delivered] == [("back_in_stock", "email", "sent")]
    assert "is back" in text_of(mail)


def test_preferences_are_stored_but_order_mails_always_sent(shop: Shop) -> None:
    customer = shop.customer()
    wanted = {
        "kinds": {"back_in_stock": {"email": False}},
        "quiet_hours": {"from": "22:00", "to": "07:00", "time_zone": "UTC"},
    }

    saved = customer("PUT", "/notifications/preferences", wanted)

    assert (saved.status, saved.data) == (200, customer("GET", "/notifications/preferences").data)
    assert saved.data["kinds"]["back_in_stock"]["email"] is False
    assert saved.data["kinds"]["order_shipped"]["email"] is True
    assert saved.data["quiet_hours"] == wanted["quiet_hours"]
    refused = customer("PUT", "/notifications/preferences", {"kinds": {"order_shipped": {"email": False}}})
    assert (refused.status, refused.error["details"][0]["field"]) == (422, "kinds.order_shipped.email")


def test_template_is_changed_previewed_and_sent_as_test(shop: Shop) -> None:
    address = f"{new_key()[:12]}@example.com"
    now = shop.admin("GET", "/notifications/templates/low_stock").data
    text = {"heading": "Nearly gone: {{ title }}"}

    preview = shop.admin("POST", "/notifications/templates/low_stock/preview", {"text": text}).data
    saved = shop.admin("PUT", "/notifications/templates/low_stock", {"text": text, "version": now["version"]})
    stale = shop.admin("PUT", "/notifications/templates/low_stock", {"text": text, "version": now["version"]})
    sent = shop.admin("POST", "/notifications/templates/low_stock/test", {"to": address})

    assert "Nearly gone: Enamel mug" in preview["html"]
    assert re.search(r"<h1[^>]*>Nearly gone", preview["html"])
    assert (saved.status, saved.data["version"]) == (200, now["version"] + 1)
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
def test_a_template_that_cannot_be_filled_is_refused(shop: Shop, text: dict[str, str], field: str) -> None:
    refused = shop.admin("POST", "/notifications/templates/low_stock/preview", {"text": text})

    assert (refused.status, refused.error["details"][0]["field"]) == (422, field)


def test_strangers_see_no_templates_and_forged_links_do_nothing(shop: Shop) -> None:
    customer = shop.customer()

    assert customer("GET", "/notifications/templates").status == 403
    assert customer("GET", "/notifications/deliveries", params={"recipient": "x@example.com"}).status == 403
    assert shop.guest()("GET", "/notifications").status == 401
    assert shop.guest()("POST", "/notifications/unsubscribe?token=abcdefghijklmnop").status == 404
    assert shop.guest()("GET", "/notifications/unsubscribe?token=abcdefghijklmnop").status == 404


def test_unsubscribe_link_opens_page_and_button_unsubscribes(shop: Shop) -> None:
    customer = shop.customer()
    secret = os.environ["ULTRAMARKET_SECRET_KEY"].encode()
    signed = unsubscribe_tokens.create(customer("GET", "/auth/me").data["id"], "back_in_stock", secret)
    url = f"{shop.url}/api/v1/notifications/unsubscribe?token={signed}"

    def wanted() -> bool:
        kinds = customer("GET", "/notifications/preferences").data["kinds"]
        return bool(kinds["back_in_stock"]["email"])

    page = requests.get(url, headers={"Accept": "text/html,*/*;q=0.8"}, timeout=60)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert '<form method="post"' in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert shop.guest()("GET", f"/notifications/unsubscribe?token={signed}").data == {"kind": "back_in_stock"}
    assert wanted()

    pressed = requests.post(url, data={}, headers={"Accept": "text/html,*/*;q=0.8"}, timeout=60)
    again = requests.post(url, data={"List-Unsubscribe": "One-Click"}, timeout=60)

    assert pressed.status_code == again.status_code == 200
    assert "<form" not in pressed.text
    assert again.json()["data"] == {"kind": "back_in_stock"}
    assert not wanted()
