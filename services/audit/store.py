"""Every query on the trail. Entries are added in one place, one batch at a time: a chain has one end."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

import eventlet
from sqlalchemy import Select, func, insert, select, text

from schemas.api.audit import AuditFilter, AuditQuery
from services.audit.domain import GENESIS, Checkpoint, Verdict, Verifier, chained, shown, sign
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
"""By columns: SQLAlchemy's insert of many rows renders a thousand parameters each time."""
_CHAIN: Final = "select seq, body, previous_hash, hash from entries order by seq"
_DOC: Final = entries.c.doc
_SHOWN: Final = (entries.c.seq, _DOC, entries.c.previous_hash, entries.c.hash)
PORTION: Final = 5_000


class AuditStore(PostgresStore):
    """Works as a role that may read and add only; the tables refuse everything else to everybody."""

    role: ClassVar[str | None] = ROLE

    def append(self, bodies: Sequence[tuple[str, str]]) -> int:
        """Add entries of (event id, body) at the end of the chain, without those that are there; how many were new."""
        with self.transaction() as session:
            session.execute(_LOCK)
            known = set(
                session.execute(select(entries.c.id).where(entries.c.id.in_([one for one, _ in bodies]))).scalars()
            )
            new = {event_id: body for event_id, body in bodies if event_id not in known}
            if not new:
                return 0
            last_seq, last_hash = self._last(session)
            added = list(chained(new.items(), last_seq, last_hash))
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
        """Sign what the chain has come to, when it has grown since the last time; the entry's number."""
        with self.transaction() as session:
            session.execute(_LOCK)
            seq, reached = self._last(session)
            if seq == (session.execute(select(func.max(checkpoints.c.seq))).scalar() or 0):
                return None
            signature = sign(seq, reached, at, key)
            session.execute(insert(checkpoints).values(seq=seq, hash=reached, at=at, signature=signature))
            return seq

    def verify(self, key: bytes) -> Verdict:
        """Follow the whole chain, entry by entry, as it stands at this moment."""
        with self.engine.connect() as connection, connection.begin():
            connection.execute(text("set transaction isolation level repeatable read, read only"))
            rows = connection.execute(select(checkpoints).order_by(checkpoints.c.seq))
            seen = [Checkpoint(row.seq, bytes(row.hash), row.at, bytes(row.signature)) for row in rows]
            verifier = Verifier(seen, key)
            connection.execute(text("set local statement_timeout = 0"))
            raw: Any = connection.connection.dbapi_connection
            with raw.cursor(name="chain") as cursor:
                cursor.execute(_CHAIN)
                while portion := cursor.fetchmany(PORTION):
                    broken = verifier.broken_at((seq, body, bytes(a), bytes(b)) for seq, body, a, b in portion)
                    if broken:
                        total = connection.execute(select(func.count()).select_from(entries)).scalar_one()
                        return Verdict(False, total, *broken)
                    eventlet.sleep(0)  # others want the processor too
            return verifier.finish()

    def list(self, query: AuditQuery) -> dict[str, Any]:
        """The newest first."""
        paging = Paging(query.page, query.limit)
        found = _filtered(select(*_SHOWN), query).order_by(entries.c.seq.desc())
        with self.reading() as connection:
            rows = connection.execute(found.offset(paging.offset).limit(paging.limit)).all()
            if query.is_open:  # numbers have no gaps, so the last one is how many there are
                total = connection.execute(select(func.coalesce(func.max(entries.c.seq), 0))).scalar_one()
            else:
                total = connection.execute(_filtered(select(func.count()).select_from(entries), query)).scalar_one()
        return page(list(_all_shown(rows)), total, paging)

    def after(self, query: AuditFilter, seq: int, limit: int) -> Sequence[dict[str, Any]]:
        """The next entries behind `seq`, the oldest first."""
        found = _filtered(select(*_SHOWN), query).where(entries.c.seq > seq).order_by(entries.c.seq).limit(limit)
        with self.reading() as connection:
            return [*_all_shown(connection.execute(found).all())]

    def _last(self, session: Session) -> tuple[int, bytes]:
        row = session.execute(_LAST).one_or_none()
        return (row.seq, bytes(row.hash)) if row else (0, GENESIS)


def _all_shown(rows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    return (shown(row.seq, row.doc, bytes(row.previous_hash), bytes(row.hash)) for row in rows)


def _filtered(statement: Select[Any], query: AuditFilter) -> Select[Any]:
    actor_field = "email" if "@" in (query.actor or "") else "id"
    conditions = {
        "actor": _DOC[("actor", actor_field)].astext,
        "action": _DOC["action"].astext,
        "resource_type": _DOC[("resource", "type")].astext,
        "resource_id": _DOC[("resource", "id")].astext,
    }
    for name, column in conditions.items():
        if (wanted := getattr(query, name)) is not None:
            statement = statement.where(column == wanted)
    at = _DOC["at"].astext
    if query.from_ is not None:
        statement = statement.where(at >= _text(query.from_))
    if query.to is not None:
        statement = statement.where(at < _text(query.to))
    return statement


def _text(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
