"""Erasure of an account: what identifies the person is deleted, the row stays so that other records can name it."""

from typing import Any, Final

from sqlalchemy import Select, Table, delete, func, select, update

from schemas.api.privacy import EraseUser
from schemas.events.auth import AccountErased
from services.auth.domain import normalised
from services.auth.models import (
    accounts,
    api_keys,
    identities,
    login_attempts,
    recovery_codes,
    refresh_tokens,
    reset_wishes,
    second_factors,
    sessions,
    spending,
    tickets,
)
from services.auth.session_store import SessionStore
from services.chassis.common.errors import InvalidState, NotFound
from services.chassis.common.ids import new_id
from services.chassis.messaging.personal_data import ERASED_NAME, Person, as_json
from services.chassis.stores.postgres import Session
from services.chassis.stores.tables import idempotency

CUSTOMER_ROLES: Final = frozenset({"CUSTOMER"})
ACCOUNT: Final = (
    *("id", "email", "first_name", "last_name", "roles", "groups"),
    *("email_verified", "status", "last_login_at", "created_at"),
)
SESSION: Final = ("id", "user_agent", "address", "created_at", "last_used_at", "ended_at")
IDENTITY: Final = ("id", "provider", "issuer", "subject", "email", "created_at", "last_used_at")
API_KEY: Final = ("id", "name", "prefix", "scopes", "created_at", "last_used_at")


class AccountErasure:
    """Erases accounts, and reads what auth holds of a person."""

    def __init__(self, store: SessionStore) -> None:
        self.store = store

    def erase(self, user_id: str, password_hash: str) -> str:
        """Erase an account whose password was checked; returns the erasure's id. Raises `InvalidState`, `NotFound`."""
        with self.store.transaction() as session:
            row = self._lock(session, user_id)
            if row.password_hash != password_hash:
                raise InvalidState("The password was changed meanwhile")
            return self._begin(session, row)

    def erase_requested(self, command: EraseUser) -> str:
        """Erase the account of a person who has requested it; returns the erasure's id.

        The audit trail has the reason in an entry on the erasure: entries on the account can't be read after it.
        Raises `InvalidState`, `NotFound`.
        """
        if command.user_id == command.caller.user_id:
            raise InvalidState("The own account is erased by DELETE /users/me")
        with self.store.transaction() as session:
            erasure_id = self._begin(session, self._lock(session, command.user_id))
            after = {"account_id": command.user_id, "reason": command.reason}
            self.store.audit(session, "erasure.request", ("erasure", erasure_id), after=after)
            return erasure_id

    @staticmethod
    def _lock(session: Session, user_id: str) -> Any:
        row = session.execute(select(accounts).where(accounts.c.id == user_id).with_for_update()).one_or_none()
        if row is None or row.status == "erased":
            raise NotFound("There is no such account")
        return row

    def _begin(self, session: Session, row: Any) -> str:
        if set(row.roles) - CUSTOMER_ROLES:
            raise InvalidState("Accounts of staff and vendors can't be erased: their roles must be removed first")
        erasure_id = new_id()
        self.store.end_sessions(session, sessions.c.user_id == row.id)
        event = AccountErased(user_id=row.id, erasure_id=erasure_id, email=row.email, email_verified=row.email_verified)
        self.store.emit(session, event)
        self.store.audit(session, "account.erase", ("account", row.id))
        self._forget(session, Person(row.id, row.email))
        return erasure_id

    def forget(self, person: Person) -> None:
        """Delete what identifies the person. Idempotent."""
        with self.store.transaction() as session:
            self._forget(session, person)

    def personal_data(self, user_id: str) -> dict[str, list[dict[str, Any]]]:
        """The account, its sessions, keys and groups; no secrets."""
        queries = {
            "account": _columns(accounts, ACCOUNT).where(accounts.c.id == user_id),
            "sessions": _columns(sessions, SESSION).where(sessions.c.user_id == user_id),
            "second_factor": select(second_factors.c.confirmed_at).where(second_factors.c.user_id == user_id),
            "identities": _columns(identities, IDENTITY).where(identities.c.user_id == user_id),
            "api_keys": _columns(api_keys, API_KEY).where(api_keys.c.created_by == user_id),
            "spending": _columns(spending, ("currency", "amount")).where(spending.c.user_id == user_id),
        }
        with self.store.reading() as connection:
            return {
                section: [as_json(row._mapping) for row in connection.execute(query)]
                for section, query in queries.items()
            }

    @staticmethod
    def _forget(session: Session, person: Person) -> None:
        user_id = person.user_id
        of_user = select(sessions.c.id).where(sessions.c.user_id == user_id)
        erased = {
            "email": person.erased_email,
            "email_key": person.erased_email,
            "password_hash": "",
            "first_name": ERASED_NAME,
            "last_name": "",
            "roles": [],
            "groups": [],
            "email_verified": False,
            "status": "erased",
        }
        session.execute(update(accounts).where(accounts.c.id == user_id).values(erased))
        session.execute(update(sessions).where(sessions.c.user_id == user_id).values(user_agent=None, address=None))
        session.execute(delete(refresh_tokens).where(refresh_tokens.c.session_id.in_(of_user)))
        keys = update(api_keys).where(api_keys.c.created_by == user_id)
        session.execute(keys.values(name="", deleted_at=func.coalesce(api_keys.c.deleted_at, func.now())))
        for table in (identities, tickets, second_factors, recovery_codes, spending):
            session.execute(delete(table).where(table.c.user_id == user_id))
        session.execute(delete(idempotency).where(idempotency.c.reply["id"].astext == user_id))
        if person.email is not None:
            key = normalised(person.email)
            session.execute(delete(reset_wishes).where(reset_wishes.c.email_key == key))
            from_addresses = login_attempts.c.key.startswith(f"account:{key}|", autoescape=True)
            of_account = login_attempts.c.key.in_([f"account:{key}", f"account:{user_id}"])
            session.execute(delete(login_attempts).where(from_addresses | of_account))


def _columns(table: Table, names: tuple[str, ...]) -> Select[Any]:
    return select(*(table.c[name] for name in names))
