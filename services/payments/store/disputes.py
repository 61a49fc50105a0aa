"""Queries on disputes."""

from datetime import datetime

from sqlalchemy import bindparam, exists, func, insert, select, update

from services.chassis.stores.postgres import PostgresStore, Session
from services.payments.domain import Dispute, Payment
from services.payments.domain.dispute import EVIDENCE_STATUSES
from services.payments.models import disputes, payments

_FIELDS = tuple(Dispute.__dataclass_fields__)
_COLUMNS = [disputes.c[name] for name in _FIELDS]
_OF_PAYMENT = select(*_COLUMNS).where(disputes.c.payment_id == bindparam("of_payment"))
_BLOCKS = select(exists().where(disputes.c.payment_id == bindparam("of_payment"), disputes.c.blocks_refunds))
_OF_PAYMENTS = select(*(payments.c[name] for name in Payment.__dataclass_fields__))
_INSERT = insert(disputes)
_UPDATED = ("amount", "status", "blocks_refunds", "withdrawn", "fee", "movements", "evidence_due_at", "closed_at")
_UPDATE = (
    update(disputes).where(disputes.c.id == bindparam("of_id")).values({name: bindparam(name) for name in _UPDATED})
)


class DisputeQueries(PostgresStore):
    """Disputes of payments."""

    def disputes_of(self, payment_id: str) -> list[Dispute]:
        """The disputes of a payment, in any status."""
        with self.reading() as connection:
            rows = connection.execute(_OF_PAYMENT.order_by(disputes.c.opened_at), {"of_payment": payment_id})
            return [Dispute(*row) for row in rows]

    def is_disputed(self, payment_id: str) -> bool:
        """Whether a dispute stands against refunds of the payment."""
        with self.reading() as connection:
            return bool(connection.execute(_BLOCKS, {"of_payment": payment_id}).scalar_one())

    def insert_dispute(self, session: Session, dispute: Dispute) -> None:
        session.execute(_INSERT, {name: getattr(dispute, name) for name in _FIELDS})

    def update_dispute(self, session: Session, dispute: Dispute) -> None:
        session.execute(_UPDATE, {"of_id": dispute.id, **{name: getattr(dispute, name) for name in _UPDATED}})

    def take_evidence_due(
        self, session: Session, now: datetime, until: datetime, limit: int
    ) -> list[tuple[Payment, Dispute]]:
        """Open disputes whose evidence is due between `now` and `until`, with their payments, those due first; each is
        taken once.
        """
        due = (
            select(disputes.c.id)
            .where(disputes.c.reminded_at.is_(None), disputes.c.status.in_(EVIDENCE_STATUSES))
            .where(disputes.c.evidence_due_at > now, disputes.c.evidence_due_at <= until)
            .order_by(disputes.c.evidence_due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        reminded = update(disputes).where(disputes.c.id.in_(due)).values(reminded_at=func.now()).returning(*_COLUMNS)
        taken = [Dispute(*row) for row in session.execute(reminded)]
        ids = [dispute.payment_id for dispute in taken]
        disputed = {row.id: Payment(*row) for row in session.execute(_OF_PAYMENTS.where(payments.c.id.in_(ids)))}
        return [(disputed[dispute.payment_id], dispute) for dispute in taken]
