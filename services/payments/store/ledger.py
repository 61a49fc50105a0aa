"""Queries on the ledger. Entries are written in the transaction of the payment's change, and never changed."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, func, insert, select
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.api.ledger import AccountsQuery, EntriesQuery
from services.chassis.common.clock import rfc3339
from services.chassis.common.ids import new_id
from services.chassis.common.money import json as money
from services.chassis.common.paging import ASCENDING, DESCENDING, Keyset, Paging, SortKey
from services.chassis.stores.keyset_postgres import paged
from services.chassis.stores.postgres import PostgresStore, Session
from services.payments.domain.ledger import Entry
from services.payments.models import ledger_entries, ledger_postings

_INSERT_ENTRIES = pg_insert(ledger_entries)
_INSERT_POSTINGS = insert(ledger_postings)
_entries, _postings = ledger_entries.c, ledger_postings.c
ACCOUNTS = Keyset("ledger-accounts", (SortKey("currency", ASCENDING, "text"), SortKey("account", ASCENDING, "text")))
LINES = Keyset(
    "ledger-entries",
    (SortKey("at", DESCENDING, "moment"), SortKey("entry_id", DESCENDING, "id"), SortKey("id", ASCENDING, "id")),
)
_JOINED = ledger_postings.join(ledger_entries, _postings.entry_id == _entries.id)
_LINES = select(
    _postings.id,
    _postings.entry_id,
    _entries.at,
    _postings.account,
    _postings.debit,
    _postings.credit,
    _postings.currency,
    _postings.vendor_id,
    _entries.payment_id,
    _entries.order_id,
    _entries.kind,
).select_from(_JOINED)


class LedgerQueries(PostgresStore):
    """The double-entry ledger."""

    def post(self, session: Session, entries: Iterable[Entry]) -> None:
        """Write entries with their postings. The database refuses unbalanced ones when the transaction commits."""
        rows, lines = rows_of(entries)
        if rows:
            session.execute(_INSERT_ENTRIES, rows)
            session.execute(_INSERT_POSTINGS, lines)

    def posted(self, references: Collection[str]) -> set[str]:
        """Which of these references have an entry."""
        query = select(_entries.reference).where(_entries.reference.in_(references))
        with self.reading() as connection:
            return set(connection.execute(query).scalars())

    def ledger_accounts(self, query: AccountsQuery) -> dict[str, Any]:
        """A page of accounts by currency with their sums."""
        debit, credit = func.sum(_postings.debit), func.sum(_postings.credit)
        statement: Select[Any] = select(
            _postings.account, _postings.currency, debit.label("debit"), credit.label("credit")
        )
        statement = statement.group_by(_postings.account, _postings.currency)
        if query.currency is not None:
            statement = statement.where(_postings.currency == query.currency)
        if query.vendor_id is not None:
            statement = statement.where(_postings.vendor_id == query.vendor_id)
        if query.is_dated:
            statement = _within(statement.select_from(_JOINED), query.from_, query.to or query.date)
        paging = Paging.of(query)
        with self.reading() as connection:
            total = connection.execute(select(func.count()).select_from(statement.subquery())).scalar_one()
            rows = connection.execute(paged(statement, ACCOUNTS, (_postings.currency, _postings.account), paging)).all()
        page = ACCOUNTS.page(rows, total, paging, lambda last: (last.currency, last.account))
        return page | {"items": [_account(row) for row in page["items"]]}

    def ledger_lines(self, query: EntriesQuery) -> dict[str, Any]:
        """A page of postings with their entries, the newest first."""
        statement = _LINES
        for column, value in (
            (_entries.payment_id, query.payment_id),
            (_entries.order_id, query.order_id),
            (_entries.kind, query.kind),
            (_postings.account, query.account),
            (_postings.currency, query.currency),
            (_postings.vendor_id, query.vendor_id),
        ):
            if value is not None:
                statement = statement.where(column == value)
        if query.is_dated:
            statement = _within(statement, query.from_, query.to)
        paging = Paging.of(query)
        with self.reading() as connection:
            total = connection.execute(select(func.count()).select_from(statement.subquery())).scalar_one()
            rows = connection.execute(paged(statement, LINES, (_entries.at, _entries.id, _postings.id), paging)).all()
        page = LINES.page(rows, total, paging, lambda last: (last.at, last.entry_id, last.id))
        return page | {"items": [_line(row) for row in page["items"]]}


def rows_of(entries: Iterable[Entry]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of entries and of their postings, with new ids."""
    with_ids = [(new_id(), entry) for entry in entries]
    rows = [
        {"id": entry_id, "reference": entry.reference, "kind": entry.kind}
        | {"payment_id": entry.payment_id, "order_id": entry.order_id}
        for entry_id, entry in with_ids
    ]
    lines: list[dict[str, Any]] = [
        {"id": new_id(), "entry_id": entry_id, "account": posting.account, "currency": entry.currency}
        | {"debit": posting.debit, "credit": posting.credit, "vendor_id": posting.vendor_id}
        for entry_id, entry in with_ids
        for posting in entry.postings
    ]
    return rows, lines


def _within(statement: Select[Any], first: date | None, last: date | None) -> Select[Any]:
    """Restrict to entries of the days `first` to `last`, UTC, both included."""
    if first is not None:
        statement = statement.where(_entries.at >= _midnight(first))
    if last is not None:
        statement = statement.where(_entries.at < _midnight(last + timedelta(days=1)))
    return statement


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _account(row: Any) -> dict[str, Any]:
    return {
        "account": row.account,
        "currency": row.currency,
        "debit": money(int(row.debit), row.currency),
        "credit": money(int(row.credit), row.currency),
        "balance": money(int(row.debit - row.credit), row.currency),
    }


def _line(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "entry_id": row.entry_id,
        "at": rfc3339(row.at),
        "account": row.account,
        "debit": money(row.debit, row.currency),
        "credit": money(row.credit, row.currency),
        "currency": row.currency,
        "vendor_id": row.vendor_id,
        "payment_id": row.payment_id,
        "order_id": row.order_id,
        "kind": row.kind,
    }
