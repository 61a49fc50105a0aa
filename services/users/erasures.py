"""Queries on erasures: which services have erased a person's data, in which round.

The first round begins at once. The second one erases what requests and events that were under way at the first have
written since; then the erasure is complete, and the person's address is deleted here as well.
"""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.events.auth import AccountErased
from schemas.events.privacy import PERSONAL_DATA_SERVICES, PersonalDataErased, PersonalDataErasureRequested
from services.chassis.common.encryption import Encryption
from services.chassis.common.errors import NotFound
from services.chassis.common.timestamps import rfc3339
from services.chassis.stores.encrypted import EncryptedColumn
from services.chassis.stores.postgres import PostgresStore
from services.users.models import erasure_replies, erasures, profiles

PURPOSE: Final = "users.erasure"
ENCRYPTED: Final = EncryptedColumn("erasures", "email", record="id", purpose=PURPOSE)
ROUNDS: Final = 2


class Erasures:
    """The tables `erasures` and `erasure_replies`."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def begin(self, event: AccountErased, encryption: Encryption) -> None:
        """Begin the first round. Idempotent."""
        row = {
            "id": event.erasure_id,
            "user_id": event.user_id,
            "email": encryption.encrypt(event.email.encode(), purpose=PURPOSE, record=event.erasure_id),
            "email_verified": event.email_verified,
            "requested_at": event.meta.time,
        }
        with self.store.transaction() as session:
            language = select(profiles.c.language).where(profiles.c.id == event.user_id)
            if session.execute(pg_insert(erasures).values(row).on_conflict_do_nothing()).rowcount:  # type: ignore[attr-defined]
                self.store.emit(
                    session,
                    PersonalDataErasureRequested(
                        erasure_id=event.erasure_id,
                        user_id=event.user_id,
                        email=event.email,
                        email_verified=event.email_verified,
                        language=session.execute(language).scalar(),
                    ),
                )

    def add_reply(self, event: PersonalDataErased) -> None:
        """Record that a service has finished a round. Idempotent."""
        row = {"erasure_id": event.erasure_id, "service": event.service, "round": event.round}
        with self.store.transaction() as session:
            session.execute(pg_insert(erasure_replies).values(row).on_conflict_do_nothing())

    def advance(self, second_round_after: timedelta, encryption: Encryption) -> None:
        """Begin the second round of erasures whose first one is done, and complete those whose second one is."""
        replies = select(func.count()).where(
            erasure_replies.c.erasure_id == erasures.c.id,
            erasure_replies.c.round == erasures.c.round,
            erasure_replies.c.service.in_(PERSONAL_DATA_SERVICES),
        )
        done = select(erasures).where(
            erasures.c.completed_at.is_(None),
            erasures.c.requested_at < func.now() - second_round_after,
            replies.correlate(erasures).scalar_subquery() == len(PERSONAL_DATA_SERVICES),
        )
        with self.store.transaction() as session:
            for row in session.execute(done.with_for_update(skip_locked=True)).all():
                this = update(erasures).where(erasures.c.id == row.id)
                if row.round == ROUNDS:
                    session.execute(this.values(completed_at=func.now(), email=None))
                    continue
                session.execute(this.values(round=row.round + 1))
                self.store.emit(
                    session,
                    PersonalDataErasureRequested(
                        erasure_id=row.id,
                        user_id=row.user_id,
                        email=encryption.decrypt(row.email, purpose=PURPOSE, record=row.id).decode(),
                        email_verified=row.email_verified,
                        round=row.round + 1,
                    ),
                )

    def of_user(self, user_id: str) -> dict[str, Any]:
        """The erasure of an account and its progress. Raises `NotFound`."""
        query = select(erasures).where(erasures.c.user_id == user_id)
        with self.store.reading() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                raise NotFound("The account was not erased")
            replies = select(erasure_replies.c.service).where(
                erasure_replies.c.erasure_id == row.id, erasure_replies.c.round == row.round
            )
            services = list(connection.execute(replies).scalars())
        return {
            "id": row.id,
            "user_id": row.user_id,
            "status": "running" if row.completed_at is None else "completed",
            "round": row.round,
            "services": sorted(services),
            "requested_at": rfc3339(row.requested_at),
            "completed_at": rfc3339(row.completed_at) if row.completed_at else None,
        }
