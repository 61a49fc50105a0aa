"""Queries on identities: accounts at other providers, and the accounts here that they are linked to."""

from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.base import Email
from schemas.events.auth import EmailVerified, IdentityLinked, IdentityRemoved, UserRegistered
from schemas.names import PersonName
from services.auth import one_time_tokens
from services.auth.domain import IdentityDecision, decide_on_identity, normalised
from services.auth.models import accounts, api_keys, identities, recovery_codes, second_factors, sessions
from services.auth.providers import PersonAtProvider
from services.auth.session_store import SessionStore
from services.chassis.common import clock
from services.chassis.common.errors import EmailNotVerified, Forbidden, InvalidState, NotFound
from services.chassis.common.ids import new_id
from services.chassis.common.timestamps import rfc3339
from services.chassis.stores.postgres import Session

NAME: Final[TypeAdapter[str]] = TypeAdapter(PersonName)
EMAIL: Final[TypeAdapter[str]] = TypeAdapter(Email)


class Identities:
    """The table `identities`."""

    def __init__(self, store: SessionStore) -> None:
        self.store = store

    def sign_in(self, person: PersonAtProvider, provider: str, title: str) -> tuple[str, str]:
        """The account of a person at a provider and the identity; links it, or creates the account, at its first use.

        Raises `EmailNotVerified`, `Forbidden` for a disabled account.
        """
        with self.store.transaction() as session:
            # Two first logins of a person, one after the other: the second one finds the identity.
            key = func.hashtextextended(f"{person.issuer} {person.subject}", 0)
            session.execute(select(func.pg_advisory_xact_lock(key)))
            identity = self._used(session, person)
            if identity is not None:
                account = self._account(session, accounts.c.id == identity.user_id)
                if account is None or account.status != "active":
                    raise Forbidden("The account is disabled")
                return str(identity.user_id), str(identity.id)
            return self._link(session, person, provider, title)

    def is_linked(self, identity_id: str, user_id: str) -> bool:
        """Whether the identity is still the account's."""
        query = select(identities.c.id).where(identities.c.id == identity_id, identities.c.user_id == user_id)
        with self.store.reading() as connection:
            return connection.execute(query).first() is not None

    def of_user(self, user_id: str, titles: dict[str, str]) -> list[dict[str, Any]]:
        """The identities of an account, oldest first."""
        query = select(identities).where(identities.c.user_id == user_id).order_by(identities.c.id)
        with self.store.reading() as connection:
            return [
                {
                    "id": row.id,
                    "provider": row.provider,
                    "title": titles.get(row.provider, row.provider),
                    "email": row.email,
                    "created_at": rfc3339(row.created_at),
                    "last_used_at": rfc3339(row.last_used_at),
                }
                for row in connection.execute(query)
            ]

    def remove(self, identity_id: str, user_id: str) -> None:
        """Remove an identity. Raises `NotFound`, `InvalidState` for the last way to sign in."""
        with self.store.transaction() as session:
            account = self._account(session, accounts.c.id == user_id)
            of_user = session.execute(select(identities).where(identities.c.user_id == user_id)).all()
            identity = next((row for row in of_user if row.id == identity_id), None)
            if account is None or identity is None:
                raise NotFound("There is no such identity")
            if not account.password_hash and len(of_user) == 1:
                raise InvalidState("It is the only way to sign in: set a password first, by a reset mail")
            session.execute(delete(identities).where(identities.c.id == identity_id))
            self.store.emit(
                session, IdentityRemoved(user_id=user_id, identity_id=identity_id, provider=identity.provider)
            )
            self.store.audit(session, "identity.remove", ("account", user_id), before={"provider": identity.provider})

    def _link(self, session: Session, person: PersonAtProvider, provider: str, title: str) -> tuple[str, str]:
        """Link a new identity by its mail address. Concurrent registrations of the address are decided by its index."""
        email = _email(person)
        if email is None:
            raise EmailNotVerified("The provider has not verified a mail address of yours")
        account = self._account(session, accounts.c.email_key == normalised(email))
        is_new = account is None and self._create(session, person, email)
        account = self._account(session, accounts.c.email_key == normalised(email))
        if account is None:
            raise NotFound("There is no such account")
        decision = decide_on_identity(account.status, account.email_verified, account.roles)
        if decision is IdentityDecision.REFUSE:
            raise Forbidden("The account is disabled")
        if decision is IdentityDecision.VERIFY_FIRST:
            raise EmailNotVerified("The account with your address has to verify it first, by the link that was mailed")
        if decision is IdentityDecision.TAKE_OVER:
            self._take_over(session, account.id)
        identity_id = new_id()
        row = {"id": identity_id, "user_id": account.id, "issuer": person.issuer, "subject": person.subject}
        session.execute(pg_insert(identities).values(row | {"provider": provider, "email": email}))
        if not is_new:
            linked = IdentityLinked(
                user_id=account.id, identity_id=identity_id, provider=provider, title=title, email=account.email
            )
            self.store.emit(session, linked)
        self.store.audit(session, "identity.link", ("account", account.id), after={"provider": provider})
        return str(account.id), identity_id

    def _create(self, session: Session, person: PersonAtProvider, email: str) -> bool:
        """Create the account; False when the address was registered at the same moment."""
        user_id = new_id()
        first_name = _name(person.first_name) or _name(email.partition("@")[0]) or "Customer"
        last_name = _name(person.last_name) or ""
        row: dict[str, Any] = {"id": user_id, "email": email, "email_key": normalised(email), "password_hash": ""}
        row |= {"first_name": first_name, "last_name": last_name, "roles": ["CUSTOMER"], "email_verified": True}
        added = session.execute(pg_insert(accounts).values(row).on_conflict_do_nothing(index_elements=["email_key"]))
        if added.rowcount == 0:  # type: ignore[attr-defined]
            return False
        registered = UserRegistered(
            user_id=user_id, email=email, first_name=first_name, last_name=last_name, roles=["CUSTOMER"]
        )
        self.store.emit(session, registered)
        self.store.emit(session, EmailVerified(user_id=user_id))
        self.store.audit(session, "account.create", ("account", user_id), after={"email": email, "roles": ["CUSTOMER"]})
        return True

    def _take_over(self, session: Session, user_id: str) -> None:
        """Give an account whose address was never verified to the address's owner: all ways in so far are void."""
        session.execute(update(accounts).where(accounts.c.id == user_id).values(password_hash="", email_verified=True))
        self.store.end_sessions(session, sessions.c.user_id == user_id)
        for table in (recovery_codes, second_factors, identities):
            session.execute(delete(table).where(table.c.user_id == user_id))
        keys = (api_keys.c.created_by == user_id, api_keys.c.deleted_at.is_(None))
        session.execute(update(api_keys).where(*keys).values(deleted_at=func.now()))
        for purpose in one_time_tokens.LIFETIMES:
            one_time_tokens.invalidate_unused(session, purpose, user_id, clock.now())
        self.store.emit(session, EmailVerified(user_id=user_id))
        self.store.audit(session, "account.take_over", ("account", user_id), after={"email_verified": True})

    @staticmethod
    def _used(session: Session, person: PersonAtProvider) -> Row[Any] | None:
        same = (identities.c.issuer == person.issuer, identities.c.subject == person.subject)
        used = update(identities).where(*same).values(last_used_at=func.now()).returning(identities)
        return session.execute(used).one_or_none()

    @staticmethod
    def _account(session: Session, condition: Any) -> Row[Any] | None:
        """The account, locked."""
        return session.execute(select(accounts).where(condition).with_for_update()).one_or_none()


def _email(person: PersonAtProvider) -> str | None:
    """The address that the provider has verified, in our form."""
    if person.email is None or not person.email_verified:
        return None
    try:
        return EMAIL.validate_python(person.email)
    except ValidationError:
        return None


def _name(text: str) -> str | None:
    """A name as accounts have them; None for one that isn't, such as a web address."""
    try:
        return NAME.validate_python(text)
    except ValidationError:
        return None
