"""Rules of a payment. The statuses are the public ones, and `processing` while the outcome is unknown."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from schemas.base import Idempotency
from services.chassis.common.errors import IdempotencyKeyReused, InvalidState, NotFound, ValidationFailed
from services.payments.domain.shares import Shares
from services.payments.domain.vendor_shares import VendorShares

PROCESSING: Final = "processing"
OPEN_STATUSES: Final = (PROCESSING, "requires_action")
"""The outcome is not known yet: the provider's books decide."""
VOIDABLE_STATUSES: Final = ("authorized", "requires_action")
CAPTURED_STATUSES: Final = ("captured", "partially_refunded")


@dataclass(frozen=True)
class Payment:
    """A payment of an order. Amounts in minor units."""

    id: str
    order_id: str
    customer_id: str | None
    provider: str
    status: str
    amount: int
    currency: str
    captured: int = 0
    refunded: int = 0
    tax: int = 0
    """The part of `amount` that is tax; likewise shipping; the rest is for goods."""
    shipping: int = 0
    captured_tax: int = 0
    captured_shipping: int = 0
    refunded_tax: int = 0
    refunded_shipping: int = 0
    vendors: VendorShares = field(default_factory=dict)
    """Vendors' shares of the goods in `amount`; of `captured`; of `refunded`."""
    captured_vendors: VendorShares = field(default_factory=dict)
    refunded_vendors: VendorShares = field(default_factory=dict)
    token: str | None = None
    email: str | None = None
    reference: str | None = None
    """The provider's id of the charge."""
    decline_code: str | None = None
    client_secret: str | None = None

    @property
    def shares(self) -> Shares:
        return Shares(self.amount - self.tax - self.shipping, self.tax, self.shipping)

    @property
    def captured_shares(self) -> Shares:
        goods = self.captured - self.captured_tax - self.captured_shipping
        return Shares(goods, self.captured_tax, self.captured_shipping)

    @property
    def refunded_shares(self) -> Shares:
        goods = self.refunded - self.refunded_tax - self.refunded_shipping
        return Shares(goods, self.refunded_tax, self.refunded_shipping)

    @property
    def refundable(self) -> int:
        return self.captured - self.refunded


@dataclass(frozen=True)
class RefundParts:
    """The parts of a requested refund that the order knows by its lines, in minor units; the rest is for goods."""

    tax: int
    shipping: int
    vendors: Mapping[str, int] = field(default_factory=dict)
    """Goods by vendor id, of vendors' lines."""


@dataclass(frozen=True)
class Refund:
    """A refund: `pending` from before the provider is called, then `succeeded` or `failed`."""

    id: str
    payment_id: str
    amount: int
    reason: str | None
    status: str
    requested: int | None = None
    """The requested amount; None: what was left."""
    origin: str = "person"
    """`person`, `order` (lines cancelled), `reversal`, or `provider`: made in the provider's own dashboard."""
    reference: str | None = None
    """The provider's id of the refund."""
    tax: int = 0
    """The part of `amount` that is tax; likewise shipping; the rest is for goods. Known once it has succeeded."""
    shipping: int = 0
    vendors: VendorShares = field(default_factory=dict)
    """Vendors' shares of the goods; known once it has succeeded."""
    parts: RefundParts | None = None
    """The parts of the requested amount; None: in proportion to what is left."""

    @property
    def shares(self) -> Shares:
        return Shares(self.amount - self.tax - self.shipping, self.tax, self.shipping)

    @property
    def requested_shares(self) -> Shares | None:
        """The requested shares, of an amount that may be more than what was left."""
        if self.parts is None:
            return None
        requested = self.amount if self.requested is None else self.requested
        return Shares(requested - self.parts.tax - self.parts.shipping, self.parts.tax, self.parts.shipping)

    @property
    def is_kept_when_refused(self) -> bool:
        """Whether a refusal is recorded as a failed refund: a person's is, the order's own are attempted anew."""
        return self.origin == "person"


@dataclass(frozen=True)
class Attempt:
    """One operation at the provider, written down before the provider is called: pending, then done or refused.

    `key` is the idempotency key; a key that is known to have failed is replaced by the next number's.
    """

    key: str
    payment_id: str
    kind: str
    """`authorise`, `capture`, `void`, `refund`."""
    number: int
    amount: int
    refund_id: str | None
    started_at: datetime


def amount_to_capture(payment: Payment, requested: int | None) -> int:
    """The amount to capture: all, or a part; 0 for an order that costs nothing.

    Raises `InvalidState` for a payment that promises nothing (any more).
    """
    if payment.status != "authorized":
        raise InvalidState(f"A payment that is {payment.status} can't be captured", [{"status": payment.status}])
    amount = payment.amount if requested is None else requested
    if not min(1, payment.amount) <= amount <= payment.amount:
        raise ValidationFailed.of("amount", f"must be between 1 and {payment.amount}")
    return amount


def amount_to_refund(payment: Payment, requested: int | None) -> int:
    """The amount to refund: all that is left, or a part of it."""
    if payment.status not in CAPTURED_STATUSES:
        raise InvalidState(f"A payment that is {payment.status} can't be refunded", [{"status": payment.status}])
    amount = payment.refundable if requested is None else requested
    if not 0 < amount <= payment.refundable:
        raise ValidationFailed.of("amount", f"must be between 1 and {payment.refundable}, what is left of it")
    return amount


def amount_left_to_refund(payment: Payment, wanted: int | None) -> int:
    """The amount to refund for an order: `wanted` (None: all), or what is left if that is less; 0: nothing is left.

    Raises `InvalidState` for a payment that may yet be captured.
    """
    if payment.status in (*OPEN_STATUSES, "authorized"):
        raise InvalidState(f"A payment that is {payment.status} can't be refunded", [{"status": payment.status}])
    return payment.refundable if wanted is None else min(wanted, payment.refundable)


def check_captured_whole(payment: Payment) -> None:
    """Raises `InvalidState` when a person has captured a part only: the order is not paid."""
    if payment.captured < payment.amount:
        raise InvalidState(
            "Only a part of the payment was captured",
            [{"reason": "captured_in_part", "captured": payment.captured, "amount": payment.amount}],
        )


def status_after_refund(captured: int, refunded: int) -> str:
    return "refunded" if refunded >= captured else "partially_refunded"


def status_after_failed_refund(refunded: int) -> str:
    """The status when a refund has come back and `refunded` is left of them."""
    return "partially_refunded" if refunded else "captured"


def check_currency(payment: Payment, currency: str | None) -> None:
    """Raises `ValidationFailed` for an amount in another currency than the payment's."""
    if currency is not None and currency != payment.currency:
        raise ValidationFailed.of("amount.currency", f"must be {payment.currency}")


def check_owner(payment: Payment, user_id: str | None, may_read_any: bool) -> None:
    """Raises `NotFound` unless the payment is the caller's own."""
    if not may_read_any and (user_id is None or payment.customer_id != user_id):
        raise NotFound("There is no such payment")


def check_same_payment(stored: Payment, requested: Payment) -> None:
    """Raises `IdempotencyKeyReused` when a payment's id was used with another order, amount or provider."""
    if (stored.order_id, stored.amount, stored.currency, stored.provider) != (
        requested.order_id,
        requested.amount,
        requested.currency,
        requested.provider,
    ):
        raise IdempotencyKeyReused("This payment was requested with other values")


def check_same_refund(stored: Refund, payment_id: str, amount: int | None) -> None:
    """Raises `IdempotencyKeyReused` when a refund's id was used with another payment or amount.

    No amount is another request than that of an amount, even if what was left is the same.
    """
    if stored.payment_id != payment_id or amount != stored.requested:
        raise IdempotencyKeyReused("This refund was requested with other values")


def refund_id_of(key: Idempotency | None, refund_id: str | None) -> str:
    """The refund's id: the caller's own, or derived from its idempotency key."""
    if refund_id is not None:
        return refund_id
    if key is None:
        raise ValidationFailed.of("refund_id", "is needed when there is no Idempotency-Key")
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{key.owner}:{key.key}"))


def provider_refund_id(payment_id: str, reference: str) -> str:
    """The id of a refund that was made at the provider: the same whenever it is found."""
    return str(uuid.uuid5(uuid.UUID(payment_id), f"provider:{reference}"))


def attempt_key(base: str, number: int) -> str:
    """The idempotency key of the operation's nth attempt."""
    return base if number == 1 else f"{base}#{number}"


def next_key(key: str, number: int) -> str:
    """The key of the attempt with this number, after one with `key`."""
    return attempt_key(key.partition("#")[0], number)
