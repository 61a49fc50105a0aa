"""The sandbox's bank: records of its own, in transactions of its own, as an external bank has.

Each request is one statement: it changes a charge, if the charge allows it, and records the reply under its key. The
key is unique, so a twin changes nothing: it waits for the first one, is undone as a whole, and reads the reply.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, case, func, insert, literal, select, union_all, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate
from sqlalchemy.sql.elements import ColumnElement

from services.chassis.common.ids import new_id
from services.chassis.stores.postgres import PostgresStore
from services.payments.models import sandbox_charges, sandbox_refunds, sandbox_requests

_charges = sandbox_charges.c
_AMOUNT: Any = bindparam("of_amount")


def _recorded(change: ReturningInsert[Any] | ReturningUpdate[Any], refund: bool = False) -> Any:
    """A statement that changes a charge and, if it did, stores the reply under the request's key (and a refund)."""
    changed = change.cte("changed")
    reply = select(bindparam("of_key", type_=Text), bindparam("reply", type_=JSONB)).select_from(changed)
    statement = insert(sandbox_requests).from_select(["key", "reply"], reply).add_cte(changed)
    if refund:
        of_refund: list[Any] = [bindparam("of_id", type_=Text), changed.c.id, bindparam("of_amount", type_=BigInteger)]
        row = select(*of_refund, bindparam("of_refund", type_=Text))
        columns = ["id", "charge_id", "amount", "refund_id"]
        statement = statement.add_cte(insert(sandbox_refunds).from_select(columns, row).cte("refund_row"))
    return statement


def _if(*allowed: ColumnElement[bool], **values: Any) -> Any:
    """Change a charge in an allowed state, and store the reply."""
    charge = update(sandbox_charges).where(_charges.id == bindparam("charge"), *allowed)
    return _recorded(charge.values(**values).returning(_charges.id))


_OPENED = ("id", "amount", "currency", "token", "status", "payment_id", "captured")
_CHARGE = _recorded(
    insert(sandbox_charges)
    .values({name: bindparam(name) for name in _OPENED})
    .values(captured_at=case((bindparam("captured") > 0, func.now())))
    .returning(_charges.id)
)
_CAPTURE = _if(
    _charges.status == "authorized",
    _charges.amount >= _AMOUNT,
    status="captured",
    captured=_AMOUNT,
    captured_at=func.now(),
)
_VOID = _if(_charges.status.in_(("authorized", "requires_action", "voided")), status="voided")
_TAKEN_BACK = (
    update(sandbox_charges)
    .where(
        _charges.id == bindparam("charge"),
        _charges.captured >= _charges.refunded + _AMOUNT,
        ~_charges.disputed,
    )
    .values(refunded=_charges.refunded + _AMOUNT)
    .returning(_charges.id)
)
_REFUND = _recorded(_TAKEN_BACK, refund=True)
_REFUNDS = (
    select(sandbox_refunds.c.id, sandbox_refunds.c.amount, sandbox_refunds.c.refund_id)
    .where(sandbox_refunds.c.charge_id == bindparam("charge"))
    .order_by(sandbox_refunds.c.created_at)
)
_DISPUTE = (
    update(sandbox_charges)
    .where(_charges.captured > _charges.refunded, _charges.dispute_status.is_(None))
    .values(
        disputed=True,
        dispute_status="needs_response",
        dispute_amount=_charges.captured - _charges.refunded,
        disputed_at=func.now(),
    )
)
_REPLY = select(sandbox_requests.c.reply).where(sandbox_requests.c.key == bindparam("of_key"))
_TRIES = (
    pg_insert(sandbox_requests)
    .on_conflict_do_update(index_elements=["key"], set_={"tries": sandbox_requests.c.tries + 1})
    .returning(sandbox_requests.c.tries)
)


class BankRefuses(Exception):
    """The bank refuses an invalid request."""


class SandboxBank(PostgresStore):
    """Carries out each request once per key, and repeats its reply."""

    def tries(self, key: str) -> int:
        """The number of uses of this key, this one included; for cards that fail a few times first."""
        with self.autocommit() as connection:
            return int(connection.execute(_TRIES, {"key": f"try:{key}"}).scalar_one())

    def charge(
        self, key: str, amount: int, currency: str, token: str, status: str, payment_id: str | None = None
    ) -> dict[str, Any]:
        """Open a charge in `status`; a captured one is captured as a whole."""
        charge_id = f"sbx_{new_id()}"
        row: dict[str, Any] = {"id": charge_id, "amount": amount, "currency": currency, "token": token}
        captured = amount if status == "captured" else 0
        row |= {"status": status, "payment_id": payment_id, "captured": captured}
        return self._once(_CHARGE, key, row, {"id": charge_id, "status": status})

    def capture(self, key: str, charge_id: str, amount: int) -> dict[str, Any]:
        reply = {"id": charge_id, "status": "captured"}
        return self._once(_CAPTURE, key, {"charge": charge_id, "of_amount": amount}, reply)

    def void(self, key: str, charge_id: str) -> dict[str, Any]:
        return self._once(_VOID, key, {"charge": charge_id}, {"id": charge_id, "status": "voided"})

    def refund(self, key: str, charge_id: str, amount: int, refund_id: str | None = None) -> dict[str, Any]:
        """Refund an amount of a charge; without our `refund_id` it is one made at the bank itself."""
        reply = {"id": f"sbxr_{new_id()}", "status": "succeeded"}
        values = {"charge": charge_id, "of_amount": amount, "of_id": reply["id"], "of_refund": refund_id}
        return self._once(_REFUND, key, values, reply)

    def read(self, charge_id: str) -> Any:
        """A charge with all its columns."""
        query = select(sandbox_charges).where(_charges.id == charge_id)
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise BankRefuses("there is no such charge")
        return row

    def refunds(self, charge_id: str) -> list[Any]:
        """The refunds of a charge: `id`, `amount`, `refund_id`."""
        with self.reading() as connection:
            return list(connection.execute(_REFUNDS, {"charge": charge_id}))

    def dispute(self, charge_id: str) -> None:
        """Open a dispute of a captured charge, as the customer's bank does; once."""
        with self.autocommit() as connection:
            connection.execute(_DISPUTE.where(_charges.id == charge_id))

    def open_due_disputes(self, seconds: float) -> None:
        """Open the disputes of charges whose card disputes, captured that long ago."""
        due = _charges.captured_at < func.now() - timedelta(seconds=seconds)
        with self.autocommit() as connection:
            connection.execute(_DISPUTE.where(_charges.token == "pm_sandbox_dispute", due))

    def close_dispute(self, charge_id: str, outcome: str) -> None:
        """Close the dispute of a charge: `won` or `lost`."""
        statement = update(sandbox_charges).where(_charges.id == charge_id, _charges.dispute_status == "needs_response")
        with self.autocommit() as connection:
            connection.execute(statement.values(dispute_status=outcome, disputed=outcome == "lost"))

    def changes(self, since: datetime) -> list[Any]:
        """Disputes and refunds of the bank itself: `id`, `kind`, `charge`."""
        disputes = select(
            (_charges.id + ":" + _charges.dispute_status).label("id"),
            ("dispute." + func.replace(_charges.dispute_status, "needs_response", "opened")).label("kind"),
            _charges.id.label("charge"),
        ).where(_charges.dispute_status.is_not(None), _charges.disputed_at > since)
        refunds = select(sandbox_refunds.c.id, literal("refund.created"), sandbox_refunds.c.charge_id).where(
            sandbox_refunds.c.refund_id.is_(None), sandbox_refunds.c.created_at > since
        )
        with self.reading() as connection:
            return list(connection.execute(union_all(disputes, refunds).limit(1000)))

    def of_payment(self, payment_id: str) -> Any:
        """The charge of a payment: `id`, `status`."""
        query = select(_charges.id, _charges.status).where(_charges.payment_id == payment_id)
        with self.reading() as connection:
            return connection.execute(query).one_or_none()

    def settle(self, charge_id: str, status: str) -> bool:
        """Set the status of a charge that waits for the customer."""
        with self.autocommit() as connection:
            changed = connection.execute(
                update(sandbox_charges)
                .where(_charges.id == charge_id, _charges.status == "requires_action")
                .values(status=status)
            )
            return bool(changed.rowcount)

    def total_captured(self) -> int:
        """Total captured and not refunded, in minor units; for reconciliation."""
        taken = func.coalesce(func.sum(_charges.captured - _charges.refunded), 0)
        with self.reading() as connection:
            return int(connection.execute(select(taken)).scalar_one())

    def _once(self, statement: Any, key: str, values: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
        with self.autocommit() as connection:
            try:
                if connection.execute(statement, {**values, "of_key": key, "reply": reply}).rowcount:
                    return reply
            except IntegrityError:  # the key has a reply
                pass
            stored_reply = connection.execute(_REPLY, {"of_key": key}).scalar_one_or_none()
        if stored_reply is None:
            raise BankRefuses("the charge is in a state that doesn't allow it")
        return dict(stored_reply)
