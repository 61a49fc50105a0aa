"""Queries for mail verification and password changes."""

import math
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.events.auth import (
    EmailVerificationRequested,
    EmailVerified,
    PasswordChanged,
    PasswordResetRequested,
    UserLoggedOut,
)
from services.auth import one_time_tokens
from services.auth.domain import Device, Lifetimes, OpenSession, normalised
from services.auth.models import accounts, reset_wishes, sessions
from services.auth.models import tickets as ticket_table
from services.auth.session_store import SessionStore
from services.auth.store import as_user
from services.chassis.common.errors import (
    Conflict,
    InvalidState,
    NotFound,
    RateLimited,
    Unauthenticated,
    ValidationFailed,
)
from services.chassis.stores.postgres import Session

RESET_BATCH: Final = 100
MAX_RESETS_PER_DAY: Final = 5
"""Mails with a reset link to one account in 24 hours: anybody can request them."""


class RecoveryStore(SessionStore):
    """Accounts with verification and password reset by mailed links."""

    def verify_email(self, token: str, now: datetime) -> dict[str, Any]:
        """Verify the address of a link. Idempotent; returns the account. Raises `ValidationFailed`."""
        with self.transaction() as session:
            user_id = one_time_tokens.redeem(session, "verify", token, now)
            if user_id is None:
                user_id = one_time_tokens.account_of(session, "verify", token)
                user = as_user(self._account(session, accounts.c.id == user_id)) if user_id else None
                if user is None or not user["email_verified"]:
                    raise _invalid_link()
                return user
            session.execute(update(accounts).where(accounts.c.id == user_id).values(email_verified=True))
            self.emit(session, EmailVerified(user_id=user_id))
            self.audit(session, "account.verify", ("account", user_id), after={"email_verified": True})
            return as_user(self._account(session, accounts.c.id == user_id))

    def resend_verification(self, user_id: str, secret: bytes, now: datetime) -> None:
        """Request another verification link; earlier ones stay valid.

        Raises `InvalidState` when the address is verified, `RateLimited` for too many, `NotFound`.
        """
        with self.transaction() as session:
            query = select(accounts).where(accounts.c.id == user_id).with_for_update()
            account = session.execute(query).one_or_none()
            if account is None:
                raise NotFound("There is no such account")
            if account.email_verified:
                raise InvalidState("The address is verified already")
            if wait := math.ceil(one_time_tokens.wait_before_next(session, "verify", user_id, now).total_seconds()):
                raise RateLimited("Another mail was sent before; please wait", [{"retry_after": wait}])
            name = one_time_tokens.issue(session, "verify", [user_id], secret, now)[user_id]
            self.emit(session, EmailVerificationRequested(user_id=user_id, email=account.email, ticket=name))
            self.audit(session, "account.resend_verification", ("account", user_id))

    def request_password_reset(self, email: str) -> None:
        """Store a request for a password reset: the same work whether or not the account exists."""
        with self.transaction() as session:
            session.execute(pg_insert(reset_wishes).values(email_key=normalised(email)).on_conflict_do_nothing())

    def issue_password_resets(self, secret: bytes, now: datetime) -> int:
        """Issue links for requested resets; returns how many. Each request is handled by one process."""
        with self.transaction() as session:
            batch = select(reset_wishes.c.email_key).limit(RESET_BATCH).with_for_update(skip_locked=True)
            deleted = (
                delete(reset_wishes).where(reset_wishes.c.email_key.in_(batch)).returning(reset_wishes.c.email_key)
            )
            email_keys = list(session.execute(deleted).scalars())
            if not email_keys:
                return 0
            recent = select(ticket_table.c.digest).where(
                ticket_table.c.user_id == accounts.c.id,
                ticket_table.c.purpose == "reset",
                ticket_table.c.expires_at > now + one_time_tokens.LIFETIMES["reset"] - one_time_tokens.RESEND_INTERVAL,
            )
            today = select(func.count()).where(
                ticket_table.c.user_id == accounts.c.id,
                ticket_table.c.purpose == "reset",
                ticket_table.c.expires_at > now + one_time_tokens.LIFETIMES["reset"] - timedelta(days=1),
            )
            may_get_mail = (~recent.exists(), today.scalar_subquery() < MAX_RESETS_PER_DAY)
            is_open = (accounts.c.email_key.in_(email_keys), accounts.c.status == "active")
            rows = session.execute(select(accounts).where(*is_open, *may_get_mail)).all()
            names = one_time_tokens.issue(session, "reset", [row.id for row in rows], secret, now)
            for row in rows:
                self.emit(session, PasswordResetRequested(user_id=row.id, email=row.email, ticket=names[row.id]))
                self.audit(session, "password.forget", ("account", row.id))
            return len(rows)

    def account_to_reset(self, token: str, now: datetime) -> dict[str, Any]:
        """The account of an open link. Raises `ValidationFailed` for an invalid one, before the work of hashing."""
        with self.transaction() as session:
            owner_id = one_time_tokens.account_of(session, "reset", token)
            if owner_id is None or not one_time_tokens.is_open(session, "reset", token, now):
                raise _invalid_link()
            return as_user(self._account(session, accounts.c.id == owner_id))

    def reset_password(self, token: str, password_hash: str, now: datetime) -> None:
        """Set a new password and end all sessions. Raises `ValidationFailed`; of two uses of a link one succeeds."""
        with self.transaction() as session:
            owner_id = one_time_tokens.account_of(session, "reset", token)
            # The account first, as when a password is changed: two links of one account don't wait for each other.
            session.execute(select(accounts.c.id).where(accounts.c.id == owner_id).with_for_update())
            user_id = one_time_tokens.redeem(session, "reset", token, now)
            if user_id is None:
                raise _invalid_link()
            session.execute(update(accounts).where(accounts.c.id == user_id).values(password_hash=password_hash))
            self._password_changed(session, user_id, "password.reset", now)

    def password_of(self, user_id: str) -> str:
        """The hash of an account's password. Raises `NotFound`."""
        with self.reading() as connection:
            return str(self._account(connection, accounts.c.id == user_id).password_hash)

    def change_password(
        self,
        user_id: str,
        passwords: tuple[str, str],
        current: str | None,
        digest: str,
        lifetimes: Lifetimes,
        device: Device,
        now: datetime,
    ) -> tuple[dict[str, Any], OpenSession]:
        """Replace the password's hash (`passwords`: before, after), end all sessions, open one in place of `current`.

        The new session keeps the time of the second factor of `current`. Returns the account and the session. Raises
        `Conflict` when the hash has changed, `Unauthenticated` when `current` has ended.
        """
        before, after = passwords
        with self.transaction() as session:
            change = (
                update(accounts)
                .where(accounts.c.id == user_id, accounts.c.password_hash == before)
                .values(password_hash=after, last_login_at=now)
            )
            account = session.execute(change.returning(accounts)).one_or_none()
            if account is None:
                raise Conflict("The password was changed at the same moment")
            own = (sessions.c.id == current, sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
            former = session.execute(select(sessions.c.second_factor_at).where(*own).with_for_update()).one_or_none()
            if former is None:
                raise Unauthenticated("The session has ended: log in again")
            self._password_changed(session, user_id, "password.change", now)
            opened = self.add_session(session, user_id, digest, lifetimes, device, former.second_factor_at, now)
        return as_user(account), opened

    def delete_expired(self) -> None:
        """Delete old one-time tokens as well."""
        super().delete_expired()
        with self.transaction() as session:
            one_time_tokens.delete_expired(session)

    def _password_changed(self, session: Session, user_id: str, action: str, now: datetime) -> None:
        one_time_tokens.invalidate_unused(session, "reset", user_id, now)
        for row in self.end_sessions(session, sessions.c.user_id == user_id):
            self.emit(session, UserLoggedOut(user_id=user_id, session_id=row.id))
        self.emit(session, PasswordChanged(user_id=user_id))
        self.audit(session, action, ("account", user_id))


def _invalid_link() -> ValidationFailed:
    return ValidationFailed.of("token", "is not valid any more")
