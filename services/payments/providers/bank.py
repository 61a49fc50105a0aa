"""The sandbox's bank: books of its own, kept as a bank outside would, in transactions of its own."""

from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from services.chassis.ids import new_id
from services.chassis.stores.postgres import PostgresStore, Session
from services.payments.models import sandbox_charges, sandbox_requests


class BankRefuses(Exception):
    """The bank's no to a request that makes no sense to it."""


class SandboxBank(PostgresStore):
    """Does each request once per key and answers it the same way ever after."""

    def tries(self, key: str) -> int:
        """How often this key came so far, this time included; for cards that fail a few times first."""
        counted = (
            pg_insert(sandbox_requests)
            .values(key=f"try:{key}")
            .on_conflict_do_update(index_elements=["key"], set_={"tries": sandbox_requests.c.tries + 1})
            .returning(sandbox_requests.c.tries)
        )
        with self.transaction() as session:
            return int(session.execute(counted).scalar_one())

    def charge(self, key: str, amount: int, currency: str, token: str, status: str) -> dict[str, Any]:
        """Open a charge in `status`."""

        def work(session: Session) -> dict[str, Any]:
            charge_id = f"sbx_{new_id()}"
            row = {"id": charge_id, "amount": amount, "currency": currency, "token": token, "status": status}
            session.execute(insert(sandbox_charges).values(row))
            return {"id": charge_id, "status": status}

        return self._once(key, work)

    def capture(self, key: str, charge_id: str, amount: int) -> dict[str, Any]:
        charges = sandbox_charges.c

        def work(session: Session) -> dict[str, Any]:
            changed = session.execute(
                update(sandbox_charges)
                .where(charges.id == charge_id, charges.status == "authorized", charges.amount >= amount)
                .values(status="captured", captured=amount)
            )
            self._expect(changed, "capture")
            return {"id": charge_id, "status": "captured"}

        return self._once(key, work)

    def void(self, key: str, charge_id: str) -> dict[str, Any]:
        charges = sandbox_charges.c

        def work(session: Session) -> dict[str, Any]:
            changed = session.execute(
                update(sandbox_charges)
                .where(charges.id == charge_id, charges.status.in_(("authorized", "requires_action", "voided")))
                .values(status="voided")
            )
            self._expect(changed, "void")
            return {"id": charge_id, "status": "voided"}

        return self._once(key, work)

    def refund(self, key: str, charge_id: str, amount: int) -> dict[str, Any]:
        charges = sandbox_charges.c

        def work(session: Session) -> dict[str, Any]:
            changed = session.execute(
                update(sandbox_charges)
                .where(charges.id == charge_id, charges.captured >= charges.refunded + amount)
                .values(refunded=charges.refunded + amount)
            )
            self._expect(changed, "refund")
            return {"id": f"sbxr_{new_id()}", "status": "succeeded"}

        return self._once(key, work)

    def read(self, charge_id: str) -> tuple[str, int]:
        """A charge's status, and what was taken of it."""
        query = select(sandbox_charges.c.status, sandbox_charges.c.captured).where(sandbox_charges.c.id == charge_id)
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise BankRefuses("there is no such charge")
        return row.status, row.captured

    def settle(self, charge_id: str, status: str) -> bool:
        """The customer has confirmed (or not): a charge that waits for it comes to `status`."""
        with self.transaction() as session:
            changed = session.execute(
                update(sandbox_charges)
                .where(sandbox_charges.c.id == charge_id, sandbox_charges.c.status == "requires_action")
                .values(status=status)
            )
            return bool(changed.rowcount)  # type: ignore[attr-defined]

    def total_captured(self) -> int:
        """All that the bank has taken and not given back, minor units: what a reconciliation looks at."""
        taken = func.coalesce(func.sum(sandbox_charges.c.captured - sandbox_charges.c.refunded), 0)
        with self.transaction() as session:
            return int(session.execute(select(taken)).scalar_one())

    def _once(self, key: str, work: Any) -> dict[str, Any]:
        with self.transaction() as session:
            mine = session.execute(pg_insert(sandbox_requests).values(key=key).on_conflict_do_nothing())
            if mine.rowcount == 0:  # type: ignore[attr-defined]
                query = select(sandbox_requests.c.reply).where(sandbox_requests.c.key == key)
                return dict(session.execute(query).scalar_one())
            reply = work(session)
            session.execute(update(sandbox_requests).where(sandbox_requests.c.key == key).values(reply=reply))
            return reply

    @staticmethod
    def _expect(changed: Any, what: str) -> None:
        if changed.rowcount != 1:
            raise BankRefuses(f"the charge can't be {what}d in its present state")
