"""Keys of persons, which their values in entries are sealed under. The deletion of a key erases the values.

Keys are stored encrypted under the instance's key ring; addresses as keyed digests, for the filter by address.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as pg_insert

from services.audit.models import person_keys
from services.audit.personal_data import new_key
from services.chassis.common.encryption import Encryption
from services.chassis.stores.encrypted import EncryptedColumn
from services.chassis.stores.postgres import Session

PURPOSE: Final = "audit.person"
ENCRYPTED: Final = EncryptedColumn("person_keys", "key", record="person_id", purpose=PURPOSE)


class PersonKeys:
    """The table `person_keys`."""

    def __init__(self, encryption: Encryption, digest_key: bytes) -> None:
        self.encryption = encryption
        self._digest_key = digest_key

    def get_or_create(self, session: Session, persons: Iterable[str], emails: Mapping[str, str]) -> dict[str, bytes]:
        """The keys of these persons. `emails`: addresses by person, which the filter by address finds them by."""
        ids = sorted(set(persons))
        query = select(person_keys.c.person_id, person_keys.c.email_digest).where(person_keys.c.person_id.in_(ids))
        stored = {row.person_id: row.email_digest for row in session.execute(query)}
        new = [
            self._row(person, emails.get(person))
            for person in ids
            if person not in stored or (stored[person] is None and emails.get(person))
        ]
        if not new:
            return self.read(session, ids)
        added = pg_insert(person_keys)
        has_none = person_keys.c.email_digest.is_(None)
        digest = {"email_digest": added.excluded.email_digest}
        session.execute(added.on_conflict_do_update(index_elements=["person_id"], set_=digest, where=has_none), new)
        return self.read(session, ids)

    def read(self, session: Session | Connection, persons: Iterable[str]) -> dict[str, bytes]:
        """The keys of these persons, of those that have one."""
        query = select(person_keys.c.person_id, person_keys.c.key).where(person_keys.c.person_id.in_(list(persons)))
        return {
            row.person_id: self.encryption.decrypt(row.key, purpose=PURPOSE, record=row.person_id)
            for row in session.execute(query)
        }

    def with_email(self, session: Session | Connection, email: str) -> list[str]:
        """The persons with this address."""
        query = select(person_keys.c.person_id).where(person_keys.c.email_digest == self._digest(email))
        return list(session.execute(query).scalars())

    @staticmethod
    def erase(session: Session, person: str) -> None:
        """Delete a person's key: the values in all entries can't be read any more."""
        session.execute(delete(person_keys).where(person_keys.c.person_id == person))

    def _row(self, person: str, email: str | None) -> dict[str, str | None]:
        key = self.encryption.encrypt(new_key(), purpose=PURPOSE, record=person)
        return {"person_id": person, "key": key, "email_digest": self._digest(email) if email else None}

    def _digest(self, email: str) -> str:
        return hmac.digest(self._digest_key, b"audit address\n" + email.lower().encode(), hashlib.sha256).hex()
