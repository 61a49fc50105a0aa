"""The Stripe provider over HTTP: requests, replies, errors and webhooks.

The answers are those of https://docs.stripe.com/api/payment_intents, https://docs.stripe.com/error-codes.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from services.chassis.common import clock
from services.chassis.common.errors import Unauthenticated, ValidationFailed
from services.payments.providers.interface import (
    Charge,
    ChargeResult,
    ChargeState,
    ProviderFee,
    ProviderRefuses,
    ProviderUnavailable,
    WebhookNotice,
)
from services.payments.providers.stripe import StripeProvider
from services.payments.settings import PaymentSettings
from tests.service.payments.stripe_servers import ReplayedStripe, replayed_stripe, stripe_mock

CHARGE = Charge("payment-1", "order-1", 1999, "USD", "pm_card_visa", "ada@example.com")
SECRET = "whsec_test"
BALANCE = "latest_charge.balance_transaction"
CAPTURE_FIELDS = {"amount_to_capture": "500", "expand[0]": BALANCE}


def provider_at(address: str, secret: str = SECRET) -> StripeProvider:
    return StripeProvider(
        PaymentSettings(
            secret_key="s" * 16,
            payment_providers="stripe",
            stripe_api_key="sk_test_123",
            stripe_webhook_secret=secret,
            stripe_api_base=address,
        )
    )


@pytest.fixture
def stripe() -> Iterator[ReplayedStripe]:
    with replayed_stripe() as server:
        yield server


@pytest.fixture
def provider(stripe: ReplayedStripe) -> StripeProvider:
    return provider_at(stripe.address)


def intent(status: str, **values: Any) -> dict[str, Any]:
    fields = {"id": "pi_1", "object": "payment_intent", "status": status, "amount": 1999, "currency": "usd"}
    return fields | {"amount_received": 0, "client_secret": "pi_1_secret_2"} | values


def failure(kind: str, **values: Any) -> dict[str, Any]:
    return {"error": {"type": kind, "message": "No.", **values}}


def test_charge_is_a_confirmed_intent_with_manual_capture(stripe: ReplayedStripe, provider: StripeProvider) -> None:
    stripe.add_reply(intent("requires_capture"))

    assert provider.authorise(CHARGE, "key-1") == ChargeResult("authorized", "pi_1")

    (request,) = stripe.requests
    assert (request.method, request.path, request.key) == ("POST", "/v1/payment_intents", "key-1")
    assert request.fields == {
        "amount": "1999",
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        "capture_method": "manual",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
        "metadata[order_id]": "order-1",
        "metadata[payment_id]": "payment-1",
        "receipt_email": "ada@example.com",
    }


def test_charge_at_once_is_an_intent_with_automatic_capture(stripe: ReplayedStripe, provider: StripeProvider) -> None:
    movement = {"id": "txn_1", "fee": 88, "currency": "usd"}
    charge = {"id": "ch_1", "object": "charge", "balance_transaction": movement}
    stripe.add_reply(intent("succeeded", latest_charge=charge))

    result = provider.authorise(replace(CHARGE, capture=True), "key-1")

    assert result == ChargeResult("captured", "pi_1", fees=(ProviderFee("txn_1", 88, "USD"),))
    (request,) = stripe.requests
    assert (request.fields["capture_method"], request.fields["expand[0]"]) == ("automatic", BALANCE)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("requires_action", ChargeResult("requires_action", "pi_1", client_secret="pi_1_secret_2")),
        ("processing", ChargeResult("requires_action", "pi_1", client_secret="pi_1_secret_2")),
        ("succeeded", ChargeResult("captured", "pi_1")),
        ("requires_payment_method", ChargeResult("declined", "pi_1", "requires_payment_method")),
    ],
)
def test_intent_status_is_mapped_to_a_charge_result(
    stripe: ReplayedStripe, provider: StripeProvider, status: str, result: ChargeResult
) -> None:
    stripe.add_reply(intent(status))
    assert provider.authorise(CHARGE, "key-1") == result


@pytest.mark.parametrize(
    ("code", "error", "result"),
    [
        (
            402,
            failure(
                "card_error", code="card_declined", decline_code="insufficient_funds", payment_intent={"id": "pi_9"}
            ),
            ChargeResult("declined", "pi_9", "insufficient_funds"),
        ),
        (402, failure("card_error", code="expired_card"), ChargeResult("declined", None, "expired_card")),
        (
            400,
            failure("invalid_request_error", code="resource_missing", param="payment_method"),
            ChargeResult("declined", None, "resource_missing"),
        ),
    ],
)
def test_declined_or_unknown_card_is_a_declined_charge(
    stripe: ReplayedStripe, provider: StripeProvider, code: int, error: dict[str, Any], result: ChargeResult
) -> None:
    stripe.add_reply(error, code)
    assert provider.authorise(CHARGE, "key-1") == result


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (500, "api_error"),
        (503, "api_error"),
        (409, "idempotency_error"),
        (429, "rate_limit_error"),
        (401, "invalid_request_error"),
        (403, "invalid_request_error"),
    ],
)
def test_unknown_outcome_is_provider_unavailable(
    stripe: ReplayedStripe, provider: StripeProvider, code: int, kind: str
) -> None:
    stripe.add_reply(failure(kind), code)
    with pytest.raises(ProviderUnavailable):
        provider.authorise(CHARGE, "key-1")
    assert len(stripe.requests) == 1


def test_unreachable_stripe_is_provider_unavailable(provider: StripeProvider, stripe: ReplayedStripe) -> None:
    with pytest.raises(ProviderUnavailable):
        provider_at("http://127.0.0.1:9").authorise(CHARGE, "key-1")


def test_capture_void_and_refund_send_idempotency_keys(stripe: ReplayedStripe, provider: StripeProvider) -> None:
    stripe.add_reply(intent("succeeded", amount_received=500))
    stripe.add_reply(intent("canceled"))
    stripe.add_reply({"id": "re_1", "object": "refund", "status": "succeeded"})

    provider.capture("pi_1", 500, "USD", "c")
    provider.void("pi_1", "v")
    assert provider.refund("pi_1", 200, "USD", "r", "refund-1") == "re_1"

    assert [(request.method, request.path, request.key, request.fields) for request in stripe.requests] == [
        ("POST", "/v1/payment_intents/pi_1/capture", "c", CAPTURE_FIELDS),
        ("POST", "/v1/payment_intents/pi_1/cancel", "v", {}),
        (
            "POST",
            "/v1/refunds",
            "r",
            {"payment_intent": "pi_1", "amount": "200", "metadata[refund_id]": "refund-1"},
        ),
    ]


def test_impossible_operation_is_refused(stripe: ReplayedStripe, provider: StripeProvider) -> None:
    for work in (
        lambda: provider.capture("pi_1", 500, "USD", "c"),
        lambda: provider.void("pi_1", "v"),
        lambda: provider.refund("pi_1", 200, "USD", "r", "refund-1"),
        lambda: provider.look_up("pi_1", "USD"),
    ):
        stripe.add_reply(failure("invalid_request_error", code="payment_intent_unexpected_state"), 400)
        with pytest.raises(ProviderRefuses):
            work()


@pytest.mark.parametrize(
    ("status", "received", "state"),
    [
        ("requires_capture", 0, ChargeState("authorized")),
        ("succeeded", 1500, ChargeState("captured", 1500)),
        ("canceled", 0, ChargeState("voided")),
        ("requires_action", 0, ChargeState("requires_action")),
    ],
)
def test_charge_state_is_looked_up(
    stripe: ReplayedStripe, provider: StripeProvider, status: str, received: int, state: ChargeState
) -> None:
    stripe.add_reply(intent(status, amount_received=received))
    assert provider.look_up("pi_1", "USD") == state
    (request,) = stripe.requests
    assert (request.method, request.path) == ("GET", f"/v1/payment_intents/pi_1?expand%5B0%5D={BALANCE}")


def signed(event: Any, secret: str = SECRET, age: int = 0) -> tuple[bytes, dict[str, str]]:
    """Sign a webhook as in https://docs.stripe.com/webhooks#verify-manually."""
    body, at = json.dumps(event).encode(), int(time.time()) - age
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"stripe-signature": f"t={at},v1={digest}"}


def event(kind: str, **values: Any) -> dict[str, Any]:
    return {"id": "evt_1", "object": "event", "type": kind, "data": {"object": intent("requires_capture", **values)}}


@pytest.mark.parametrize(
    ("event_", "notice"),
    [
        (
            event("payment_intent.amount_capturable_updated"),
            WebhookNotice("evt_1", "pi_1", "status", "authorized"),
        ),
        (
            event("payment_intent.canceled", metadata={"payment_id": "p1"}),
            WebhookNotice("evt_1", "pi_1", "status", "declined", "p1"),
        ),
        (event("payment_intent.succeeded"), WebhookNotice("evt_1", "pi_1", "status", "captured")),
        (event("charge.refunded", id="ch_1", payment_intent="pi_1"), WebhookNotice("evt_1", "pi_1", "refund")),
        (event("refund.failed", id="re_1", payment_intent="pi_1"), WebhookNotice("evt_1", "pi_1", "refund")),
        (event("charge.dispute.created", id="du_1", payment_intent="pi_1"), WebhookNotice("evt_1", "pi_1", "dispute")),
        (event("charge.refunded", id="ch_1", payment_intent=None), None),
        (event("charge.updated"), None),
    ],
)
def test_webhook_is_parsed(provider: StripeProvider, event_: dict[str, Any], notice: WebhookNotice | None) -> None:
    assert provider.read_notice(*signed(event_)) == notice


def test_webhook_with_a_wrong_signature_is_refused(provider: StripeProvider) -> None:
    body, headers = signed(event("payment_intent.canceled"), secret="whsec_forged")
    for wrong_headers in (headers, {}, {"stripe-signature": "t=1,v1=ü"}, {"stripe-signature": "nonsense"}):
        with pytest.raises(Unauthenticated):
            provider.read_notice(body, wrong_headers)


def test_webhook_of_either_secret_is_accepted(stripe: ReplayedStripe) -> None:
    provider = provider_at(stripe.address, secret=f"whsec_new, {SECRET}")
    for secret in ("whsec_new", SECRET):
        assert provider.read_notice(*signed(event("payment_intent.canceled"), secret)) is not None
    with pytest.raises(Unauthenticated):
        provider.read_notice(*signed(event("payment_intent.canceled"), "whsec_old"))


def test_webhook_signed_over_five_minutes_ago_is_refused(provider: StripeProvider) -> None:
    canceled = event("payment_intent.canceled")

    assert provider.read_notice(*signed(canceled, age=200)) is not None
    with pytest.raises(Unauthenticated):
        provider.read_notice(*signed(canceled, age=301))


def test_signed_webhook_without_event_is_refused(provider: StripeProvider) -> None:
    _, headers = signed("x")
    at = headers["stripe-signature"].split(",")[0]
    body = b"{not json"
    digest = hmac.new(SECRET.encode(), f"{at[2:]}.".encode() + body, hashlib.sha256).hexdigest()
    with pytest.raises(ValidationFailed):
        provider.read_notice(body, {"stripe-signature": f"{at},v1={digest}"})


@pytest.mark.timeout(1500)
def test_requests_are_accepted_by_stripe_mock() -> None:
    with stripe_mock() as address:
        provider = provider_at(address)
        assert provider.authorise(CHARGE, "key-1").reference
        provider.capture("pi_1", 500, "USD", "c")
        provider.void("pi_1", "v")
        assert provider.refund("pi_1", 200, "USD", "r", "refund-1").startswith("re_")
        assert provider.look_up("pi_1", "USD").captured == 0
        assert provider.find("payment-1", clock.now()) is not None  # the mock finds something for every query
        assert provider.events(clock.now())
