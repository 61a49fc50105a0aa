"""The sandbox provider for development and tests; its tokens are those of Stripe's test mode.

https://docs.stripe.com/testing#cards; those that begin with `pm_sandbox_` are ours.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, StringConstraints, ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from services.chassis.common import context
from services.chassis.common.errors import Unauthenticated, ValidationFailed
from services.chassis.common.money import percent_of
from services.payments.providers.bank import BankRefuses, SandboxBank
from services.payments.providers.interface import (
    Charge,
    ChargeResult,
    ChargeState,
    DisputeState,
    ProviderFee,
    ProviderRefuses,
    ProviderUnavailable,
    RefundState,
    WebhookNotice,
)

T = TypeVar("T")

DECLINES = {
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_visa_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
}
NEEDS_ACTION = ("pm_card_authenticationRequired", "pm_card_authenticationRequiredOnSetup")
APPROVED = ("pm_card_visa", "pm_card_mastercard", "pm_sandbox_dispute")
SLOW, TIMES_OUT, FAILS_TWICE = "pm_sandbox_slow", "pm_sandbox_timeout", "pm_sandbox_error"
SLOW_SECONDS = 2.0
SIGNATURE_HEADER = "x-sandbox-signature"
STATUS_BY_WEBHOOK = {"payment.confirmed": "authorized", "payment.declined": "declined"}
"""Payment status by type of a sandbox webhook."""
DISPUTE_AFTER_SECONDS = 5.0
"""How long after its capture a charge of `pm_sandbox_dispute` is disputed."""
DISPUTE_FEE = 1500
EVIDENCE_DAYS = timedelta(days=7)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:\-]{1,200}$")]


class Message(BaseModel):
    """A webhook of the sandbox."""

    id: Name
    type: Name
    charge: Name


class SandboxProvider:
    """Provider on the sandbox's bank."""

    name = "sandbox"

    def __init__(self, bank: SandboxBank, secret: str, timeout: float, fee_basis_points: int = 0) -> None:
        self.bank = bank
        self._fee_basis_points = fee_basis_points
        self._secret = secret.encode()
        self._timeout = timeout

    def authorise(self, charge: Charge, key: str) -> ChargeResult:
        token = charge.token
        if token in DECLINES:
            return ChargeResult("declined", decline_code=DECLINES[token])
        if token in NEEDS_ACTION:
            return self._result("requires_action", self._open(charge, key, "requires_action"))
        if token not in (*APPROVED, SLOW, TIMES_OUT, FAILS_TWICE):
            return ChargeResult("declined", decline_code="no_such_card")
        if token == FAILS_TWICE and self._tries(key) <= 2:
            raise ProviderUnavailable("The sandbox answered 500")
        status = "captured" if charge.capture else "authorized"
        charge_id = self._open(charge, key, status)
        if token == SLOW:
            time.sleep(min(SLOW_SECONDS, self._timeout * 2))
        if token == TIMES_OUT and self._tries(key) == 1:
            time.sleep(self._timeout)
            raise ProviderUnavailable("The sandbox did not answer in time")
        fees = self._fees(charge_id, charge.amount, charge.currency) if charge.capture else ()
        return ChargeResult(status, charge_id, fees=fees)

    def capture(self, reference: str, amount: int, currency: str, key: str) -> tuple[ProviderFee, ...]:
        self._ask(lambda: self.bank.capture(key, reference, amount))
        return self._fees(reference, amount, currency)

    def void(self, reference: str, key: str) -> None:
        self._ask(lambda: self.bank.void(key, reference))

    def refund(self, reference: str, amount: int, currency: str, key: str, refund_id: str) -> str:
        return str(self._ask(lambda: self.bank.refund(key, reference, amount, refund_id))["id"])

    def look_up(self, reference: str, currency: str) -> ChargeState:
        charge = self._ask(lambda: self.bank.read(reference))
        rows = self._ask(lambda: self.bank.refunds(reference))
        refunds = tuple(RefundState(row.id, row.amount, refund_id=row.refund_id) for row in rows)
        decline_code = "authentication_failed" if charge.status == "declined" else None
        fees = self._fees(reference, charge.captured, currency)
        return ChargeState(charge.status, charge.captured, refunds, _disputes(charge), decline_code, fees)

    def find(self, payment_id: str, since: datetime) -> ChargeResult | None:
        charge = self._ask(lambda: self.bank.of_payment(payment_id))
        return self._result(charge.status, charge.id) if charge else None

    def read_notice(self, body: bytes, headers: dict[str, str]) -> WebhookNotice | None:
        """`{"id", "type": "payment.confirmed"|"dispute.opened"|…, "charge"}`, signed with HMAC-SHA256 in hex."""
        if not hmac.compare_digest(self.sign(body).encode(), headers.get(SIGNATURE_HEADER, "").encode()):
            raise Unauthenticated("The signature is not the sandbox's")
        return self.parse_notice(body)

    def parse_notice(self, body: bytes) -> WebhookNotice | None:
        """A message; what it reports happens at the bank now, unless it has happened: so tests make things happen."""
        try:
            message = Message.model_validate_json(body)
        except ValidationError as malformed:
            raise ValidationFailed.of("body", "must have id, type and charge") from malformed
        kind = message.type.partition(".")[0]
        match message.type:
            case "payment.confirmed" | "payment.declined":
                status = STATUS_BY_WEBHOOK[message.type]
                self._ask(lambda: self.bank.settle(message.charge, status))
                return WebhookNotice(message.id, message.charge, "status", status)
            case "dispute.opened":
                self._ask(lambda: self.bank.dispute(message.charge))
            case "dispute.won" | "dispute.lost":
                outcome = message.type.removeprefix("dispute.")
                self._ask(lambda: self.bank.close_dispute(message.charge, outcome))
            case "refund.created":
                """A refund made at the bank."""
            case _:
                return None
        return WebhookNotice(message.id, message.charge, kind)

    def events(self, since: datetime) -> list[tuple[str, bytes]]:
        self._ask(lambda: self.bank.open_due_disputes(DISPUTE_AFTER_SECONDS))
        rows = self._ask(lambda: self.bank.changes(since))
        return [
            (row.id, Message(id=row.id, type=row.kind, charge=row.charge).model_dump_json().encode()) for row in rows
        ]

    def sign(self, body: bytes) -> str:
        """The signature of a sandbox webhook."""
        return hmac.new(self._secret, body, hashlib.sha256).hexdigest()

    def _result(self, status: str, charge_id: str) -> ChargeResult:
        secret = f"{charge_id}_secret_{self._mark(charge_id)}" if status == "requires_action" else None
        return ChargeResult(status, charge_id, client_secret=secret)

    def _fees(self, reference: str, captured: int, currency: str) -> tuple[ProviderFee, ...]:
        """The fee of a captured charge: a percentage, the same at each look."""
        fee = percent_of(captured, self._fee_basis_points)
        return (ProviderFee(f"sbxt_{reference.removeprefix('sbx_')}", fee, currency),) if fee else ()

    def _mark(self, charge_id: str) -> str:
        return hmac.new(self._secret, charge_id.encode(), hashlib.sha256).hexdigest()[:24]

    def _open(self, charge: Charge, key: str, status: str) -> str:
        """Open a charge in this status; its id."""
        opened = self._ask(
            lambda: self.bank.charge(key, charge.amount, charge.currency, charge.token, status, charge.payment_id)
        )
        return str(opened["id"])

    def _tries(self, key: str) -> int:
        return self._ask(lambda: self.bank.tries(key))

    def _ask(self, request: Callable[[], T]) -> T:
        """Carry out a request at the bank, in the time that a call to a provider may take.

        Raises `ProviderRefuses`, and `ProviderUnavailable` when the bank does not answer.
        """
        try:
            with context.within(self._timeout):
                return request()
        except BankRefuses as error:
            raise ProviderRefuses(str(error)) from error
        except (OperationalError, InterfaceError, PoolExhausted) as away:
            raise ProviderUnavailable from away


def _disputes(charge: Any) -> tuple[DisputeState, ...]:
    if charge.dispute_status is None:
        return ()
    won = charge.dispute_status == "won"
    return (
        DisputeState(
            f"sbxd_{charge.id.removeprefix('sbx_')}",
            charge.dispute_amount,
            "fraudulent",
            charge.dispute_status,
            not won,
            0 if won else charge.dispute_amount,
            0 if won else DISPUTE_FEE,
            charge.disputed_at + EVIDENCE_DAYS,
        ),
    )
