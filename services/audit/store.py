"""Queries on the audit trail. Entries are appended under an advisory lock, one batch at a time."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

import eventlet
from sqlalchemy import Select, func, insert, select, text

from schemas.api.audit import AuditFilter, AuditQuery
from services.audit.domain import GENESIS, Checkpoint, Verdict, Verifier, chain_entries, sign, to_api
from services.audit.models import ROLE, checkpoints, entries
from services.chassis.common.paging import Paging, page
from services.chassis.stores.postgres import PostgresStore, Session

_LOCK: Final = text("select pg_advisory_xact_lock(hashtext(current_schema() || '.entries'))")
_LAST: Final = select(entries.c.seq, entries.c.hash).order_by(entries.c.seq.desc()).limit(1)
_ADD: Final = text(
    "insert into entries (seq, id, body, previous_hash, hash) "
    "select seq, id::uuid, body, decode(before, 'hex'), decode(hash, 'hex') from unnest("
    "cast(:seqs as bigint[]), cast(:ids as text[]), cast(:bodies as text[]), "
    "cast(:before as text[]), cast(:hashes as text[])) as new (seq, id, body, before, hash)"
)
"""Inserts by column arrays: SQLAlchemy's multi-row insert renders thousands of parameters."""
_CHAIN: Final = "select seq, body, previous_hash, hash from entries order by seq"
_DOC: Final = entries.c.doc
_COLUMNS: Final = (entries.c.seq, _DOC, entries.c.previous_hash, entries.c.hash)
VERIFY_BATCH_SIZE: Final = 5_000


class AuditStore(PostgresStore):
    """The store works with a database role that may only select and insert; triggers refuse everything else."""

    role: ClassVar[str | None] = ROLE

    def append(self, bodies: Sequence[tuple[str, str]]) -> int:
        """Append entries of (event id, body), skipping existing ones; returns the number of new entries."""
        with self.transaction() as session:
            session.execute(_LOCK)
            existing = set(
                session.execute(
                    select(entries.c.id).where(entries.c.id.in_([event_id for event_id, _ in bodies]))
                ).scalars()
            )
            new = {event_id: body for event_id, body in bodies if event_id not in existing}
            if not new:
                return 0
            last_seq, last_hash = self._last(session)
            added = list(chain_entries(new.items(), last_seq, last_hash))
            columns = {
                "seqs": [entry.seq for entry in added],
                "ids": [entry.id for entry in added],
                "bodies": [entry.body for entry in added],
                "before": [entry.previous_hash.hex() for entry in added],
                "hashes": [entry.hash.hex() for entry in added],
            }
            session.execute(_ADD, columns)
            return len(new)

    def checkpoint(self, key: bytes, at: str) -> int | None:
        """Store a signed checkpoint if the chain has grown; returns the last entry's number, otherwise None."""
        with self.transaction() as session:
            session.execute(_LOCK)
            seq, hash_ = self._last(session)
            if seq == (session.execute(select(func.max(checkpoints.c.seq))).scalar() or 0):
                return None
            signature = sign(seq, hash_, at, key)
            session.execute(insert(checkpoints).values(seq=seq, hash=hash_, at=at, signature=signature))
            return seq

    def verify(self, key: bytes) -> Verdict:
        """Follow the whole chain, entry by entry, as it stands at this moment."""
        with self.engine.connect() as connection, connection.begin():
            connection.execute(text("set transaction isolation level repeatable read, read only"))
            rows = connection.execute(select(checkpoints).order_by(checkpoints.c.seq))
            checkpoints_ = [Checkpoint(row.seq, bytes(row.hash), row.at, bytes(row.signature)) for row in rows]
            verifier = Verifier(checkpoints_, key)
            connection.execute(text("set local statement_timeout = 0"))
            raw: Any = connection.connection.dbapi_connection
            with raw.cursor(name="chain") as cursor:
                cursor.execute(_CHAIN)
                while batch := cursor.fetchmany(VERIFY_BATCH_SIZE):
                    broken = verifier.first_broken((seq, body, bytes(a), bytes(b)) for seq, body, a, b in batch)
                    if broken:
                        total = connection.execute(select(func.count()).select_from(entries)).scalar_one()
                        return Verdict(False, total, *broken)
                    eventlet.sleep(0)  # yield to other greenthreads
            return verifier.finish()

    def list(self, query: AuditQuery) -> dict[str, Any]:
        """A page of entries, the newest first."""
        paging = Paging(query.page, query.limit)
        statement = _filtered(select(*_COLUMNS), query).order_by(entries.c.seq.desc())
        with self.reading() as connection:
            rows = connection.execute(statement.offset(paging.offset).limit(paging.limit)).all()
            if query.is_open:  # numbers have no gaps, so the last one is the total
                total = connection.execute(select(func.coalesce(func.max(entries.c.seq), 0))).scalar_one()
            else:
                total = connection.execute(_filtered(select(func.count()).select_from(entries), query)).scalar_one()
        return page(list(_entries_to_api(rows)), total, paging)

    def after(self, query: AuditFilter, seq: int, limit: int) -> Sequence[dict[str, Any]]:
        """The next entries after `seq`, the oldest first."""
        statement = _filtered(select(*_COLUMNS), query).where(entries.c.seq > seq).order_by(entries.c.seq).limit(limit)
        with self.reading() as connection:
            return [*_entries_to_api(connection.execute(statement).all())]

    def _last(self, session: Session) -> tuple[int, bytes]:
        row = session.execute(_LAST).one_or_none()
        return (row.seq, bytes(row.hash)) if row else (0, GENESIS)


def _entries_to_api(rows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    return (to_api(row.seq, row.doc, bytes(row.previous_hash), bytes(row.hash)) for row in rows)


def _filtered(statement: Select[Any], query: AuditFilter) -> Select[Any]:
    actor_field = "email" if "@" in (query.actor or "") else "id"
    conditions = {
        "actor": _DOC[("actor", actor_field)].astext,
        "action": _DOC["action"].astext,
        "resource_type": _DOC[("resource", "type")].astext,
        "resource_id": _DOC[("resource", "id")].astext,
    }
    for name, column in conditions.items():
        if (value := getattr(query, name)) is not None:
            statement = statement.where(column == value)
    at = _DOC["at"].astext
    if query.from_ is not None:
        statement = statement.where(at >= _timestamp(query.from_))
    if query.to is not None:
        statement = statement.where(at < _timestamp(query.to))
    return statement


def _timestamp(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
