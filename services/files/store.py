"""Queries on files, contents, quotas, and scheduled removals from the object store."""

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
from services.chassis.common.paging import DESCENDING, Keyset, Paging, SortKey
from services.chassis.stores.keyset_postgres import paged
from services.chassis.stores.postgres import PostgresStore, Session
from services.files.domain import StoredObject, quota_exceeded
from services.files.models import blobs, files, removals, usage

UPLOAD_TIMEOUT: Final = timedelta(hours=1)
"""Objects of an upload that has not finished by then are removed."""
BATCH_SIZE: Final = 100
KEYSET: Final = Keyset("files", (SortKey("id", DESCENDING, "id"),))

_OF_FILE = (
    files.c.id, files.c.sha256, files.c.owner_id, files.c.purpose, files.c.name, files.c.private, files.c.created_at,
    blobs.c.content_type, blobs.c.bytes, blobs.c.width, blobs.c.height,
)  # fmt: skip
_FILE = select(*_OF_FILE, blobs.c.prefix, blobs.c.objects).join_from(files, blobs)


@dataclass(frozen=True)
class NewFile:
    """The attributes of a new file."""

    sha256: str
    owner_id: str
    purpose: str
    name: str
    private: bool
    bytes: int
    quota: int | None
    """The owner's quota in bytes; None without limit."""
    audited: bool = False
    """Whether the upload is audited."""


@dataclass(frozen=True)
class Content:
    """A content whose objects are in the object store under `prefix`."""

    prefix: str
    content_type: str
    objects: Sequence[StoredObject]
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class FileRecord:
    """A stored file and its objects."""

    row: dict[str, Any]
    prefix: str
    objects: tuple[StoredObject, ...]


class FileStore(PostgresStore):
    """Contents are rows of `blobs` with a reference count; the row lock serializes uploads and removal."""

    def add_existing(self, new: NewFile) -> FileRecord | None:
        """Add a file whose content exists; None if it does not. Raises `Conflict` beyond the quota."""
        with self.transaction() as session:
            increment = update(blobs).where(blobs.c.sha256 == new.sha256)
            if not session.execute(increment.values(refs=blobs.c.refs + 1, orphaned_at=None)).rowcount:  # type: ignore[attr-defined]
                return None
            return self._add(session, new)

    def schedule_removal(self, prefix: str) -> None:
        """Schedule the removal of a prefix before its first object is written, in case the process is killed."""
        with self.transaction() as session:
            session.execute(insert(removals).values(prefix=prefix, due_at=func.now() + UPLOAD_TIMEOUT))

    def add(self, new: NewFile, content: Content) -> FileRecord:
        """Add a file with its new content. If the content was added concurrently, the other objects are used.

        Raises `Conflict` beyond the quota, `ServiceUnavailable` for an upload beyond `UPLOAD_TIMEOUT`.
        """
        with self.transaction() as session:
            own_removal = delete(removals).where(removals.c.prefix == content.prefix, ~removals.c.claimed)
            if not session.execute(own_removal).rowcount:  # type: ignore[attr-defined]
                raise ServiceUnavailable("The upload took too long")
            values = {
                "sha256": new.sha256,
                "prefix": content.prefix,
                "content_type": content.content_type,
                "bytes": new.bytes,
                "width": content.width,
                "height": content.height,
                "objects": [asdict(object_) for object_ in content.objects],
                "refs": 1,
            }
            object_ = session.execute(
                pg_insert(blobs)
                .values(values)
                .on_conflict_do_update(
                    index_elements=[blobs.c.sha256], set_={"refs": blobs.c.refs + 1, "orphaned_at": None}
                )
                .returning(blobs.c.prefix)
            ).scalar_one()
            if object_ != content.prefix:
                session.execute(insert(removals).values(prefix=content.prefix, due_at=func.now()))
            return self._add(session, new)

    def find(self, file_id: str) -> FileRecord:
        """A file with its objects. Raises `NotFound`."""
        with self.reading() as connection:
            row = connection.execute(_FILE.where(files.c.id == file_id)).one_or_none()
        if row is None:
            raise NotFound("There is no such file")
        return _record(row)

    def page(self, query: FilesQuery, owner_id: str | None) -> dict[str, Any]:
        """A page of files, the newest first, of one owner or all."""
        conditions = [
            column == value
            for column, value in (
                (files.c.owner_id, owner_id),
                (files.c.purpose, query.purpose),
                (files.c.sha256, query.sha256),
            )
            if value is not None
        ]
        paging = Paging.of(query)
        with self.reading() as connection:
            total = connection.execute(select(func.count()).select_from(files).where(*conditions)).scalar_one()
            rows = connection.execute(paged(_FILE.where(*conditions), KEYSET, (files.c.id,), paging)).all()
        page = KEYSET.page(rows, total, paging, lambda last: (last.id,))
        return page | {"items": [_record(row).row for row in page["items"]]}

    def remove(self, file_id: str, audited: bool = False) -> None:
        """Delete a file; a content without files becomes an orphan. Raises `NotFound`.

        `audited`: whether the deletion is audited.
        """
        with self.transaction() as session:
            row = session.execute(
                delete(files).where(files.c.id == file_id).returning(files.c.sha256, files.c.owner_id, files.c.purpose)
            ).one_or_none()
            if row is None:
                raise NotFound("There is no such file")
            blob = session.execute(
                update(blobs)
                .where(blobs.c.sha256 == row.sha256)
                .values(refs=blobs.c.refs - 1)
                .returning(blobs.c.refs, blobs.c.bytes)
            ).one()
            if blob.refs == 0:
                session.execute(update(blobs).where(blobs.c.sha256 == row.sha256).values(orphaned_at=func.now()))
            session.execute(
                update(usage)
                .where(usage.c.owner_id == row.owner_id)
                .values(bytes=usage.c.bytes - blob.bytes, files=usage.c.files - 1)
            )
            fields = {"sha256": row.sha256, "owner_id": row.owner_id, "purpose": row.purpose, "bytes": blob.bytes}
            self.emit(session, FileDeleted(file_id=file_id, **fields))
            if audited:
                self.audit(session, "file.delete", ("file", file_id), before=fields)

    def of_owner(self, owner_id: str) -> list[dict[str, Any]]:
        """All files of an owner, the oldest first."""
        query = _FILE.where(files.c.owner_id == owner_id).order_by(files.c.id)
        with self.reading() as connection:
            return [_record(row).row for row in connection.execute(query)]

    def forget_owner(self, owner_id: str) -> None:
        """Delete the usage of an owner without files."""
        with self.transaction() as session:
            session.execute(delete(usage).where(usage.c.owner_id == owner_id, usage.c.files == 0))

    def remove_orphans(self, grace: timedelta) -> int:
        """Delete contents that have been orphans for the grace period, and schedule the removal of their objects."""
        with self.transaction() as session:
            orphaned = (
                select(blobs.c.sha256)
                .where(blobs.c.refs == 0, blobs.c.orphaned_at <= func.now() - grace)
                .limit(BATCH_SIZE)
                .with_for_update(skip_locked=True)
            )
            prefixes = session.execute(
                delete(blobs).where(blobs.c.sha256.in_(orphaned), blobs.c.refs == 0).returning(blobs.c.prefix)
            ).scalars()
            rows = [{"prefix": prefix} for prefix in prefixes]
            if rows:
                session.execute(insert(removals).values(due_at=func.now()), rows)
            return len(rows)

    def claim_due_removals(self) -> list[str]:
        """Claim up to a hundred due prefixes; no upload can use them from now on.

        Prefixes claimed by a killed process are claimed again.
        """
        with self.transaction() as session:
            claim_due_removals = select(removals.c.prefix).where(removals.c.due_at <= func.now()).limit(BATCH_SIZE)
            return list(
                session.execute(
                    update(removals)
                    .where(removals.c.prefix.in_(claim_due_removals.with_for_update(skip_locked=True)))
                    .values(claimed=True)
                    .returning(removals.c.prefix)
                ).scalars()
            )

    def finish_removal(self, prefix: str) -> None:
        """Record that the objects of a prefix have been removed."""
        with self.autocommit() as connection:
            connection.execute(delete(removals).where(removals.c.prefix == prefix))

    def _add(self, session: Session, new: NewFile) -> FileRecord:
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
        fields = {"sha256": new.sha256, "owner_id": new.owner_id, "purpose": new.purpose, "bytes": new.bytes}
        self.emit(session, FileStored(file_id=row["id"], **fields))
        if new.audited:
            self.audit(session, "file.create", ("file", str(row["id"])), after=fields)
        return _record(session.execute(_FILE.where(files.c.id == row["id"])).one())

    def _count(self, session: Session, new: NewFile) -> None:
        """Add to the owner's usage. The quota is a condition of the update, so concurrent uploads cannot exceed it."""
        added = {"bytes": usage.c.bytes + new.bytes, "files": usage.c.files + 1}
        fits = None if new.quota is None else usage.c.bytes + new.bytes <= new.quota
        if new.quota is not None and new.bytes > new.quota:
            raise quota_exceeded(new.quota)
        updated = session.execute(
            pg_insert(usage)
            .values(owner_id=new.owner_id, bytes=new.bytes, files=1)
            .on_conflict_do_update(index_elements=[usage.c.owner_id], set_=added, where=fits)
        )
        if not updated.rowcount:  # type: ignore[attr-defined]
            raise quota_exceeded(new.quota or 0)


def _record(row: Any) -> FileRecord:
    fields = {column.name: getattr(row, column.name) for column in _OF_FILE}
    fields["created_at"] = rfc3339(row.created_at)
    return FileRecord(fields, row.prefix, tuple(StoredObject(**object_) for object_ in row.objects))
