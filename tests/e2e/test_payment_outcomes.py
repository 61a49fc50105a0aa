"""Payment outcomes: declined, authentication required, slow or failing provider, webhooks, refunds."""

import hashlib
import hmac
import json
import os
from typing import Any, NamedTuple

import pytest

from services.notifications.settings import NotificationSettings
from tests.support import database
from tests.support.mailbox import text_of, wait_for_mail
from tests.support.shop import Client, Shop, eventually, new_key, persistently

FINAL_STATUSES = ("confirmed", "failed", "cancelled")


class Disputed(NamedTuple):
    """An order that is disputed half a minute after its payment, and the disputes that there were before."""

    customer: Client
    order: dict[str, Any]
    opened_before: int


@pytest.fixture(scope="module", autouse=True)
def disputed(shop: Shop) -> Disputed:
    """Placed first, so that the other tests of this module run while its dispute is awaited."""
    before, customer = opened_disputes(shop), shop.customer()
    customer.add(shop.product(stock=3))
    return Disputed(customer, customer.order("pm_sandbox_dispute").data, before)


def opened_disputes(shop: Shop) -> int:
    return int(shop.admin("GET", "/analytics/payments").data["disputes"]["opened"]["disputes"])


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
def test_declined_card_releases_stock_for_another_card(shop: Shop, card: str, reason: str) -> None:
    sku = shop.product(stock=4)
    customer = shop.customer()
    customer.add(sku)

    declined = customer.order(card)

    assert (declined.status, declined.code) == (402, "PAYMENT_DECLINED")
    details = declined.error["details"][0]
    assert details["decline_code"] == reason
    failed = customer("GET", f"/orders/{details['order_id']}").data
    assert failed["status"] == "failed"
    assert failed["payment"]["status"] == "declined"
    assert reason in failed["timeline"][-1]["reason"]
    assert shop.settled_level(sku) == (4, 0, 4)
    assert customer("GET", "/cart").data["item_count"] == 1
    assert customer.order().status == 201
    assert shop.settled_level(sku) == (3, 0, 3)


@pytest.mark.parametrize("card", ["pm_sandbox_timeout", "pm_sandbox_error", "pm_sandbox_slow", "pm_sandbox_dispute"])
def test_slow_or_failing_provider_charges_once(shop: Shop, card: str) -> None:
    sku = shop.product(stock=3)
    guest = shop.guest()
    guest.add(sku)
    key = new_key()

    placed = persistently(lambda: guest.order(card, key=key))

    assert placed.status in (201, 202)
    order_id, access = placed.data["id"], {"X-Order-Key": placed.data["access_key"]}
    status = eventually(lambda: guest("GET", f"/orders/{order_id}", headers=access).data["status"] in FINAL_STATUSES)
    assert status
    assert guest("GET", f"/orders/{order_id}", headers=access).data["status"] == "confirmed"
    charges = database.bank_charges_of([order_id])
    assert [(state, captured) for _, state, captured, _ in charges] == [("captured", placed.data["total"]["amount"])]
    assert shop.settled_level(sku) == (2, 0, 2)


def test_authentication_required_holds_order_until_webhook(shop: Shop) -> None:
    sku = shop.product(stock=3)
    customer = shop.customer()
    customer.add(sku)

    refused = customer.order("pm_card_authenticationRequired")

    assert (refused.status, refused.code) == (402, "PAYMENT_ACTION_REQUIRED")
    details = refused.error["details"][0]
    order_id, charge = details["order_id"], details["client_secret"].partition("_secret_")[0]
    assert customer("GET", f"/orders/{order_id}").data["status"] == "awaiting_payment"
    assert shop.level(sku) == (3, 1, 2)
    assert _send_webhook(shop, "payment.confirmed", charge) == 200
    assert eventually(lambda: customer("GET", f"/orders/{order_id}").data["status"] == "confirmed")
    assert shop.settled_level(sku) == (2, 0, 2)


def test_guest_gets_access_key_and_order_after_paying(shop: Shop) -> None:
    sku, key = shop.product(stock=3), new_key()
    guest = shop.guest()
    guest.add(sku)
    details = guest.order("pm_card_authenticationRequired", key=key).error["details"][0]
    path, access = f"/orders/{details['order_id']}", {"X-Order-Key": details["access_key"]}
    assert guest("GET", path, headers=access).data["status"] == "awaiting_payment"
    _send_webhook(shop, "payment.confirmed", details["client_secret"].partition("_secret_")[0])
    assert eventually(lambda: guest("GET", path, headers=access).data["status"] == "confirmed")

    repeated = guest.order("pm_card_authenticationRequired", key=key)

    assert (repeated.status, repeated.data["id"]) == (201, details["order_id"])
    assert repeated.data["access_key"] == details["access_key"]


def test_other_card_replaces_an_unpaid_order(shop: Shop) -> None:
    sku = shop.product(stock=1)
    customer = shop.customer()
    customer.add(sku)
    first = customer.order("pm_card_authenticationRequired").error["details"][0]

    second = persistently(lambda: customer.order())

    assert (second.status, second.data["status"]) == (201, "confirmed")
    assert customer("GET", f"/orders/{first['order_id']}").data["status"] == "failed"
    assert shop.settled_level(sku) == (0, 0, 0)
    assert [status for _, status, _, _ in database.bank_charges_of([first["order_id"]])] == ["voided"]


def test_unconfirmed_payment_is_not_charged(shop: Shop) -> None:
    sku = shop.product(stock=3)
    customer = shop.customer()
    customer.add(sku)
    details = customer.order("pm_card_authenticationRequired").error["details"][0]

    _send_webhook(shop, "payment.declined", details["client_secret"].partition("_secret_")[0])

    order = f"/orders/{details['order_id']}"
    assert eventually(lambda: customer("GET", order).data["status"] == "failed")
    assert shop.settled_level(sku) == (3, 0, 3)


def test_webhook_with_a_wrong_signature_is_refused(shop: Shop) -> None:
    body = json.dumps({"id": new_key(), "type": "payment.confirmed", "charge": "sbx_1"}).encode()
    headers = {"X-Sandbox-Signature": "0" * 64, "Content-Type": "application/json"}

    refused = shop.guest()("POST", "/webhooks/sandbox", data=body, headers=headers)

    assert (refused.status, refused.code) == (401, "UNAUTHENTICATED")


def test_cancelling_paid_order_refunds_and_restocks(shop: Shop) -> None:
    sku = shop.product(stock=5)
    customer = shop.customer()
    customer.add(sku, 2)
    order = customer.order().data
    key = new_key()

    cancelled = customer("POST", f"/orders/{order['id']}/cancel", {"reason": "changed my mind"}, key=key)
    again = customer("POST", f"/orders/{order['id']}/cancel", {"reason": "changed my mind"}, key=key)

    assert (cancelled.status, cancelled.data["status"]) == (200, "cancelled")
    assert cancelled.data["payment"]["status"] == "refunded"
    assert cancelled.data["timeline"][-1]["reason"] == "changed my mind"
    assert again.raw == cancelled.raw
    assert shop.settled_level(sku) == (5, 0, 5)
    total = order["total"]["amount"]
    assert [(captured, refunded) for _, _, captured, refunded in database.bank_charges_of([order["id"]])] == [
        (total, total)
    ]


def test_partial_refund_is_limited_to_captured_amount(shop: Shop) -> None:
    customer = shop.customer()
    customer.add(shop.product(price=5000))
    payment_id = customer.order().data["payment"]["id"]
    part = {"amount": {"amount": 1200, "currency": "USD"}, "reason": "scratched"}

    refunded = shop.admin("POST", f"/payments/{payment_id}/refunds", part, key=new_key())
    too_much = shop.admin(
        "POST", f"/payments/{payment_id}/refunds", {"amount": {"amount": 10**9, "currency": "USD"}}, key=new_key()
    )
    by_customer = customer("POST", f"/payments/{payment_id}/refunds", part, key=new_key())

    assert (refunded.status, refunded.data["status"]) == (201, "partially_refunded")
    assert refunded.data["refunded"]["amount"] == 1200
    assert (too_much.status, too_much.code) == (422, "VALIDATION_ERROR")
    assert (by_customer.status, by_customer.code) == (403, "FORBIDDEN")
    assert customer("GET", f"/payments/{payment_id}").data["refunded"]["amount"] == 1200
    order = f"/orders/{refunded.data['order_id']}"
    assert eventually(lambda: customer("GET", order).data["payment"]["status"] == "partially_refunded")


def _send_webhook(shop: Shop, event_type: str, charge: str) -> int:
    """Post a webhook as the sandbox provider does, signed with its secret."""
    body = json.dumps({"id": new_key(), "type": event_type, "charge": charge}).encode()
    signature = hmac.new(os.environ["ULTRAMARKET_SECRET_KEY"].encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Sandbox-Signature": signature, "Content-Type": "application/json"}
    return shop.guest()("POST", "/webhooks/sandbox", data=body, headers=headers).status


def test_dispute_is_mailed_to_staff_and_counted(shop: Shop, disputed: Disputed) -> None:
    customer, order, before = disputed

    mail = wait_for_mail(NotificationSettings().staff_address, f"of order {order['number']}")

    assert str(mail["Subject"]).startswith("Dispute: ")
    assert "Reason: fraudulent" in text_of(mail)
    assert eventually(lambda: opened_disputes(shop) > before)
    timeline = customer("GET", f"/orders/{order['id']}").data["timeline"]
    assert timeline[-1]["reason"] == "Payment dispute opened"
