"""Queries on attempts: each operation at the provider is written down before, and ended once."""

from datetime import datetime

from sqlalchemy import bindparam, func, insert, select, update

from services.chassis.stores.postgres import PostgresStore, Session
from services.payments.domain import Attempt, attempt_key, next_key
from services.payments.models import attempts
from services.payments.store.claims import Claimed, ClaimLost

_FIELDS = tuple(Attempt.__dataclass_fields__)
_COLUMNS = [attempts.c[name] for name in _FIELDS]
_LAST = select(func.coalesce(func.max(attempts.c.number), 0)).where(
    attempts.c.payment_id == bindparam("of_id"),
    attempts.c.kind == bindparam("of_kind"),
    attempts.c.refund_id.is_not_distinct_from(bindparam("of_refund")),
)
_INSERT = insert(attempts).returning(*_COLUMNS)
_END = (
    update(attempts)
    .where(attempts.c.key == bindparam("of_key"), attempts.c.status == "pending")
    .values(status=bindparam("outcome"), ended_at=func.now())
)


class AttemptQueries(PostgresStore):
    """Attempts of operations; a payment has one pending at most."""

    def plan_attempt(
        self, session: Session, claimed: Claimed, kind: str, base: str, amount: int, refund_id: str | None = None
    ) -> Attempt:
        """Insert the pending attempt, with the next number, before the provider is called."""
        of = {"of_id": claimed.payment.id, "of_kind": kind, "of_refund": refund_id}
        number = int(session.execute(_LAST, of).scalar_one()) + 1
        return self._insert(session, claimed, kind, attempt_key(base, number), number, amount, refund_id)

    def replace_attempt(self, session: Session, claimed: Claimed, failed: Attempt) -> Attempt:
        """End an attempt that is known to have failed, and insert the one with the next number."""
        self.end_attempt(session, claimed, "failed")
        number = failed.number + 1
        key = next_key(failed.key, number)
        return self._insert(session, claimed, failed.kind, key, number, failed.amount, failed.refund_id)

    def end_attempt(self, session: Session, claimed: Claimed, outcome: str) -> None:
        """End the pending attempt, if there is one: `done`, `refused`, `failed`. Raises `ClaimLost`."""
        if claimed.attempt is None:
            return
        if not session.execute(_END, {"of_key": claimed.attempt.key, "outcome": outcome}).rowcount:
            raise ClaimLost()

    def abandoned(self, before: datetime, limit: int = 100) -> list[str]:
        """Payments with a capture, void or refund that has been pending since before that time."""
        query = (
            select(attempts.c.payment_id)
            .where(attempts.c.status == "pending", attempts.c.kind != "authorise", attempts.c.started_at < before)
            .order_by(attempts.c.started_at)
        )
        with self.reading() as connection:
            return list(connection.execute(query.limit(limit)).scalars())

    def _insert(
        self,
        session: Session,
        claimed: Claimed,
        kind: str,
        key: str,
        number: int,
        amount: int,
        refund_id: str | None,
    ) -> Attempt:
        row = {"key": key, "payment_id": claimed.payment.id, "kind": kind, "number": number}
        row |= {"amount": amount, "refund_id": refund_id}
        return Attempt(*session.execute(_INSERT, row).one())
