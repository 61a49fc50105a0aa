"""Payments: authorisations, captures, refunds, webhooks."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo

from schemas.base import MAX_AMOUNT, Currency, Email, Id, Idempotency, Moment, Money, Price, Request, Schema, ShortText
from schemas.caller import Caller

PaymentStatus = Literal[
    "requires_action", "authorized", "captured", "partially_refunded", "refunded", "declined", "voided"
]
Provider = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""Name of a payment provider: `sandbox`, `stripe`."""
PaymentToken = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_\-.]+$"),
    Field(examples=["pm_card_visa"]),
]
"""The provider's token of a card. Card numbers are never sent to this API."""


class PaymentMethodRequest(Request):
    """The payment method of an order."""

    provider: Provider
    token: PaymentToken


def _within_amount(part: int, others: ValidationInfo) -> int:
    if others.data.get("tax", 0) + part > others.data.get("amount", MAX_AMOUNT):
        raise ValueError("is a part of amount: tax and shipping together must not exceed it")
    return part


def _goods_within_amount(goods: dict[str, int], others: ValidationInfo) -> dict[str, int]:
    parts = others.data.get("tax", 0) + others.data.get("shipping", 0)
    if parts + sum(goods.values()) > others.data.get("amount", MAX_AMOUNT):
        raise ValueError("are parts of amount: with tax and shipping they must not exceed it")
    return goods


GoodsByVendor = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=100)], Annotated[int, Field(ge=0)]],
    AfterValidator(_goods_within_amount),
]
"""Goods of vendors' lines in minor units, without tax and less their discount, by vendor id."""


class Authorise(Request):
    """Authorise `amount` (minor units). Idempotent under `payment_id`, which the order chooses for each attempt."""

    payment_id: Id
    order_id: Id
    amount: Annotated[int, Field(ge=0)]
    currency: Currency
    provider: Provider
    token: PaymentToken
    email: Email
    customer_id: str | None = None
    tax: Annotated[int, Field(ge=0), AfterValidator(_within_amount)] = 0
    """The part of `amount` that is tax, for the ledger."""
    shipping: Annotated[int, Field(ge=0), AfterValidator(_within_amount)] = 0
    """The part of `amount` that is shipping, for the ledger; the rest is for goods."""
    vendors: GoodsByVendor = Field(default_factory=dict)
    """The parts of the goods that vendors have sold; the rest is the shop's own."""
    capture: bool = False
    """Whether the amount is captured at once, in the same call to the provider; not where the customer must confirm
    the payment first and the provider then only authorises it.
    """


class Authorisation(Schema):
    """The outcome of an authorisation. A decline is an outcome, not an error. `captured`: it was captured at once."""

    id: str
    status: PaymentStatus
    decline_code: str | None = None
    client_secret: str | None = None
    """For `requires_action`: the secret with which the customer's page confirms the payment."""
    captured: int = 0
    """The captured amount in minor units."""
    refunded: int = 0
    """The amount of all refunds in minor units, without those that came back."""


class CaptureRequest(Request):
    """Capture an authorised payment: the whole amount, or a part."""

    amount: Price | None = None


class Capture(Request):
    """Capture an order's payment (services only)."""

    payment_id: str


class AvailableMethod(Schema):
    """A way to pay in this shop."""

    provider: Provider
    title: str
    currencies: list[Currency]


class CapturePayment(CaptureRequest):
    """Capture a payment by hand."""

    payment_id: str
    caller: Caller
    idempotency: Idempotency | None = None


class Reverse(Request):
    """Undo a payment of an order (services only); `amount` in minor units is that of the order."""

    payment_id: Id
    order_id: Id
    amount: Annotated[int, Field(ge=0)]
    currency: Currency
    provider: Provider
    reason: ShortText


class RefundedParts(Request):
    """The parts of a refund of lines, in minor units; the rest is for goods."""

    tax: Annotated[int, Field(ge=0)]
    shipping: Annotated[int, Field(ge=0)]
    vendors: GoodsByVendor = Field(default_factory=dict)


def _parts_within_amount(parts: RefundedParts | None, others: ValidationInfo) -> RefundedParts | None:
    amount = others.data.get("amount", MAX_AMOUNT)
    if parts is not None and parts.tax + parts.shipping + sum(parts.vendors.values()) > amount:
        raise ValueError("tax, shipping and vendors' goods are parts of amount: together they must not exceed it")
    return parts


class RefundOrder(Request):
    """Refund `amount` (minor units) of an order's payment, or what is left if that is less (services only).

    Idempotent under `refund_id`.
    """

    payment_id: Id
    refund_id: Id
    amount: Annotated[int, Field(gt=0, le=MAX_AMOUNT)]
    reason: ShortText | None = None
    parts: Annotated[RefundedParts | None, AfterValidator(_parts_within_amount)] = None
    """The parts of `amount`, for the ledger; in proportion to what is left if they are not given."""


class PaymentState(Schema):
    """State of a payment: status, and the captured and refunded amounts in minor units."""

    id: str
    status: PaymentStatus
    captured: int = 0
    refunded: int = 0


class RefundRequest(Request):
    """Refund the remaining amount or a part of it."""

    amount: Price | None = None
    reason: ShortText | None = None


class RefundPayment(RefundRequest):
    """Refund a payment. Idempotent under `refund_id` where one is given."""

    payment_id: str
    refund_id: Id | None = None
    caller: Caller
    idempotency: Idempotency | None = None


class Refund(Schema):
    """A refund of a payment."""

    id: str
    amount: Money
    reason: str | None = None
    status: Literal["pending", "succeeded", "failed"]
    created_at: Moment


class Dispute(Schema):
    """A dispute of a payment by the customer's bank. An `inquiry` has not withdrawn anything yet."""

    id: str
    amount: Money
    reason: str
    status: Literal["inquiry", "needs_response", "under_review", "won", "lost"]
    evidence_due_at: Moment | None = None
    opened_at: Moment
    closed_at: Moment | None = None


class Payment(Schema):
    """A payment of an order, with its captures, refunds and disputes."""

    id: str
    order_id: str
    provider: str
    status: PaymentStatus
    amount: Money
    captured: Money
    refunded: Money
    decline_code: str | None = None
    refunds: list[Refund] = Field(default_factory=list)
    disputes: list[Dispute] = Field(default_factory=list)
    created_at: Moment
    updated_at: Moment


class Webhook(Request):
    """A provider's webhook as received: the signature covers these bytes."""

    provider: str
    body: str
    """Base64 of the request's body."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Lower-case names; only headers that may carry a signature."""


class WebhookReply(Schema):
    """The acknowledgement of a webhook; `duplicate` when it was received before and changed nothing."""

    received: Literal[True] = True
    duplicate: bool = False
    details: dict[str, Any] | None = None
