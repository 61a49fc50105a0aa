"""Every query on files, their contents, and what is to be removed from the object store."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.api.files import FilesQuery
from schemas.events.files import FileDeleted, FileStored
from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import NotFound, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.chassis.common.paging import Paging
from services.chassis.common.paging import page as paged
from services.chassis.stores.postgres import PostgresStore, Session
from services.files.domain import Kept, quota_exceeded
from services.files.models import blobs, files, removals, usage

UPLOAD_TAKES: Final = timedelta(hours=1)
"""Objects whose upload has not ended by then were left by a process that died."""
BATCH: Final = 100

_OF_FILE = (
    files.c.id, files.c.sha256, files.c.owner_id, files.c.purpose, files.c.name, files.c.private, files.c.created_at,
    blobs.c.content_type, blobs.c.bytes, blobs.c.width, blobs.c.height,
)  # fmt: skip
_FILE = select(*_OF_FILE, blobs.c.prefix, blobs.c.objects).join_from(files, blobs)


@dataclass(frozen=True)
class NewFile:
    """What is said of a file that is being brought."""

    sha256: str
    owner_id: str
    purpose: str
    name: str
    private: bool
    bytes: int
    quota: int | None
    """How many bytes the owner may keep."""
    told: bool = False
    """The audit trail hears of it."""


@dataclass(frozen=True)
class Content:
    """A content that is in the object store already, below `prefix`."""

    prefix: str
    content_type: str
    objects: Sequence[Kept]
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Found:
    """A file and where its content is."""

    row: dict[str, Any]
    prefix: str
    objects: tuple[Kept, ...]


class FileStore(PostgresStore):
    """A content has one row in `blobs`, counted by its files; its row lock decides between keeping and removing it."""

    def add_known(self, new: NewFile) -> Found | None:
        """Keep a file whose content is here already; None when it isn't. Raises `Conflict` beyond the quota."""
        with self.transaction() as session:
            known = update(blobs).where(blobs.c.sha256 == new.sha256)
            if not session.execute(known.values(refs=blobs.c.refs + 1, orphaned_at=None)).rowcount:  # type: ignore[attr-defined]
                return None
            return self._add(session, new)

    def intend(self, prefix: str) -> None:
        """Before the first object of a content is written: whoever dies meanwhile leaves word of what to remove."""
        with self.transaction() as session:
            session.execute(insert(removals).values(prefix=prefix, due_at=func.now() + UPLOAD_TAKES))

    def add(self, new: NewFile, content: Content) -> Found:
        """Keep a file with its content. If somebody was quicker with the same content, theirs stays and ours goes.

        Raises `Conflict` beyond the quota, `ServiceUnavailable` for an upload of hours.
        """
        with self.transaction() as session:
            mine = delete(removals).where(removals.c.prefix == content.prefix, ~removals.c.claimed)
            if not session.execute(mine).rowcount:  # type: ignore[attr-defined]
                raise ServiceUnavailable("The upload took too long")
            values = {
                "sha256": new.sha256,
                "prefix": content.prefix,
                "content_type": content.content_type,
                "bytes": new.bytes,
                "width": content.width,
                "height": content.height,
                "objects": [asdict(kept) for kept in content.objects],
                "refs": 1,
            }
            kept = session.execute(
                pg_insert(blobs)
                .values(values)
                .on_conflict_do_update(
                    index_elements=[blobs.c.sha256], set_={"refs": blobs.c.refs + 1, "orphaned_at": None}
                )
                .returning(blobs.c.prefix)
            ).scalar_one()
            if kept != content.prefix:
                session.execute(insert(removals).values(prefix=content.prefix, due_at=func.now()))
            return self._add(session, new)

    def find(self, file_id: str) -> Found:
        """A file and where its content is. Raises `NotFound`."""
        with self.reading() as connection:
            row = connection.execute(_FILE.where(files.c.id == file_id)).one_or_none()
        if row is None:
            raise NotFound("There is no such file")
        return _found(row)

    def page(self, query: FilesQuery, owner_id: str | None) -> dict[str, Any]:
        """A page of files, the newest first; of one owner, or of all."""
        conditions = [
            column == value
            for column, value in (
                (files.c.owner_id, owner_id),
                (files.c.purpose, query.purpose),
                (files.c.sha256, query.sha256),
            )
            if value is not None
        ]
        paging = Paging(query.page, query.limit)
        with self.reading() as connection:
            total = connection.execute(select(func.count()).select_from(files).where(*conditions)).scalar_one()
            rows = connection.execute(
                _FILE.where(*conditions).order_by(files.c.id.desc()).offset(paging.offset).limit(paging.limit)
            ).all()
        return paged([_found(row).row for row in rows], total, paging)

    def remove(self, file_id: str, told: bool = False) -> None:
        """Forget a file; a content that nobody else has is an orphan from now on. Raises `NotFound`.

        `told`: the audit trail hears of it.
        """
        with self.transaction() as session:
            row = session.execute(
                delete(files).where(files.c.id == file_id).returning(files.c.sha256, files.c.owner_id, files.c.purpose)
            ).one_or_none()
            if row is None:
                raise NotFound("There is no such file")
            left = session.execute(
                update(blobs)
                .where(blobs.c.sha256 == row.sha256)
                .values(refs=blobs.c.refs - 1)
                .returning(blobs.c.refs, blobs.c.bytes)
            ).one()
            if left.refs == 0:
                session.execute(update(blobs).where(blobs.c.sha256 == row.sha256).values(orphaned_at=func.now()))
            session.execute(
                update(usage)
                .where(usage.c.owner_id == row.owner_id)
                .values(bytes=usage.c.bytes - left.bytes, files=usage.c.files - 1)
            )
            facts = {"sha256": row.sha256, "owner_id": row.owner_id, "purpose": row.purpose, "bytes": left.bytes}
            self.emit(session, FileDeleted(file_id=file_id, **facts))
            if told:
                self.audit(session, "file.delete", ("file", file_id), before=facts)

    def give_up_orphans(self, grace: timedelta) -> int:
        """Contents that nobody has had for that long are none any more; their objects are to be removed."""
        with self.transaction() as session:
            old = (
                select(blobs.c.sha256)
                .where(blobs.c.refs == 0, blobs.c.orphaned_at <= func.now() - grace)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            )
            prefixes = session.execute(
                delete(blobs).where(blobs.c.sha256.in_(old), blobs.c.refs == 0).returning(blobs.c.prefix)
            ).scalars()
            rows = [{"prefix": prefix} for prefix in prefixes]
            if rows:
                session.execute(insert(removals).values(due_at=func.now()), rows)
            return len(rows)

    def due(self) -> list[str]:
        """Take up to a hundred prefixes to remove: from now on no upload can make a content of them.

        Somebody who took them before and died may have left some of them: they are taken again.
        """
        with self.transaction() as session:
            due = select(removals.c.prefix).where(removals.c.due_at <= func.now()).limit(BATCH)
            return list(
                session.execute(
                    update(removals)
                    .where(removals.c.prefix.in_(due.with_for_update(skip_locked=True)))
                    .values(claimed=True)
                    .returning(removals.c.prefix)
                ).scalars()
            )

    def removed(self, prefix: str) -> None:
        """Nothing is left in the object store below this."""
        with self.autocommit() as connection:
            connection.execute(delete(removals).where(removals.c.prefix == prefix))

    def _add(self, session: Session, new: NewFile) -> Found:
        self._count(session, new)
        row = {
            "id": new_id(),
            "sha256": new.sha256,
            "owner_id": new.owner_id,
            "purpose": new.purpose,
            "name": new.name,
            "private": new.private,
        }
        session.execute(insert(files).values(row))
        facts = {"sha256": new.sha256, "owner_id": new.owner_id, "purpose": new.purpose, "bytes": new.bytes}
        self.emit(session, FileStored(file_id=row["id"], **facts))
        if new.told:
            self.audit(session, "file.create", ("file", str(row["id"])), after=facts)
        return _found(session.execute(_FILE.where(files.c.id == row["id"])).one())

    def _count(self, session: Session, new: NewFile) -> None:
        """The quota is part of the update, so that uploads at the same moment can't get past it together."""
        added = {"bytes": usage.c.bytes + new.bytes, "files": usage.c.files + 1}
        fits = None if new.quota is None else usage.c.bytes + new.bytes <= new.quota
        if new.quota is not None and new.bytes > new.quota:
            raise quota_exceeded(new.quota)
        counted = session.execute(
            pg_insert(usage)
            .values(owner_id=new.owner_id, bytes=new.bytes, files=1)
            .on_conflict_do_update(index_elements=[usage.c.owner_id], set_=added, where=fits)
        )
        if not counted.rowcount:  # type: ignore[attr-defined]
            raise quota_exceeded(new.quota or 0)


def _found(row: Any) -> Found:
    facts = {column.name: getattr(row, column.name) for column in _OF_FILE}
    facts["created_at"] = rfc3339(row.created_at)
    return Found(facts, row.prefix, tuple(Kept(**kept) for kept in row.objects))
