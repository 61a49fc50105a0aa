"""RPC interface of the payments service."""

from typing import Protocol

from schemas.api.ledger import AccountsQuery, EntriesQuery, LedgerAccount, LedgerLine
from schemas.api.payments import (
    Authorisation,
    Authorise,
    AvailableMethod,
    Capture,
    CapturePayment,
    Payment,
    PaymentState,
    RefundOrder,
    RefundPayment,
    Reverse,
    Webhook,
    WebhookReply,
)
from schemas.base import Page
from schemas.caller import Caller


class PaymentsRpc(Protocol):
    """Payments: authorise, capture, refund, void; provider webhooks. Amounts in minor units."""

    def authorise(self, command: Authorise) -> Authorisation:
        """Authorise the amount of an order. A decline is a reply, not an error.

        Idempotent under `payment_id`. Raises `ServiceUnavailable` when the provider's answer isn't known (retry),
        `ValidationFailed` for a provider that this shop doesn't have.
        """
        ...

    def available_methods(self, caller: Caller) -> list[AvailableMethod]:
        """List what the caller can pay with: the providers of this shop that no flag switches off."""
        ...

    def status_of(self, payment_id: str, refresh: bool = False) -> Authorisation:
        """Get the status of a payment. Raises `NotFound`.

        `refresh`: look a payment whose outcome is unknown up at the provider before, at most once per 3 s.
        """
        ...

    def capture(self, command: Capture) -> PaymentState:
        """Capture the whole of an order's authorised payment. Idempotent. Raises `InvalidState`, `NotFound`.

        When a person has captured a part, `InvalidState` has the details `reason` (`captured_in_part`), `captured`,
        `amount`.
        """
        ...

    def capture_payment(self, command: CapturePayment) -> Payment:
        """Capture an authorised payment, or a part of it, by hand.

        A captured payment is replied as it is. Raises `InvalidState` when nothing is authorised, `ValidationFailed` on
        `amount`, `NotFound`.
        """
        ...

    def refund(self, command: RefundPayment) -> Payment:
        """Refund a captured payment, or a part of it. Idempotent under `command.idempotency` or `refund_id`.

        Raises `InvalidState` when nothing is left to refund, `ValidationFailed` on `amount`, `NotFound`.
        """
        ...

    def refund_order(self, command: RefundOrder) -> PaymentState:
        """Refund an amount of an order's payment, or what is left if that is less. Idempotent under `refund_id`.

        Raises `InvalidState` when the provider refuses for good, as `reverse` does; `NotFound`.
        """
        ...

    def reverse(self, command: Reverse) -> PaymentState:
        """Undo a payment of an order: void what is authorised, refund what is captured, block what was never made.

        Idempotent, and final: a later authorisation under the same id is voided. Raises `InvalidState` when the
        provider refuses for good, with the details `reason` (`disputed`, `refused`) and `message`: a person decides.
        """
        ...

    def get(self, payment_id: str, caller: Caller) -> Payment:
        """Get a payment of an own order; an administrator any. Raises `NotFound`."""
        ...

    def webhook(self, command: Webhook) -> WebhookReply:
        """Process a provider's webhook. A repeated message changes nothing.

        Raises `NotFound` for an unknown provider or charge, `Forbidden` for a wrong signature.
        """
        ...

    def ledger_accounts(self, query: AccountsQuery, caller: Caller) -> Page[LedgerAccount]:
        """List the ledger's accounts by currency with their sums: a trial balance."""
        ...

    def ledger_entries(self, query: EntriesQuery, caller: Caller) -> Page[LedgerLine]:
        """List the ledger's postings, the newest first."""
        ...
