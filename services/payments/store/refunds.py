"""Queries on refunds."""

from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from services.chassis.stores.postgres import PostgresStore, Session
from services.payments.domain import Refund
from services.payments.models import refunds

_FIELDS = tuple(Refund.__dataclass_fields__)
_COLUMNS = [refunds.c[name] for name in _FIELDS]
_THIS = refunds.c.id == bindparam("of_id")
_FIND = select(*_COLUMNS).where(_THIS)
_OF_PAYMENT = select(*_COLUMNS).where(refunds.c.payment_id == bindparam("of_payment"))
_INSERT = pg_insert(refunds).on_conflict_do_nothing()
_OUTCOME = ("reference", "tax", "shipping", "vendors")
_END = update(refunds).where(_THIS).values(status=bindparam("outcome"), **{name: bindparam(name) for name in _OUTCOME})
_DELETE = delete(refunds).where(_THIS, refunds.c.status == "pending")


class RefundQueries(PostgresStore):
    """Refunds of payments."""

    def find_refund(self, refund_id: str) -> Refund | None:
        """The refund with this id, in any status."""
        with self.reading() as connection:
            row = connection.execute(_FIND, {"of_id": refund_id}).one_or_none()
        return Refund(*row) if row else None

    def refunds_of(self, payment_id: str) -> list[Refund]:
        """The refunds of a payment, in any status."""
        with self.reading() as connection:
            return [Refund(*row) for row in connection.execute(_OF_PAYMENT, {"of_payment": payment_id})]

    def insert_refund(self, session: Session, refund: Refund) -> bool:
        """Insert a refund. False when it exists."""
        row: dict[str, Any] = {name: getattr(refund, name) for name in _FIELDS}
        return bool(session.execute(_INSERT, row).rowcount)

    def end_refund(self, session: Session, refund: Refund) -> None:
        """Record a refund's outcome: its status, and of a successful one its reference and shares."""
        values: dict[str, Any] = {"of_id": refund.id, "outcome": refund.status}
        values |= {"reference": refund.reference, "tax": refund.tax, "shipping": refund.shipping}
        values["vendors"] = refund.vendors
        session.execute(_END, values)

    def withdraw_refund(self, session: Session, refund_id: str) -> None:
        """Delete a pending refund that the provider refused."""
        session.execute(_DELETE, {"of_id": refund_id})
