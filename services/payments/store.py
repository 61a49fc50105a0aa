"""Every query on payments."""

from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from services.chassis.clock import rfc3339
from services.chassis.errors import NotFound
from services.chassis.money import json as money
from services.chassis.stores.postgres import PostgresStore
from services.payments.domain import PROCESSING, Payment
from services.payments.models import payments, refunds, webhooks

_FIELDS = tuple(Payment.__dataclass_fields__)


class PaymentStore(PostgresStore):
    """A payment is changed under its row lock: what happens to it happens one after the other."""

    def begin(self, payment: Payment) -> bool:
        """Record that a payment is about to be tried, before any provider hears of it. False when it was there."""
        values: dict[str, Any] = {"id": payment.id, "order_id": payment.order_id, "customer_id": payment.customer_id}
        values |= {"provider": payment.provider, "status": payment.status, "amount": payment.amount}
        values |= {"currency": payment.currency, "token": payment.token, "email": payment.email}
        with self.transaction() as session:
            inserted = session.execute(pg_insert(payments).values(values).on_conflict_do_nothing())
            return bool(inserted.rowcount)  # type: ignore[attr-defined]

    def lock(self, session: Session, payment_id: str) -> Payment:
        """The payment, with nobody else changing it until the transaction ends. Raises `NotFound`."""
        query = select(*(payments.c[name] for name in _FIELDS)).where(payments.c.id == payment_id).with_for_update()
        row = session.execute(query).one_or_none()
        if row is None:
            raise NotFound("There is no such payment")
        return Payment(**row._mapping)

    def read(self, payment_id: str) -> Payment:
        """The payment as it stands. Raises `NotFound`."""
        query = select(*(payments.c[name] for name in _FIELDS)).where(payments.c.id == payment_id)
        with self.transaction() as session:
            row = session.execute(query).one_or_none()
        if row is None:
            raise NotFound("There is no such payment")
        return Payment(**row._mapping)

    def change(self, session: Session, payment_id: str, **values: Any) -> None:
        session.execute(update(payments).where(payments.c.id == payment_id).values(**values, updated_at=func.now()))

    def refund_is_known(self, session: Session, refund_id: str) -> bool:
        query = select(refunds.c.id).where(refunds.c.id == refund_id)
        return session.execute(query).one_or_none() is not None

    def add_refund(
        self, session: Session, refund_id: str, payment_id: str, amount: int, reason: str | None, reference: str
    ) -> None:
        row = {"id": refund_id, "payment_id": payment_id, "amount": amount, "reason": reason, "reference": reference}
        session.execute(insert(refunds).values(row))

    def by_reference(self, provider: str, reference: str) -> str | None:
        """Our id of what the provider calls `reference`."""
        query = select(payments.c.id).where(payments.c.reference == reference, payments.c.provider == provider)
        with self.transaction() as session:
            return session.execute(query).scalar_one_or_none()

    def is_new_message(self, session: Session, provider: str, message_id: str) -> bool:
        """Record a provider's message; False when it came before."""
        row = {"provider": provider, "message_id": message_id}
        inserted = session.execute(pg_insert(webhooks).values(row).on_conflict_do_nothing())
        return bool(inserted.rowcount)  # type: ignore[attr-defined]

    def resource(self, payment_id: str, session: Session | None = None) -> dict[str, Any]:
        """The payment with its refunds as the API shows it. Raises `NotFound`."""
        if session is not None:
            return self._resource(session, payment_id)
        with self.transaction() as own:
            return self._resource(own, payment_id)

    def _resource(self, session: Session, payment_id: str) -> dict[str, Any]:
        row = session.execute(select(payments).where(payments.c.id == payment_id)).one_or_none()
        if row is None:
            raise NotFound("There is no such payment")
        given_back = session.execute(
            select(refunds).where(refunds.c.payment_id == payment_id).order_by(refunds.c.created_at, refunds.c.id)
        )
        return _shown(row, [_refund(refund, row.currency) for refund in given_back])


def _shown(row: Row[Any], given_back: list[dict[str, Any]]) -> dict[str, Any]:
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
        "status": "succeeded",
        "created_at": rfc3339(row.created_at),
    }
