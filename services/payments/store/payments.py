"""Queries on payments: insert, claim, change, read."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import new_id
from services.chassis.common.money import json as money
from services.chassis.stores.postgres import PostgresStore, Session
from services.payments.domain import OPEN_STATUSES, PROCESSING, Attempt, Payment
from services.payments.models import attempts, disputes, payments, refunds
from services.payments.store.claims import Claimed, ClaimLost

_FIELDS = tuple(Payment.__dataclass_fields__)
_CHANGING = (
    *("captured_vendors", "refunded_vendors"),
    *("status", "captured", "captured_tax", "captured_shipping", "refunded", "refunded_tax", "refunded_shipping"),
    *("token", "reference", "decline_code", "client_secret"),
)
"""Columns of a payment that may change after its creation."""
_ATTEMPT = tuple(Attempt.__dataclass_fields__)

_COLUMNS = [payments.c[name] for name in _FIELDS]
_THIS_PAYMENT = payments.c.id == bindparam("of_id")
_UNTIL = func.now() + bindparam("seconds") * text("interval '1 second'")
_FREE = or_(payments.c.claim.is_(None), payments.c.claimed_until < func.now())
_PENDING_ATTEMPT = (
    select(func.jsonb_build_array(*(attempts.c[name] for name in _ATTEMPT)))
    .where(attempts.c.payment_id == payments.c.id, attempts.c.status == "pending")
    .correlate(payments)
    .scalar_subquery()
)

_INSERT = pg_insert(payments).on_conflict_do_nothing()
_INSERTED = _INSERT.values(
    {name: bindparam(name) for name in ("id", "order_id", "customer_id", "provider", "status", "amount", "currency")}
    | {name: bindparam(name) for name in ("tax", "shipping", "vendors", "token", "email", "claim")}
    | {"claimed_until": _UNTIL}
).returning(payments.c.id, payments.c.amount)
_BEGUN = _INSERTED.cte("begun")
_BEGIN = (
    pg_insert(attempts)
    .from_select(
        ["key", "payment_id", "kind", "number", "amount"],
        select(bindparam("id", unique=False), _BEGUN.c.id, text("'authorise'"), text("1"), _BEGUN.c.amount),
    )
    .add_cte(_BEGUN)
    .returning(*(attempts.c[name] for name in _ATTEMPT))
)
_READ = select(*_COLUMNS).where(_THIS_PAYMENT)
_CLAIM = (
    update(payments)
    .where(_THIS_PAYMENT, _FREE)
    .values(claim=bindparam("token_"), claimed_until=_UNTIL)
    .returning(*_COLUMNS, _PENDING_ATTEMPT.label("pending"))
)
_MINE = and_(_THIS_PAYMENT, payments.c.claim == bindparam("token_"))
_EXTEND = update(payments).where(_MINE).values(claimed_until=_UNTIL)
_RELEASE = update(payments).where(_MINE).values(claim=None, claimed_until=None)
_CHANGED: dict[str, Any] = {"updated_at": func.now()} | {name: bindparam(name) for name in _CHANGING}
CHANGE = update(payments).where(_MINE).values(**_CHANGED)
CHANGE_LAST = CHANGE.values(claim=None, claimed_until=None)
_RESOURCE = select(payments).where(_THIS_PAYMENT)
_REFUNDS = (
    select(refunds).where(refunds.c.payment_id == bindparam("of_id")).order_by(refunds.c.created_at, refunds.c.id)
)

_DISPUTES = select(disputes).where(disputes.c.payment_id == bindparam("of_id")).order_by(disputes.c.opened_at)


class PaymentQueries(PostgresStore):
    """Payments; each is changed by the process that has claimed it."""

    def begin(self, payment: Payment, lease: float) -> Claimed | None:
        """Insert a payment, claimed and with its first attempt, before the provider is called. None: it exists."""
        token, expires = new_id(), time.monotonic() + lease
        with self.autocommit() as connection:
            row = connection.execute(_BEGIN, _row(payment, token, lease)).one_or_none()
        return Claimed(token, payment, Attempt(**row._mapping), expires) if row else None

    def block(self, payment: Payment) -> bool:
        """Insert a payment that is not to be attempted. False when it exists."""
        row = _row(payment, None, 0)
        del row["claim"], row["seconds"]
        with self.autocommit() as connection:
            return bool(connection.execute(_INSERT, row).rowcount)

    def claim_payment(self, payment_id: str, lease: float) -> Claimed | None:
        """Claim and read the payment. None while another process has it, or when there is none."""
        token, expires = new_id(), time.monotonic() + lease
        with self.autocommit() as connection:
            values = {"of_id": payment_id, "token_": token, "seconds": lease}
            row = connection.execute(_CLAIM, values).one_or_none()
        if row is None:
            return None
        *fields, pending = row
        return Claimed(token, Payment(*fields), _attempt(pending), expires)

    def extend(self, claimed: Claimed, lease: float) -> None:
        """Prolong a claim. Raises `ClaimLost`."""
        expires = time.monotonic() + lease
        with self.autocommit() as connection:
            values = {"of_id": claimed.payment.id, "token_": claimed.token, "seconds": lease}
            if not connection.execute(_EXTEND, values).rowcount:
                raise ClaimLost()
        claimed.expires = expires

    def release(self, claimed: Claimed) -> None:
        """Give up a claim, unless another process has it by now."""
        with self.autocommit() as connection:
            connection.execute(_RELEASE, {"of_id": claimed.payment.id, "token_": claimed.token})

    def read(self, payment_id: str) -> Payment:
        """Read the payment. Raises `NotFound`."""
        payment = self.find(payment_id)
        if payment is None:
            raise NotFound("There is no such payment")
        return payment

    def find(self, payment_id: str) -> Payment | None:
        with self.reading() as connection:
            row = connection.execute(_READ, {"of_id": payment_id}).one_or_none()
        return Payment(*row) if row else None

    def change(self, session: Session, claimed: Claimed, last: bool = False, **values: Any) -> Payment:
        """Update the claimed payment; returns it. The `last` change gives up the claim. Raises `ClaimLost`."""
        changed = replace(claimed.payment, **values)
        if not session.execute(CHANGE_LAST if last else CHANGE, changed_row(changed, claimed)).rowcount:
            raise ClaimLost()
        return changed

    def by_reference(self, provider: str, reference: str) -> str | None:
        """The payment's id by the provider's reference."""
        query = select(payments.c.id).where(payments.c.reference == reference, payments.c.provider == provider)
        with self.reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def take_check(self, payment_id: str, interval: timedelta) -> bool:
        """Record a look at the provider's books for an open payment; False when the last one was within `interval`."""
        due = or_(payments.c.checked_at.is_(None), payments.c.checked_at < func.now() - interval)
        open_ = payments.c.status.in_(OPEN_STATUSES)
        statement = update(payments).where(payments.c.id == payment_id, open_, due).values(checked_at=func.now())
        with self.autocommit() as connection:
            return bool(connection.execute(statement).rowcount)

    def open_payments(self, before: datetime, limit: int) -> list[str]:
        """Payments whose outcome is unknown and that weren't looked at since `before`, those longest ago first."""
        checked = func.coalesce(payments.c.checked_at, payments.c.created_at)
        query = select(payments.c.id).where(payments.c.status.in_(OPEN_STATUSES), checked < before)
        with self.reading() as connection:
            return list(connection.execute(query.order_by(checked).limit(limit)).scalars())

    def take_due_comparison(self, since: datetime, before: datetime, limit: int) -> list[str]:
        """Captured payments created since `since` whose books weren't looked at since `before`; they count as looked
        at now.
        """
        due = (
            select(payments.c.id)
            .where(payments.c.captured > 0, payments.c.created_at > since)
            .where(or_(payments.c.checked_at.is_(None), payments.c.checked_at < before))
            .where(payments.c.updated_at < before)
            .order_by(payments.c.checked_at.nulls_first())
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        statement = update(payments).where(payments.c.id.in_(due)).values(checked_at=func.now())
        with self.autocommit() as connection:
            return list(connection.execute(statement.returning(payments.c.id)).scalars())

    def resource(self, payment_id: str) -> dict[str, Any]:
        """The payment with its refunds and disputes as an API resource. Raises `NotFound`."""
        with self.reading() as connection:
            row = connection.execute(_RESOURCE, {"of_id": payment_id}).one_or_none()
            if row is None:
                raise NotFound("There is no such payment")
            resource = _to_resource(row)
            given_back = connection.execute(_REFUNDS, {"of_id": payment_id})
            resource["refunds"] = [_refund(refund, row.currency) for refund in given_back]
            disputed = connection.execute(_DISPUTES, {"of_id": payment_id})
            resource["disputes"] = [_dispute(dispute, row.currency) for dispute in disputed]
            return resource


def changed_row(payment: Payment, claimed: Claimed) -> dict[str, Any]:
    """The parameters of `CHANGE` and `CHANGE_LAST`."""
    return {"of_id": payment.id, "token_": claimed.token} | {name: getattr(payment, name) for name in _CHANGING}


def _row(payment: Payment, token: str | None, seconds: float) -> dict[str, Any]:
    values: dict[str, Any] = {"id": payment.id, "order_id": payment.order_id, "customer_id": payment.customer_id}
    values |= {"provider": payment.provider, "status": payment.status, "amount": payment.amount}
    values |= {"currency": payment.currency, "token": payment.token, "email": payment.email}
    values |= {"tax": payment.tax, "shipping": payment.shipping, "vendors": payment.vendors}
    return values | {"claim": token, "seconds": seconds}


def _attempt(pending: list[Any] | None) -> Attempt | None:
    if pending is None:
        return None
    fields = dict(zip(_ATTEMPT, pending, strict=True))
    return Attempt(**fields | {"started_at": datetime.fromisoformat(fields["started_at"])})


def _to_resource(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "order_id": row.order_id,
        "provider": row.provider,
        "status": "requires_action" if row.status == PROCESSING else row.status,
        "amount": money(row.amount, row.currency),
        "captured": money(row.captured, row.currency),
        "refunded": money(row.refunded, row.currency),
        "decline_code": row.decline_code,
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
    }


def _refund(row: Row[Any], currency: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "amount": money(row.amount, currency),
        "reason": row.reason,
        "status": row.status,
        "created_at": rfc3339(row.created_at),
    }


def _dispute(row: Row[Any], currency: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "amount": money(row.amount, currency),
        "reason": row.reason,
        "status": row.status,
        "evidence_due_at": rfc3339(row.evidence_due_at) if row.evidence_due_at else None,
        "opened_at": rfc3339(row.opened_at),
        "closed_at": rfc3339(row.closed_at) if row.closed_at else None,
    }
