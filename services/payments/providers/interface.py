"""Interface of payment providers. Every request carries a key: sent twice, it is carried out once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.chassis.common.errors import InvalidState, ServiceUnavailable


class ProviderUnavailable(ServiceUnavailable):
    """The provider failed or timed out: the outcome is unknown, retry with the same key."""

    default_message = "The payment provider does not answer"


class ProviderFailed(ProviderUnavailable):
    """The provider has failed for good under this key and repeats the failure for it: only its books tell whether
    anything was done. If nothing was, a new key may be used.
    """


class ProviderRefuses(InvalidState):
    """The provider refused the request permanently: nothing was done."""

    default_message = "The payment provider refused"


@dataclass(frozen=True)
class Charge:
    """A charge to authorise. `amount` in minor units; `token` is the provider's name of the card."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    token: str
    email: str | None = None
    capture: bool = False
    """Whether to capture it at once."""


@dataclass(frozen=True)
class ChargeResult:
    """The outcome of a charge: `authorized`, `captured`, `requires_action` or `declined`."""

    status: str
    reference: str | None = None
    decline_code: str | None = None
    client_secret: str | None = None
    fees: tuple["ProviderFee", ...] = ()
    """The fees of a captured charge that are known at once."""


@dataclass(frozen=True)
class WebhookNotice:
    """The subject of a webhook: the `status` of a charge, a `refund` or a `dispute` of it."""

    message_id: str
    reference: str
    kind: str
    status: str | None = None
    """For a status: what the charge has become."""
    payment_id: str | None = None
    """Our id of the payment, where the message has it."""


@dataclass(frozen=True)
class RefundState:
    """A refund in the provider's books: `succeeded` (or on its way) or `failed`."""

    reference: str
    amount: int
    status: str = "succeeded"
    refund_id: str | None = None
    """Our id of the refund; None when it was made at the provider."""


@dataclass(frozen=True)
class DisputeState:
    """A dispute in the provider's books."""

    reference: str
    amount: int
    reason: str
    status: str
    """As of `domain.Dispute`."""
    blocks_refunds: bool
    withdrawn: int
    """Withdrawn and not given back."""
    fee: int
    evidence_due_at: datetime | None = None


@dataclass(frozen=True)
class ProviderFee:
    """A fee that the provider has taken from its balance for a charge or refund: in minor units of the balance's
    currency; negative when it was returned.
    """

    reference: str
    """The provider's id of the balance transaction."""
    amount: int
    currency: str


@dataclass(frozen=True)
class ChargeState:
    """A charge in the provider's books: a `ChargeResult`'s status or `voided`; captured, refunded, disputed."""

    status: str
    captured: int = 0
    refunds: tuple[RefundState, ...] = ()
    disputes: tuple[DisputeState, ...] = ()
    decline_code: str | None = None
    fees: tuple[ProviderFee, ...] = ()
    """Fees that are known so far, without those of disputes."""

    @property
    def refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds if refund.status == "succeeded")

    @property
    def disputed(self) -> bool:
        """Whether refunds are refused because the customer's bank disputes the charge, or has won it back."""
        return any(dispute.blocks_refunds for dispute in self.disputes)


class Provider(Protocol):
    """A payment provider. Raises `ProviderUnavailable` for an unknown outcome, `ProviderRefuses`; a decline is a
    result.
    """

    name: str

    def authorise(self, charge: Charge, key: str) -> ChargeResult:
        """Authorise the amount, to be captured later or, as the charge says, at once."""

    def capture(self, reference: str, amount: int, currency: str, key: str) -> tuple[ProviderFee, ...]:
        """Capture the authorised amount, or a part of it; returns the fees that are known at once."""

    def void(self, reference: str, key: str) -> None:
        """Void the authorisation. Idempotent."""

    def refund(self, reference: str, amount: int, currency: str, key: str, refund_id: str) -> str:
        """Refund; returns the provider's id of the refund. `refund_id` is ours, for the provider's books."""

    def look_up(self, reference: str, currency: str) -> ChargeState:
        """The charge in the provider's books."""

    def find(self, payment_id: str, since: datetime) -> ChargeResult | None:
        """Find the charge of a payment, requested after `since`, whose reference we never got; None: there is none."""

    def read_notice(self, body: bytes, headers: dict[str, str]) -> WebhookNotice | None:
        """Verify a webhook's signature and parse it; None for an irrelevant message.

        Raises `Unauthenticated` for a signature that isn't the provider's, `ValidationFailed` for a malformed body.
        """

    def parse_notice(self, body: bytes) -> WebhookNotice | None:
        """Parse a message that was verified when it came. Raises `ValidationFailed`."""

    def events(self, since: datetime) -> list[tuple[str, bytes]]:
        """The messages (id, body) of the provider's own list of events, each as a webhook would bring it."""
