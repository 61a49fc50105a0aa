"""All queries of payments."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import NotFound
from services.chassis.common.money import json as money
from services.chassis.stores.postgres import PostgresStore, Session
from services.payments.domain import PROCESSING, Payment, Refund
from services.payments.models import payments, refunds, webhooks

_FIELDS = tuple(Payment.__dataclass_fields__)
_REFUND = tuple(Refund.__dataclass_fields__)
_CHANGING = ("status", "captured", "refunded", "token", "reference", "decline_code", "client_secret")
"""Columns of a payment that may change after its creation."""

_THIS_PAYMENT = payments.c.id == bindparam("of_id")
_THIS_REFUND = refunds.c.id == bindparam("of_id")
_OF_PAYMENT = refunds.c.payment_id == bindparam("of_payment")
_BEGIN = pg_insert(payments).on_conflict_do_nothing()
_READ = select(*(payments.c[name] for name in _FIELDS)).where(_THIS_PAYMENT)
_LOCK = _READ.with_for_update()
_CHANGE = (
    update(payments).where(_THIS_PAYMENT).values(updated_at=func.now(), **{name: bindparam(name) for name in _CHANGING})
)
_RESOURCE = select(payments).where(_THIS_PAYMENT)
_REFUNDS = select(refunds).where(_OF_PAYMENT).order_by(refunds.c.created_at, refunds.c.id)
_FIND_REFUND = select(*(refunds.c[name] for name in _REFUND)).where(_THIS_REFUND)
_PLAN_REFUND = pg_insert(refunds).on_conflict_do_nothing()
_PENDING = (
    select(*(refunds.c[name] for name in _REFUND))
    .where(_OF_PAYMENT, refunds.c.status == "pending")
    .order_by(refunds.c.created_at)
)
_END_REFUND = update(refunds).where(_THIS_REFUND).values(status=bindparam("status"), reference=bindparam("reference"))
_RECORD_MESSAGE = pg_insert(webhooks).on_conflict_do_nothing()

WEBHOOK_RETENTION = timedelta(days=30)
"""Retention of webhook ids: providers repeat messages for some days at most."""


class PaymentStore(PostgresStore):
    """Payments; each is changed under its row lock."""

    def begin(self, payment: Payment) -> bool:
        """Insert a payment before the provider is called. False when it exists."""
        values: dict[str, Any] = {"id": payment.id, "order_id": payment.order_id, "customer_id": payment.customer_id}
        values |= {"provider": payment.provider, "status": payment.status, "amount": payment.amount}
        values |= {"currency": payment.currency, "token": payment.token, "email": payment.email}
        with self.autocommit() as connection:
            return bool(connection.execute(_BEGIN, values).rowcount)

    def lock(self, session: Session, payment_id: str) -> Payment:
        """Lock and read the payment. Raises `NotFound`."""
        return _payment(session.execute(_LOCK, {"of_id": payment_id}).one_or_none())

    def read(self, payment_id: str) -> Payment:
        """Read the payment. Raises `NotFound`."""
        with self.reading() as connection:
            return _payment(connection.execute(_READ, {"of_id": payment_id}).one_or_none())

    def change(self, session: Session, payment: Payment, **values: Any) -> Payment:
        """Update a locked payment; returns it."""
        changed = replace(payment, **values)
        session.execute(_CHANGE, {"of_id": payment.id, **{name: getattr(changed, name) for name in _CHANGING}})
        return changed

    def find_refund(self, session: Session, refund_id: str) -> Refund | None:
        """The refund with this id, in any status."""
        row = session.execute(_FIND_REFUND, {"of_id": refund_id}).one_or_none()
        return Refund(**row._mapping) if row else None

    def plan_refund(self, session: Session, refund: Refund) -> None:
        """Insert a pending refund before the provider is called; an existing one is unchanged."""
        session.execute(_PLAN_REFUND, {name: getattr(refund, name) for name in _REFUND})

    def pending_refunds(self, session: Session, payment_id: str) -> list[Refund]:
        """Pending refunds of a payment, oldest first."""
        return [Refund(**row._mapping) for row in session.execute(_PENDING, {"of_payment": payment_id})]

    def end_refund(self, session: Session, refund_id: str, status: str, reference: str | None = None) -> None:
        session.execute(_END_REFUND, {"of_id": refund_id, "status": status, "reference": reference})

    def abandoned_refunds(self, before: datetime) -> list[str]:
        """Payments with a refund that has been pending since before that time."""
        query = select(refunds.c.payment_id).where(refunds.c.status == "pending", refunds.c.created_at < before)
        with self.reading() as connection:
            return list(connection.execute(query.distinct().limit(100)).scalars())

    def by_reference(self, provider: str, reference: str) -> str | None:
        """The payment's id by the provider's reference."""
        query = select(payments.c.id).where(payments.c.reference == reference, payments.c.provider == provider)
        with self.reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def is_new_message(self, session: Session, provider: str, message_id: str) -> bool:
        """Record a webhook's id; False when it was recorded before."""
        row = {"provider": provider, "message_id": message_id}
        return bool(session.execute(_RECORD_MESSAGE, row).rowcount)

    def resource(self, payment_id: str) -> dict[str, Any]:
        """The payment with its refunds as an API resource. Raises `NotFound`."""
        with self.reading() as connection:
            row = connection.execute(_RESOURCE, {"of_id": payment_id}).one_or_none()
            if row is None:
                raise NotFound("There is no such payment")
            given_back = connection.execute(_REFUNDS, {"of_payment": payment_id})
            return _to_resource(row, [_refund(refund, row.currency) for refund in given_back])

    def delete_expired(self) -> None:
        """Delete old webhook ids, inbox entries and idempotency keys."""
        super().delete_expired()
        with self.transaction() as session:
            session.execute(delete(webhooks).where(webhooks.c.received_at < func.now() - WEBHOOK_RETENTION))


def _payment(row: Row[Any] | None) -> Payment:
    if row is None:
        raise NotFound("There is no such payment")
    return Payment(**row._mapping)


def _to_resource(row: Row[Any], given_back: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "order_id": row.order_id,
        "provider": row.provider,
        "status": "requires_action" if row.status == PROCESSING else row.status,
        "amount": money(row.amount, row.currency),
        "captured": money(row.captured, row.currency),
        "refunded": money(row.refunded, row.currency),
        "decline_code": row.decline_code,
        "refunds": given_back,
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
