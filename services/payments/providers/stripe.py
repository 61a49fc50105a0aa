"""Stripe, by its own library: PaymentIntents that are confirmed at once and captured by us.

https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
"""

from typing import Any, NoReturn

from services.chassis.errors import InvalidState, Unauthenticated, ValidationFailed
from services.payments.providers.interface import Answer, Charge, Notice, ProviderUnavailable
from services.payments.settings import PaymentSettings

STATUSES = {
    "requires_capture": "authorized",
    "succeeded": "captured",
    "requires_action": "requires_action",
    "processing": "requires_action",
}
"""A PaymentIntent's status as ours; any other is a decline."""

NOTICES = {
    "payment_intent.amount_capturable_updated": "authorized",
    "payment_intent.payment_failed": "declined",
    "payment_intent.canceled": "declined",
}


class StripeProvider:
    """The library is loaded on first use: it is large, and a shop on the sandbox never needs it."""

    name = "stripe"

    def __init__(self, settings: PaymentSettings) -> None:
        import stripe

        self._stripe = stripe
        addresses: Any = {"api": settings.stripe_api_base} if settings.stripe_api_base else {}
        self._webhook_secret = settings.stripe_webhook_secret
        self._client = stripe.StripeClient(
            settings.stripe_api_key,
            base_addresses=addresses,
            max_network_retries=0,  # ours are the retries: one policy for all providers
            http_client=stripe.RequestsClient(timeout=settings.provider_timeout),
        )

    def authorise(self, charge: Charge, key: str) -> Answer:
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
        except self._stripe.CardError as declined:
            return Answer("declined", _intent_id(declined), _decline_code(declined) or "card_declined")
        except self._stripe.StripeError as failed:
            self._fail(failed)
        return self._answer(intent)

    def capture(self, reference: str, amount: int, currency: str, key: str) -> None:
        try:
            self._client.v1.payment_intents.capture(reference, {"amount_to_capture": amount}, {"idempotency_key": key})
        except self._stripe.StripeError as failed:
            self._fail(failed)

    def void(self, reference: str, key: str) -> None:
        try:
            self._client.v1.payment_intents.cancel(reference, {}, {"idempotency_key": key})
        except self._stripe.StripeError as failed:
            self._fail(failed)

    def refund(self, reference: str, amount: int, currency: str, key: str) -> str:
        try:
            refund = self._client.v1.refunds.create(
                {"payment_intent": reference, "amount": amount}, {"idempotency_key": key}
            )
        except self._stripe.StripeError as failed:
            self._fail(failed)
        return str(refund.id)

    def read_notice(self, body: bytes, headers: dict[str, str]) -> Notice | None:
        try:
            event = self._client.construct_event(body, headers.get("stripe-signature", ""), self._webhook_secret)
        except self._stripe.SignatureVerificationError as forged:
            raise Unauthenticated("The signature is not Stripe's") from forged
        except ValueError as malformed:
            raise ValidationFailed.of("body", "is not a Stripe event") from malformed
        if event.type not in NOTICES:
            return None
        intent = event.data.object
        error = intent.get("last_payment_error") or {}
        return Notice(event.id, intent["id"], NOTICES[event.type], error.get("decline_code"))

    def _answer(self, intent: Any) -> Answer:
        status = STATUSES.get(intent.status, "declined")
        secret = intent.client_secret if status == "requires_action" else None
        return Answer(status, intent.id, None if status != "declined" else intent.status, secret)

    def _fail(self, error: Any) -> NoReturn:
        """Whether it was done is unknown, or it can't be done, or we asked wrongly: each says so."""
        unknown = (self._stripe.APIConnectionError, self._stripe.APIError, self._stripe.RateLimitError)
        if isinstance(error, unknown) and not isinstance(error, self._stripe.InvalidRequestError):
            raise ProviderUnavailable() from error
        if isinstance(error, self._stripe.AuthenticationError):
            raise ProviderUnavailable("The payment provider does not accept our key") from error
        raise InvalidState(error.user_message or "The payment provider refused", [{"provider": "stripe"}]) from error


def _decline_code(error: Any) -> str | None:
    return (error.json_body or {}).get("error", {}).get("decline_code") or error.code


def _intent_id(error: Any) -> str | None:
    intent = (error.json_body or {}).get("error", {}).get("payment_intent", {})
    return intent.get("id")
