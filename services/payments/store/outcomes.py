"""Recording the outcome of an attempt: one statement, and so one round trip and one transaction."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, and_, bindparam, column, exists, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, UUID

from schemas.events.base import Event
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.transport import dumps
from services.chassis.stores.postgres import PostgresStore
from services.chassis.stores.tables import outbox
from services.payments.domain import Payment
from services.payments.domain.ledger import Entry
from services.payments.models import attempts, ledger_entries, ledger_postings
from services.payments.store.claims import Claimed, ClaimLost
from services.payments.store.ledger import rows_of
from services.payments.store.payments import CHANGE, CHANGE_LAST, changed_row

_KEY: Final = bindparam("of_key", type_=Text)
_IS_PENDING: Final = and_(attempts.c.key == _KEY, attempts.c.status == "pending")
_ID: Final = UUID(as_uuid=False)


def _rows(parameter: str, table: Any, names: tuple[str, ...], is_changed: ColumnElement[bool]) -> Select[Any]:
    """The rows of a JSON array, if the payment was changed."""
    columns = [column(name, table.c[name].type) for name in names]
    source = func.jsonb_to_recordset(bindparam(parameter, type_=JSONB)).table_valued(*columns, name=f"{parameter}_rows")
    rows = source.render_derived(with_types=True)
    return select(*(rows.c[name] for name in names)).where(is_changed)


def _recorded(change: Any) -> Any:
    """The change of a claimed payment, whose attempt must be pending if it has one, and all that follows from it."""
    changed = (
        change.where(or_(_KEY.is_(None), exists(select(attempts.c.key).where(_IS_PENDING))))
        .returning(column("id", _ID))
        .cte("changed")
    )
    is_changed = exists(select(changed.c.id))
    ended = update(attempts).where(_IS_PENDING, is_changed).values(status="done", ended_at=func.now()).cte("ended")
    statement = select(func.count()).select_from(changed).add_cte(ended)
    for parameter, table, names in (
        ("entries", ledger_entries, ("id", "reference", "kind", "payment_id", "order_id")),
        ("postings", ledger_postings, ("id", "entry_id", "account", "vendor_id", "currency", "debit", "credit")),
        ("events", outbox, ("id", "body")),
    ):
        rows = _rows(parameter, table, names, is_changed)
        statement = statement.add_cte(insert(table).from_select(list(names), rows).cte(f"{parameter}_written"))
    return statement


_RECORD, _RECORD_LAST = _recorded(CHANGE), _recorded(CHANGE_LAST)


class OutcomeQueries(PostgresStore):
    """Outcomes of attempts on claimed payments."""

    def record(
        self, claimed: Claimed, changed: Payment, entries: Iterable[Entry], events: Iterable[Event], last: bool
    ) -> None:
        """Change the payment, end its pending attempt if there is one, post ledger entries and publish events: all or nothing.

        The `last` change gives up the claim. Raises `ClaimLost`.
        """
        entry_rows, posting_rows = rows_of(entries)
        wrapped = [envelope(event) for event in events]
        values = changed_row(changed, claimed) | {
            "of_key": claimed.attempt.key if claimed.attempt else None,
            "entries": entry_rows,
            "postings": posting_rows,
            "events": [{"id": one["id"], "body": dumps(one).decode()} for one in wrapped],
        }
        with self.autocommit() as connection:
            if not connection.execute(_RECORD_LAST if last else _RECORD, values).scalar_one():
                raise ClaimLost()
        claimed.payment, claimed.attempt, claimed.released = changed, None, last
