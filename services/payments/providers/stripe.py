"""Stripe provider, by the stripe library: PaymentIntents that are confirmed at once and captured manually.

https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
"""

from typing import Any, NoReturn

import stripe

from services.chassis.common.errors import Unauthenticated, ValidationFailed
from services.payments.providers.interface import (
    Charge,
    ChargeResult,
    ChargeState,
    ProviderRefuses,
    ProviderUnavailable,
    WebhookNotice,
)
from services.payments.settings import PaymentSettings

STATUSES = {
    "requires_capture": "authorized",
    "succeeded": "captured",
    "requires_action": "requires_action",
    "processing": "requires_action",
}
"""Payment status by PaymentIntent status; any other is a decline."""

STATUS_BY_EVENT = {
    "payment_intent.amount_capturable_updated": "authorized",
    "payment_intent.payment_failed": "declined",
    "payment_intent.canceled": "declined",
}


class StripeProvider:
    """A charge is a PaymentIntent. The library's own retries are off: one policy serves all providers."""

    name = "stripe"

    def __init__(self, settings: PaymentSettings) -> None:
        addresses: Any = {"api": settings.stripe_api_base} if settings.stripe_api_base else {}
        self._webhook_secret = settings.stripe_webhook_secret
        self._client = stripe.StripeClient(
            settings.stripe_api_key,
            base_addresses=addresses,
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=settings.provider_timeout),
        )

    def authorise(self, charge: Charge, key: str) -> ChargeResult:
        parameters: Any = {
            "amount": charge.amount,
            "currency": charge.currency.lower(),
            "payment_method": charge.token,
            "confirm": True,
            "capture_method": "manual",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {"order_id": charge.order_id, "payment_id": charge.payment_id},
        }
        if charge.email:
            parameters["receipt_email"] = charge.email
        try:
            intent = self._client.v1.payment_intents.create(parameters, {"idempotency_key": key})
        except (stripe.CardError, stripe.InvalidRequestError) as declined:  # the latter: a token that isn't there
            error: dict[str, Any] = (declined.json_body or {}).get("error", {})  # type: ignore[attr-defined]
            code = error.get("decline_code") or declined.code or "card_declined"
            return ChargeResult("declined", error.get("payment_intent", {}).get("id"), code)
        except stripe.StripeError as failed:
            _fail(failed)
        return _answer(intent)

    def capture(self, reference: str, amount: int, currency: str, key: str) -> None:
        try:
            self._client.v1.payment_intents.capture(reference, {"amount_to_capture": amount}, {"idempotency_key": key})
        except stripe.StripeError as failed:
            _fail(failed)

    def void(self, reference: str, key: str) -> None:
        try:
            self._client.v1.payment_intents.cancel(reference, {}, {"idempotency_key": key})
        except stripe.StripeError as failed:
            _fail(failed)

    def refund(self, reference: str, amount: int, currency: str, key: str) -> str:
        try:
            refund = self._client.v1.refunds.create(
                {"payment_intent": reference, "amount": amount}, {"idempotency_key": key}
            )
        except stripe.StripeError as failed:
            _fail(failed)
        return str(refund.id)

    def look_up(self, reference: str) -> ChargeState:
        try:
            intent = self._client.v1.payment_intents.retrieve(reference)
        except stripe.StripeError as failed:
            _fail(failed)
        status = "voided" if intent.status == "canceled" else _answer(intent).status
        return ChargeState(status, intent.amount_received if status == "captured" else 0)

    def read_notice(self, body: bytes, headers: dict[str, str]) -> WebhookNotice | None:
        signature = headers.get("stripe-signature", "")
        if not signature.isascii():  # the library would stumble on it
            raise Unauthenticated("The signature is not Stripe's")
        try:
            event = self._client.construct_event(body, signature, self._webhook_secret)
        except stripe.SignatureVerificationError as forged:
            raise Unauthenticated("The signature is not Stripe's") from forged
        except ValueError as malformed:
            raise ValidationFailed.of("body", "is not a Stripe event") from malformed
        if event.type not in STATUS_BY_EVENT:
            return None
        intent: dict[str, Any] = event.data.object.to_dict()
        error = intent.get("last_payment_error") or {}
        return WebhookNotice(event.id, intent["id"], STATUS_BY_EVENT[event.type], error.get("decline_code"))


def _answer(intent: stripe.PaymentIntent) -> ChargeResult:
    status = STATUSES.get(intent.status, "declined")
    secret = intent.client_secret if status == "requires_action" else None
    return ChargeResult(status, intent.id, None if status != "declined" else intent.status, secret)


def _fail(error: stripe.StripeError) -> NoReturn:
    """Map a Stripe error: unknown outcome, invalid API key, or refusal."""
    if isinstance(error, (stripe.APIConnectionError, stripe.APIError, stripe.RateLimitError)):
        raise ProviderUnavailable() from error
    if isinstance(error, (stripe.AuthenticationError, stripe.PermissionError)):
        raise ProviderUnavailable("The payment provider does not accept our key") from error
    raise ProviderRefuses(error.user_message, [{"provider": "stripe"}]) from error
