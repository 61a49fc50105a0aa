"""Queries on disputes."""

from sqlalchemy import bindparam, exists, insert, select, update

from services.chassis.stores.postgres import PostgresStore, Session
from services.payments.domain import Dispute
from services.payments.models import disputes

_FIELDS = tuple(Dispute.__dataclass_fields__)
_COLUMNS = [disputes.c[name] for name in _FIELDS]
_OF_PAYMENT = select(*_COLUMNS).where(disputes.c.payment_id == bindparam("of_payment"))
_BLOCKS = select(exists().where(disputes.c.payment_id == bindparam("of_payment"), disputes.c.blocks_refunds))
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
