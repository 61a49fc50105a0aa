"""Queries on exports of personal data: collected in parts from all services, kept encrypted for some days."""

from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.events.privacy import (
    PERSONAL_DATA_SERVICES,
    PersonalDataCollected,
    PersonalDataCollectionCompleted,
    PersonalDataExportRequested,
)
from services.chassis.common.encryption import Encryption
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import new_id
from services.chassis.stores.encrypted import EncryptedColumn
from services.chassis.stores.postgres import PostgresStore, Session
from services.users.models import export_parts, export_services, exports

PURPOSE: Final = "users.export"
ENCRYPTED: Final = EncryptedColumn("export_parts", "records", record="id", purpose=PURPOSE)


class Exports:
    """The tables `exports`, `export_parts` and `export_services`."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def request(self, user_id: str, email: str | None, now: datetime, lifetime: timedelta) -> dict[str, Any]:
        """Begin an export and delete the former one; one that is running is returned instead."""
        row = {"id": new_id(), "user_id": user_id, "requested_at": now, "expires_at": now + lifetime}
        with self.store.transaction() as session:
            added = session.execute(pg_insert(exports).values(row).on_conflict_do_nothing())
            if added.rowcount:  # type: ignore[attr-defined]
                former = (exports.c.user_id == user_id) & (exports.c.id != row["id"])
                session.execute(delete(exports).where(former))
                self.store.emit(
                    session, PersonalDataExportRequested(export_id=str(row["id"]), user_id=user_id, email=email)
                )
        return self.latest(user_id)

    def latest(self, user_id: str) -> dict[str, Any]:
        """The account's export and its progress. Raises `NotFound`."""
        done = select(func.count()).where(export_services.c.export_id == exports.c.id).scalar_subquery()
        query = (
            select(exports, done.label("services_done"))
            .where(exports.c.user_id == user_id, exports.c.expires_at > func.now())
            .order_by(exports.c.requested_at.desc())
            .limit(1)
        )
        with self.store.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("There is no export: request one")
        return dict(row._mapping)

    def add_part(self, event: PersonalDataCollected, encryption: Encryption) -> None:
        """Store a part. Idempotent; parts of an export that was deleted are ignored."""
        id_ = f"{event.export_id}:{event.service}:{event.part}"
        row = {
            "export_id": event.export_id,
            "service": event.service,
            "part": event.part,
            "id": id_,
            "section": event.section,
            "records": encryption.encrypt(orjson.dumps(event.records), purpose=PURPOSE, record=id_),
        }
        with self.store.transaction() as session:
            if self._lock(session, event.export_id):
                session.execute(pg_insert(export_parts).values(row).on_conflict_do_nothing())
                self._finish(session, event.export_id)

    def complete_service(self, event: PersonalDataCollectionCompleted) -> None:
        """Record the number of a service's parts. Idempotent."""
        row = {"export_id": event.export_id, "service": event.service, "parts": event.parts}
        with self.store.transaction() as session:
            if self._lock(session, event.export_id):
                session.execute(pg_insert(export_services).values(row).on_conflict_do_nothing())
                self._finish(session, event.export_id)

    def part_after(
        self, export_id: str, after: tuple[str, str, int] | None, encryption: Encryption
    ) -> dict[str, Any] | None:
        """The next part (service, section, part, records) in order of service and section; None after the last one.

        Raises `NotFound` for an export that is not ready or has expired.
        """
        place = (export_parts.c.service, export_parts.c.section, export_parts.c.part)
        query = select(export_parts).where(export_parts.c.export_id == export_id).order_by(*place).limit(1)
        if after is not None:
            query = query.where(func.row(*place) > func.row(*after))
        is_open = select(exports.c.id).where(
            exports.c.id == export_id, exports.c.ready_at.is_not(None), exports.c.expires_at > func.now()
        )
        with self.store.reading() as connection:
            if connection.execute(is_open).one_or_none() is None:
                raise NotFound("There is no such export")
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        records = orjson.loads(encryption.decrypt(row.records, purpose=PURPOSE, record=row.id))
        return {"service": row.service, "section": row.section, "part": row.part, "records": records}

    def delete_expired(self) -> None:
        """Delete exports that have expired."""
        with self.store.transaction() as session:
            session.execute(delete(exports).where(exports.c.expires_at < func.now()))

    def erase(self, session: Session, user_id: str) -> None:
        """Delete the account's exports."""
        session.execute(delete(exports).where(exports.c.user_id == user_id))

    @staticmethod
    def _lock(session: Session, export_id: str) -> bool:
        """Lock the export, so that the last of several concurrent parts sees all others."""
        query = select(exports.c.id).where(exports.c.id == export_id).with_for_update()
        return session.execute(query).one_or_none() is not None

    @staticmethod
    def _finish(session: Session, export_id: str) -> None:
        """Mark the export as ready when every service has completed and all of its parts are stored."""
        stored = select(func.count()).where(
            export_parts.c.export_id == export_services.c.export_id,
            export_parts.c.service == export_services.c.service,
        )
        whole = select(func.count()).where(
            export_services.c.export_id == export_id,
            export_services.c.service.in_(PERSONAL_DATA_SERVICES),
            export_services.c.parts == stored.correlate(export_services).scalar_subquery(),
        )
        if session.execute(whole).scalar_one() == len(PERSONAL_DATA_SERVICES):
            ready = update(exports).where(exports.c.id == export_id, exports.c.ready_at.is_(None))
            session.execute(ready.values(ready_at=func.now()))
