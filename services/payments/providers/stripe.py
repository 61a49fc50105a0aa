"""Stripe provider, by the stripe library: PaymentIntents that are confirmed at once, and captured at once or manually.

https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
"""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, NoReturn

import orjson
import stripe

from services.chassis.common.errors import Unauthenticated, ValidationFailed
from services.payments.providers.interface import (
    Charge,
    ChargeResult,
    ChargeState,
    DisputeState,
    ProviderFailed,
    ProviderFee,
    ProviderRefuses,
    ProviderUnavailable,
    WebhookNotice,
)
from services.payments.providers.stripe_amounts import AmountNotSupported, from_stripe, to_stripe
from services.payments.providers.stripe_objects import (
    KIND_BY_EVENT,
    STATUS_BY_EVENT,
    charge_result,
    dispute_state,
    fees_of,
    metadata_of,
    refund_state,
)
from services.payments.settings import PaymentSettings

MAX_EVENTS: Final = 1_000
CLOCK_SKEW: Final = timedelta(minutes=5)
SEARCH_LAG: Final = timedelta(minutes=10)
"""Search finds new objects with a delay, "occasionally" more than a minute: lists are read for the time before."""
_BALANCE_OF_CHARGE: Final = "latest_charge.balance_transaction"
MAX_LISTED: Final = 1_000
"""PaymentIntents that are looked through for one of ours whose id is unknown."""


class StripeProvider:
    """A charge is a PaymentIntent. The library's own retries are off: one policy serves all providers."""

    name = "stripe"

    def __init__(self, settings: PaymentSettings) -> None:
        addresses: Any = {"api": settings.stripe_api_base} if settings.stripe_api_base else {}
        self._webhook_secrets = settings.stripe_webhook_secrets
        self._client = stripe.StripeClient(
            settings.stripe_api_key,
            base_addresses=addresses,
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=settings.provider_timeout),
        )

    def authorise(self, charge: Charge, key: str) -> ChargeResult:
        try:
            amount = to_stripe(charge.amount, charge.currency)
        except AmountNotSupported:
            return ChargeResult("declined", decline_code="amount_not_supported")
        parameters: Any = {
            "amount": amount,
            "currency": charge.currency.lower(),
            "payment_method": charge.token,
            "confirm": True,
            "capture_method": "automatic" if charge.capture else "manual",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {"order_id": charge.order_id, "payment_id": charge.payment_id},
        }
        if charge.capture:
            parameters["expand"] = [_BALANCE_OF_CHARGE]
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
        return replace(charge_result(intent), fees=fees_of(getattr(intent, "latest_charge", None)))

    def capture(self, reference: str, amount: int, currency: str, key: str) -> tuple[ProviderFee, ...]:
        """Capture. The balance transaction, and so the fee, may be known later only:
        https://docs.stripe.com/payments/payment-intents/asynchronous-capture
        """
        parameters: Any = {"amount_to_capture": _to_stripe(amount, currency), "expand": [_BALANCE_OF_CHARGE]}
        try:
            intent = self._client.v1.payment_intents.capture(reference, parameters, {"idempotency_key": key})
        except stripe.StripeError as failed:
            _fail(failed)
        return fees_of(getattr(intent, "latest_charge", None))

    def void(self, reference: str, key: str) -> None:
        try:
            self._client.v1.payment_intents.cancel(reference, {}, {"idempotency_key": key})
        except stripe.StripeError as failed:
            _fail(failed)

    def refund(self, reference: str, amount: int, currency: str, key: str, refund_id: str) -> str:
        parameters: Any = {"payment_intent": reference, "amount": _to_stripe(amount, currency)}
        parameters["metadata"] = {"refund_id": refund_id}
        try:
            refund = self._client.v1.refunds.create(parameters, {"idempotency_key": key})
        except stripe.StripeError as failed:
            _fail(failed)
        return str(refund.id)

    def look_up(self, reference: str, currency: str) -> ChargeState:
        """Retrieve the intent with its last charge; refunds and disputes only where the charge has some."""
        try:
            intent = self._client.v1.payment_intents.retrieve(reference, {"expand": [_BALANCE_OF_CHARGE]})
            charge: Any = getattr(intent, "latest_charge", None)
            refunds: list[Any] = []
            disputes: tuple[DisputeState, ...] = ()
            if charge and not isinstance(charge, str):
                refunds = self._refunds(reference)
                disputes = self._disputes(reference, currency) if charge.disputed else ()
        except stripe.StripeError as failed:
            _fail(failed)
        if intent.status == "canceled":
            return ChargeState("voided")
        answer = charge_result(intent)
        captured = from_stripe(intent.amount_received, currency) if answer.status == "captured" else 0
        refund_states = tuple(refund_state(refund, currency) for refund in refunds)
        fees = tuple(fee for taker in (charge, *refunds) for fee in fees_of(taker))
        return ChargeState(answer.status, captured, refund_states, disputes, answer.decline_code, fees)

    def _refunds(self, reference: str) -> list[Any]:
        query: Any = {"payment_intent": reference, "limit": 100, "expand": ["data.balance_transaction"]}
        return list(self._client.v1.refunds.list(query).auto_paging_iter())

    def _disputes(self, reference: str, currency: str) -> tuple[DisputeState, ...]:
        listed = self._client.v1.disputes.list({"payment_intent": reference, "limit": 100})
        return tuple(dispute_state(dispute, currency) for dispute in listed.auto_paging_iter())

    def find(self, payment_id: str, since: datetime) -> ChargeResult | None:
        """Search by metadata, and look through the newest intents, which the search may not know yet."""
        recent = max(since.timestamp() - CLOCK_SKEW.total_seconds(), time.time() - SEARCH_LAG.total_seconds())
        try:
            query = f"metadata['payment_id']:'{payment_id}'"
            for intent in self._client.v1.payment_intents.search({"query": query, "limit": 1}).data:
                return charge_result(intent)
            listed = self._client.v1.payment_intents.list({"created": {"gte": int(recent)}, "limit": 100})
            for number, intent in enumerate(listed.auto_paging_iter(), 1):
                if metadata_of(intent, "payment_id") == payment_id:
                    return charge_result(intent)
                if number == MAX_LISTED:
                    raise ProviderUnavailable("Too many new payments at Stripe to look through: try again")
        except stripe.StripeError as failed:
            _fail(failed)
        return None

    def read_notice(self, body: bytes, headers: dict[str, str]) -> WebhookNotice | None:
        """Verify with each secret: while a secret is changed, Stripe signs with the old one or the new one."""
        signature = headers.get("stripe-signature", "")
        if not signature.isascii():  # the library would stumble on it
            raise Unauthenticated("The signature is not Stripe's")
        for secret in self._webhook_secrets:
            try:
                self._client.construct_event(body, signature, secret)
            except stripe.SignatureVerificationError:
                continue
            except ValueError as malformed:
                raise ValidationFailed.of("body", "is not a Stripe event") from malformed
            return self.parse_notice(body)
        raise Unauthenticated("The signature is not Stripe's")

    def parse_notice(self, body: bytes) -> WebhookNotice | None:
        try:
            event = orjson.loads(body)
            kind, thing = KIND_BY_EVENT.get(event["type"]), event["data"]["object"]
            reference = thing["id"] if kind == "status" else thing.get("payment_intent")
            message_id, metadata = event["id"], thing.get("metadata") or {}
        except (ValueError, TypeError, KeyError, AttributeError) as malformed:
            raise ValidationFailed.of("body", "is not a Stripe event") from malformed
        if kind is None or not isinstance(reference, str):
            return None
        status = STATUS_BY_EVENT.get(event["type"])
        return WebhookNotice(message_id, reference, kind, status, metadata.get("payment_id"))

    def events(self, since: datetime) -> list[tuple[str, bytes]]:
        parameters: Any = {"types": list(KIND_BY_EVENT), "limit": 100, "created": {"gte": int(since.timestamp())}}
        try:
            newest = islice(self._client.v1.events.list(parameters).auto_paging_iter(), MAX_EVENTS)
            return [(event.id, str(event).encode()) for event in newest]
        except stripe.StripeError as failed:
            _fail(failed)


def _to_stripe(amount: int, currency: str) -> int:
    try:
        return to_stripe(amount, currency)
    except AmountNotSupported as error:
        raise ProviderRefuses(str(error), [{"provider": "stripe"}]) from error


def _fail(error: stripe.StripeError) -> NoReturn:
    """Map a Stripe error: unknown outcome, failed for good under this key, invalid API key, or refusal.

    Stripe stores the reply to a key, a 500 too, and replays it for 24 hours:
    https://docs.stripe.com/api/idempotent_requests
    """
    if isinstance(error, (stripe.APIConnectionError, stripe.APIError, stripe.RateLimitError)):
        headers = {str(name).lower(): value for name, value in dict(error.headers or {}).items()}
        if (error.http_status or 0) >= 500 and headers.get("idempotent-replayed") == "true":
            raise ProviderFailed() from error
        raise ProviderUnavailable() from error
    if isinstance(error, (stripe.AuthenticationError, stripe.PermissionError)):
        raise ProviderUnavailable("The payment provider does not accept our key") from error
    raise ProviderRefuses(error.user_message, [{"provider": "stripe"}]) from error
