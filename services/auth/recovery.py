"""Mail addresses are verified, passwords changed and set anew: the queries of it."""

import math
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.events.auth import (
    EmailVerificationRequested,
    EmailVerified,
    PasswordChanged,
    PasswordResetRequested,
    UserLoggedOut,
)
from services.auth import tickets
from services.auth.domain import normalised
from services.auth.models import accounts, reset_wishes, sessions
from services.auth.models import tickets as ticket_table
from services.auth.store import AccountStore, as_user
from services.chassis.common.errors import Conflict, InvalidState, NotFound, RateLimited, ValidationFailed
from services.chassis.stores.postgres import Session

AT_ONCE: Final = 100


class RecoveryStore(AccountStore):
    """What the owner of a mailbox may do with a link, and the owner of a password with that."""

    def verify_email(self, shown: str, now: datetime) -> dict[str, Any]:
        """The account, its address verified; a link that was used before says so again. Raises `ValidationFailed`."""
        with self.transaction() as session:
            user_id = tickets.redeem(session, "verify", shown, now)
            if user_id is None:
                user_id = tickets.whose(session, "verify", shown)
                user = as_user(self._account(session, accounts.c.id == user_id)) if user_id else None
                if user is None or not user["email_verified"]:
                    raise _no_such_link()
                return user
            session.execute(update(accounts).where(accounts.c.id == user_id).values(email_verified=True))
            self.emit(session, EmailVerified(user_id=user_id))
            self.audit(session, "account.verify", ("account", user_id), after={"email_verified": True})
            return as_user(self._account(session, accounts.c.id == user_id))

    def resend_verification(self, user_id: str, secret: bytes, now: datetime) -> None:
        """Ask for another link; those that were mailed before stay good.

        Raises `InvalidState` when the address is verified, `RateLimited` for too many, `NotFound`.
        """
        with self.transaction() as session:
            whose = select(accounts).where(accounts.c.id == user_id).with_for_update()
            account = session.execute(whose).one_or_none()
            if account is None:
                raise NotFound("There is no such account")
            if account.email_verified:
                raise InvalidState("The address is verified already")
            if wait := math.ceil(tickets.pause(session, "verify", user_id, now).total_seconds()):
                raise RateLimited("Another mail was sent before; please wait", [{"retry_after": wait}])
            name = tickets.issue(session, "verify", [user_id], secret, now)[user_id]
            self.emit(session, EmailVerificationRequested(user_id=user_id, email=account.email, ticket=name))
            self.audit(session, "account.resend_verification", ("account", user_id))

    def request_password_reset(self, email: str) -> None:
        """Keep that a new password is wanted for this address: the same work whether or not there is an account."""
        with self.transaction() as session:
            session.execute(pg_insert(reset_wishes).values(email_key=normalised(email)).on_conflict_do_nothing())

    def issue_password_resets(self, secret: bytes, now: datetime) -> int:
        """A link for each account that a new password is wanted for; how many. Each wish is granted by one process."""
        with self.transaction() as session:
            some = select(reset_wishes.c.email_key).limit(AT_ONCE).with_for_update(skip_locked=True)
            taken = delete(reset_wishes).where(reset_wishes.c.email_key.in_(some)).returning(reset_wishes.c.email_key)
            wished = list(session.execute(taken).scalars())
            if not wished:
                return 0
            recent = select(ticket_table.c.digest).where(
                ticket_table.c.user_id == accounts.c.id,
                ticket_table.c.purpose == "reset",
                ticket_table.c.expires_at > now + tickets.LIFETIMES["reset"] - tickets.AGAIN_AFTER,
            )
            found = session.execute(select(accounts).where(accounts.c.email_key.in_(wished), ~recent.exists())).all()
            names = tickets.issue(session, "reset", [row.id for row in found], secret, now)
            for row in found:
                self.emit(session, PasswordResetRequested(user_id=row.id, email=row.email, ticket=names[row.id]))
                self.audit(session, "password.forget", ("account", row.id))
            return len(found)

    def may_reset(self, shown: str, now: datetime) -> None:
        """Raises `ValidationFailed` for a link that is no good: before the work of a hash."""
        with self.transaction() as session:
            if not tickets.is_open(session, "reset", shown, now):
                raise _no_such_link()

    def reset_password(self, shown: str, password_hash: str, now: datetime) -> None:
        """Set a new password and end every session. Raises `ValidationFailed`: of two with one link one wins."""
        with self.transaction() as session:
            whose = tickets.whose(session, "reset", shown)
            # The account first, as when a password is changed: two links of one account don't wait for each other.
            session.execute(select(accounts.c.id).where(accounts.c.id == whose).with_for_update())
            user_id = tickets.redeem(session, "reset", shown, now)
            if user_id is None:
                raise _no_such_link()
            session.execute(update(accounts).where(accounts.c.id == user_id).values(password_hash=password_hash))
            self._password_changed(session, user_id, "password.reset", now)

    def password_of(self, user_id: str) -> str:
        """The hash of an account's password. Raises `NotFound`."""
        with self.reading() as connection:
            return str(self._account(connection, accounts.c.id == user_id).password_hash)

    def change_password(self, user_id: str, before: str, after: str, keep: str | None, now: datetime) -> None:
        """Replace a password's hash by another, and end every session but one. Raises `Conflict` when it is another."""
        with self.transaction() as session:
            changed = session.execute(
                update(accounts)
                .where(accounts.c.id == user_id, accounts.c.password_hash == before)
                .values(password_hash=after)
            )
            if changed.rowcount == 0:  # type: ignore[attr-defined]
                raise Conflict("The password was changed at the same moment")
            self._password_changed(session, user_id, "password.change", now, keep)

    def forget_old(self) -> None:
        """Tickets as well."""
        super().forget_old()
        with self.transaction() as session:
            tickets.forget_old(session)

    def _password_changed(
        self, session: Session, user_id: str, action: str, now: datetime, keep: str | None = None
    ) -> None:
        tickets.void(session, "reset", user_id, now)
        theirs = sessions.c.user_id == user_id
        for row in self._end(session, theirs & (sessions.c.id != keep) if keep else theirs):
            self.emit(session, UserLoggedOut(user_id=user_id, session_id=row.id))
        self.emit(session, PasswordChanged(user_id=user_id))
        self.audit(session, action, ("account", user_id))


def _no_such_link() -> ValidationFailed:
    return ValidationFailed.of("token", "is not valid any more")
