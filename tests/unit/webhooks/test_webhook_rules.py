"""Rules of webhooks: signatures, delays, the table of public events."""

from datetime import timedelta

import pytest

from schemas.caller import Caller
from schemas.events.base import EVENTS
from schemas.events.public import CART, PUBLIC, public_envelope
from schemas.permissions.access import needs
from schemas.permissions.permission import Permission
from schemas.tools.export import every_event
from services.chassis.common.errors import EmailNotVerified, ValidationFailed
from services.chassis.messaging.authorization import check
from services.orders.domain.vendor_view import VISIBLE_EVENT_FIELDS
from services.webhooks.domain.audience import check_types, may_get, scope_of
from services.webhooks.domain.retries import GIVE_UP_AFTER, delay
from services.webhooks.domain.signing import SigningKey, headers, new_secret, signature
from services.webhooks.settings import WebhookSettings

INTERNAL = {
    "email_verification_requested", "password_reset_requested", "registration_attempted", "user_logged_in",
    "identity_linked", "identity_removed",
    "user_logged_out", "refresh_token_reused", "second_factor_changed", "password_changed", "roles_assigned",
    "action_recorded", "setting_changed", "roles_changed", "notification_sent", "session_identified",
    "order_suspended", "order_step_settled", "webhook_subscription_changed", "webhook_subscription_disabled",
}  # fmt: skip


def test_signature_is_the_documented_hmac() -> None:
    keys = [SigningKey("new", "whsec_new"), SigningKey("old", "whsec_old")]

    assert signature(b'{"a":1}', keys, 1764500000) == (
        "t=1764500000,"
        "v1=21cb5b7c01d5710810a7abcdd4e2ef4db168b211409321e0f9110dda42526b25,"
        "v1=4f40b2e1f5fc6219fb85cf00e6ee7e4b5b4131f974e873f24ba08baaaa87f499"
    )


def test_headers_name_event_key_and_attempt() -> None:
    keys = [SigningKey("key-2", new_secret()), SigningKey("key-1", new_secret())]

    sent = headers(b"{}", keys, 1, event_id="e", event_type="order_placed", delivery_id="d", attempt=3)

    assert sent["X-UltraMarket-Key-Id"] == "key-2,key-1"
    assert sent["X-UltraMarket-Attempt"] == "3"
    assert {sent[f"X-UltraMarket-{name}"] for name in ("Event-Id", "Event-Type", "Delivery-Id")} == {
        "e",
        "order_placed",
        "d",
    }


def test_headers_of_a_delivery_hold_nothing_of_its_event() -> None:
    keys, injected = [SigningKey("key-1", new_secret())], "a\r\nX-Evil: 1"
    names = {"event_id": "e", "event_type": "order_placed", "delivery_id": "d"}

    sent = headers(f'{{"title": "{injected}"}}'.encode(), keys, 1, **names, attempt=1)
    other = headers(b"{}", keys, 1, **names, attempt=1)

    assert sent.keys() == other.keys()
    assert {name for name in sent if sent[name] != other[name]} == {"X-UltraMarket-Signature"}
    assert all(value.isascii() and value.isprintable() for value in sent.values())


def test_delays_grow_with_jitter_for_three_days() -> None:
    delays = WebhookSettings.model_fields["webhook_retry_seconds"].default

    waits = [delay(delays, failures, 0.5) for failures in range(1, 25)]

    assert waits[:3] == [timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2)]
    assert waits == sorted(waits)
    assert sum(waits, timedelta()) > GIVE_UP_AFTER
    assert waits[-1] == timedelta(hours=6)
    assert (delay(delays, 1, 0.0), delay(delays, 1, 1.0)) == (timedelta(seconds=4), timedelta(seconds=6))


def test_internal_events_are_not_public() -> None:
    every_type = {event.type for event in every_event()}

    assert every_type >= INTERNAL
    assert INTERNAL & PUBLIC.keys() == set()
    assert {(public.event.source, name) for name, public in PUBLIC.items()} <= EVENTS.keys()


def test_hidden_fields_exist() -> None:
    for name, public in PUBLIC.items():
        assert public.hidden | public.hidden_from_vendors <= public.event.model_fields.keys(), name


def test_event_with_a_cart_hides_it() -> None:
    with_cart = {name for name, public in PUBLIC.items() if CART & public.event.model_fields.keys()}

    assert {name for name in with_cart if not PUBLIC[name].hidden >= CART} == set()


def test_vendors_see_fields_of_each_public_event_of_orders() -> None:
    types = {name for name, public in PUBLIC.items() if public.vendors and public.event.source == "orders"}

    assert types - VISIBLE_EVENT_FIELDS.keys() == set()


def test_public_envelope_has_no_internal_attributes() -> None:
    envelope = {"id": "1", "type": "order_placed", "requestid": "r", "userid": "u", "actor": "{}", "traceparent": "t"}

    assert public_envelope(envelope | {"data": {"order_id": "o", "cart_id": "c"}}) == {
        "id": "1",
        "type": "order_placed",
        "data": {"order_id": "o"},
    }


def test_vendor_cannot_subscribe_to_payments() -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_types(["order_placed", "payment_captured"], "vendor")

    assert [detail["field"] for detail in refused.value.details] == ["events.1"]
    check_types(["order_placed", "payment_captured"], "shop")


def test_vendor_needs_a_verified_address() -> None:
    vendor = Caller(user_id="a", roles=["VENDOR"], email_verified=False)

    with pytest.raises(EmailNotVerified):
        check(needs(Permission.WEBHOOKS_WRITE), vendor)


def test_scope_follows_permission() -> None:
    assert scope_of(Caller(user_id="a", roles=["ADMIN"])) == "shop"
    assert scope_of(Caller(user_id="a", roles=["ADMIN"], scopes=["webhooks.write"])) == "vendor"
    assert [may_get("shop", roles) for roles in (["ADMIN"], ["VENDOR"], [])] == [True, False, False]
    assert [may_get("vendor", roles) for roles in (["ADMIN"], ["VENDOR"], [])] == [True, True, False]
