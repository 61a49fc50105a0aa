"""Money that is promised, taken and given back."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.base import Caller, Currency, Email, Id, Idempotency, Moment, Money, Price, Request, Schema, ShortText

PaymentStatus = Literal[
    "requires_action", "authorized", "captured", "partially_refunded", "refunded", "declined", "voided"
]
Provider = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""Who moves the money: `sandbox`, `stripe`."""
PaymentToken = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_\-.]+$"),
    Field(examples=["pm_card_visa"]),
]
"""What the provider calls the card. Card numbers themselves never come here."""


class PaymentMethodRequest(Request):
    """How an order is paid."""

    provider: Provider
    token: PaymentToken


class Authorise(Request):
    """Promise `amount` (minor units). Idempotent under `payment_id`, which the order chooses for each attempt."""

    payment_id: Id
    order_id: Id
    amount: Annotated[int, Field(ge=0)]
    currency: Currency
    provider: Provider
    token: PaymentToken
    email: Email
    customer_id: str | None = None


class Authorisation(Schema):
    """A provider's answer. A decline is an answer, not an error."""

    id: str
    status: PaymentStatus
    decline_code: str | None = None
    client_secret: str | None = None
    """For `requires_action`: what the customer's page needs to go on."""


class CaptureRequest(Request):
    """Take what was promised: the whole of it, or a part."""

    amount: Price | None = None


class Capture(CaptureRequest):
    """The command behind it."""

    payment_id: str
    caller: Caller | None = None
    idempotency: Idempotency | None = None


class RefundRequest(Request):
    """Give back: all that is left, or a part."""

    amount: Price | None = None
    reason: ShortText | None = None


class RefundPayment(RefundRequest):
    """The command behind it. Idempotent under `refund_id` where one is given."""

    payment_id: str
    refund_id: Id | None = None
    caller: Caller | None = None
    idempotency: Idempotency | None = None


class Refund(Schema):
    """Money that was given back."""

    id: str
    amount: Money
    reason: str | None = None
    status: Literal["pending", "succeeded", "failed"]
    created_at: Moment


class Payment(Schema):
    """One attempt to pay one order, and what became of it."""

    id: str
    order_id: str
    provider: str
    status: PaymentStatus
    amount: Money
    captured: Money
    refunded: Money
    decline_code: str | None = None
    refunds: list[Refund] = Field(default_factory=list)
    created_at: Moment
    updated_at: Moment


class Webhook(Request):
    """A provider's message as it came: its signature covers these very bytes."""

    provider: str
    body: str
    """Base64 of the request's body."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Lower-case names; only those that a signature can be in."""


class WebhookReply(Schema):
    """Taken. A message that came before says so and changes nothing."""

    received: Literal[True] = True
    duplicate: bool = False
    details: dict[str, Any] | None = None
