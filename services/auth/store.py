"""Queries of accounts."""

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.base import Idempotency
from schemas.events.auth import (
    EmailVerificationRequested,
    UserRegistered,
)
from services.auth import one_time_tokens
from services.auth.domain import (
    normalised,
)
from services.auth.models import accounts
from services.chassis.common import clock
from services.chassis.common.errors import Conflict, NotFound
from services.chassis.common.ids import new_id
from services.chassis.stores.postgres import PostgresStore, Session


class AccountStore(PostgresStore):
    """Accounts by their compared address, refresh tokens by their digest."""

    def add(
        self,
        email: str,
        password_hash: str,
        names: tuple[str, str],
        roles: list[str],
        key: Idempotency | None,
        secret: bytes | None = None,
        email_verified: bool = False,
    ) -> dict[str, Any]:
        """Create an account with its event; a repeated command returns the same account. Raises `Conflict` on `email`.

        With a secret, a link that verifies the address is requested.
        """
        user_id = new_id()
        row = {
            "id": user_id,
            "email": email,
            "email_key": normalised(email),
            "password_hash": password_hash,
            "first_name": names[0],
            "last_name": names[1],
            "roles": roles,
            "email_verified": email_verified,
        }
        with self.transaction() as session:
            if reply := self.claim(session, key):
                return dict(reply)
            added = session.execute(
                pg_insert(accounts).values(row).on_conflict_do_nothing(index_elements=["email_key"])
            )
            if added.rowcount == 0:  # type: ignore[attr-defined]
                raise _address_taken()
            registered = UserRegistered(
                user_id=user_id, email=email, first_name=names[0], last_name=names[1], roles=roles
            )
            self.emit(session, registered)
            if secret is not None:
                name = one_time_tokens.issue(session, "verify", [user_id], secret, clock.now())[user_id]
                self.emit(session, EmailVerificationRequested(user_id=user_id, email=email, ticket=name))
            self.audit(session, "account.create", ("account", user_id), after={"email": email, "roles": roles})
            user = as_user(self._account(session, accounts.c.id == user_id))
            self.remember(session, key, user)
            return user

    def check_available(self, email: str, key: Idempotency | None) -> None:
        """Raises `Conflict` as `add` would, before anything costly is done for it; not for a repeated command."""
        with self.reading() as connection:
            taken = connection.execute(select(accounts.c.id).where(accounts.c.email_key == normalised(email))).first()
            if taken and (key is None or self.known(connection, key) is None):
                raise _address_taken()

    def rename(self, user_id: str, first_name: str, last_name: str, at: datetime) -> None:
        """Set the name that tokens carry; late or repeated events change nothing."""
        later = or_(accounts.c.named_at.is_(None), accounts.c.named_at < at)
        values = {"first_name": first_name, "last_name": last_name, "named_at": at}
        values |= {"version": accounts.c.version + 1}
        with self.transaction() as session:
            session.execute(update(accounts).where(accounts.c.id == user_id, later).values(values))

    def credentials(self, email: str) -> tuple[dict[str, Any] | None, str | None]:
        """The account with this address and its password hash, or (None, None)."""
        query = select(accounts).where(accounts.c.email_key == normalised(email))
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        return (as_user(row), row.password_hash) if row else (None, None)

    def user(self, user_id: str) -> dict[str, Any]:
        """Read an account. Raises `NotFound`."""
        with self.reading() as connection:
            return as_user(self._account(connection, accounts.c.id == user_id))

    def rehash(self, user_id: str, before: str, after: str) -> None:
        """Replace a password's hash by a costlier one of the same password, unless it was changed meanwhile."""
        with self.transaction() as session:
            unchanged = (accounts.c.id == user_id) & (accounts.c.password_hash == before)
            session.execute(update(accounts).where(unchanged).values(password_hash=after))

    def refuse(self, email: str, user_id: str | None) -> None:
        """Record a failed login for the audit trail; an address without an account as a digest."""
        digest = hashlib.sha256(normalised(email).encode()).hexdigest()[:32]
        resource = ("account", user_id) if user_id else ("address", digest)
        with self.transaction() as session:
            self.audit(session, "session.refuse", resource)

    def _account(self, session: Session | Connection, condition: Any) -> Row[Any]:
        row = session.execute(select(accounts).where(condition)).one_or_none()
        if row is None:
            raise NotFound("There is no such account")
        return row


def as_user(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "email": row.email,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "roles": list(row.roles),
        "email_verified": row.email_verified,
    }


def _address_taken() -> Conflict:
    return Conflict("There is an account with this address", [{"field": "email", "message": "has an account"}])
