"""Queries on the audit trail. Entries are appended under an advisory lock, one batch at a time."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

import eventlet
from sqlalchemy import Connection, Select, func, insert, select, text

from schemas.api.audit import AuditFilter, AuditQuery
from services.audit.domain import GENESIS, Checkpoint, Verdict, Verifier, canonical, chain_entries, sign, to_api
from services.audit.models import ROLE, checkpoints, entries
from services.audit.person_keys import ENCRYPTED, PersonKeys
from services.audit.personal_data import ACCOUNT, all_persons, seal, unseal
from services.chassis.common.paging import DESCENDING, Keyset, Paging, SortKey
from services.chassis.stores.keyset_postgres import paged
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
_FIRST: Final = select(entries.c.seq, entries.c.previous_hash).order_by(entries.c.seq).limit(1)
_DOC: Final = entries.c.doc
_COLUMNS: Final = (entries.c.seq, _DOC, entries.c.previous_hash, entries.c.hash)
VERIFY_BATCH_SIZE: Final = 5_000
KEYSET: Final = Keyset("audit", (SortKey("seq", DESCENDING, "integer"),))


class AuditStore(PostgresStore):
    """The store works with a database role that may only select and insert; triggers refuse everything else."""

    role: ClassVar[str | None] = ROLE
    encrypted_columns = (ENCRYPTED,)

    def append(self, bodies: Sequence[dict[str, Any]], keys: PersonKeys) -> int:
        """Append entries, skipping existing ones; returns the number of new entries. Personal values are sealed."""
        with self.transaction() as session:
            session.execute(_LOCK)
            existing = set(
                session.execute(select(entries.c.id).where(entries.c.id.in_([body["id"] for body in bodies]))).scalars()
            )
            unsealed = {body["id"]: body for body in bodies if body["id"] not in existing}
            if not unsealed:
                return 0
            emails = {body["actor"]["id"]: body["actor"]["email"] for body in unsealed.values()}
            person_keys = keys.get_or_create(session, all_persons(unsealed.values()), emails)
            new = {id_: canonical(seal(body, person_keys)) for id_, body in unsealed.items()}
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
                if first := connection.execute(_FIRST).one_or_none():
                    verifier.begin_after_deleted(first.seq, bytes(first.previous_hash))
                while batch := cursor.fetchmany(VERIFY_BATCH_SIZE):
                    broken = verifier.first_broken((seq, body, bytes(a), bytes(b)) for seq, body, a, b in batch)
                    if broken:
                        total = connection.execute(select(func.count()).select_from(entries)).scalar_one()
                        return Verdict(False, total, *broken)
                    eventlet.sleep(0)  # yield to other greenthreads
            return verifier.finish()

    def list(self, query: AuditQuery, keys: PersonKeys) -> dict[str, Any]:
        """A page of entries, the newest first."""
        paging = Paging.of(query)
        with self.reading() as connection:
            actors = _actors(connection, query, keys)
            statement = paged(_filtered(select(*_COLUMNS), query, actors), KEYSET, (entries.c.seq,), paging)
            rows = connection.execute(statement).all()
            if query.is_open:  # numbers have no gaps
                span = func.max(entries.c.seq) - func.min(entries.c.seq) + 1
                total = connection.execute(select(func.coalesce(span, 0))).scalar_one()
            else:
                counted = _filtered(select(func.count()).select_from(entries), query, actors)
                total = connection.execute(counted).scalar_one()
            page = KEYSET.page(rows, total, paging, lambda last: (last.seq,))
            return page | {"items": _entries_to_api(connection, page["items"], keys)}

    def after(self, query: AuditFilter, seq: int, limit: int, keys: PersonKeys) -> Sequence[dict[str, Any]]:
        """The next entries after `seq`, the oldest first."""
        with self.reading() as connection:
            statement = _filtered(select(*_COLUMNS), query, _actors(connection, query, keys))
            rows = connection.execute(statement.where(entries.c.seq > seq).order_by(entries.c.seq).limit(limit)).all()
            return _entries_to_api(connection, rows, keys)

    def of_person(self, person: str, keys: PersonKeys) -> Iterator[dict[str, Any]]:
        """The entries of what a person did, and of what was done to the person's account, the oldest first."""
        of_account = (_DOC[("resource", "id")].astext == person) & (_DOC[("resource", "type")].astext == ACCOUNT)
        condition = (_DOC[("actor", "id")].astext == person) | of_account
        statement = select(*_COLUMNS).where(condition).order_by(entries.c.seq)
        with self.reading() as connection:
            yield from _entries_to_api(connection, connection.execute(statement).all(), keys)

    def erase(self, person: str) -> None:
        """Make the person's values unreadable. Idempotent."""
        with self.transaction() as session:
            PersonKeys.erase(session, person)

    def delete_old(self, keep: timedelta) -> int:
        """Delete entries older than `keep`, up to a checkpoint; returns their number."""
        with self.transaction() as session:
            session.execute(_LOCK)
            deleted = session.execute(text("select delete_old_entries(:keep)"), {"keep": keep}).scalar_one()
            return int(deleted)

    def _last(self, session: Session) -> tuple[int, bytes]:
        row = session.execute(_LAST).one_or_none()
        return (row.seq, bytes(row.hash)) if row else (0, GENESIS)


def _entries_to_api(connection: Connection, rows: Sequence[Any], keys: PersonKeys) -> list[dict[str, Any]]:
    person_keys = keys.read(connection, all_persons(row.doc for row in rows))
    docs = (unseal(row.doc, person_keys) for row in rows)
    return [
        to_api(row.seq, doc, bytes(row.previous_hash), bytes(row.hash)) for row, doc in zip(rows, docs, strict=True)
    ]


def _actors(connection: Connection, query: AuditFilter, keys: PersonKeys) -> list[str] | None:
    """The ids of the actors that the filter names by id or by mail address; None for all."""
    if query.actor is None:
        return None
    return keys.with_email(connection, query.actor) if "@" in query.actor else [query.actor]


def _filtered(statement: Select[Any], query: AuditFilter, actors: list[str] | None) -> Select[Any]:
    if actors is not None:
        statement = statement.where(_DOC[("actor", "id")].astext.in_(actors))
    conditions = {
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
