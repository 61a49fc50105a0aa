"""Queries of sessions and refresh tokens."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, case, delete, exists, func, insert, select, update

from schemas.events.auth import RefreshTokenReused, UserLoggedIn, UserLoggedOut
from services.auth.domain import Device, Exchange, Lifetimes, OpenSession, RefreshToken, TokenState, refresh_token_state
from services.auth.models import accounts, refresh_tokens, second_factors, sessions
from services.auth.revocations import revoke
from services.auth.store import AccountStore, as_user
from services.chassis.common import clock
from services.chassis.common.errors import InvalidCredentials, NotFound, TwoFactorRequired, Unauthenticated
from services.chassis.common.ids import new_id
from services.chassis.common.timestamps import rfc3339
from services.chassis.stores.postgres import Session

FRESH: Final = timedelta(minutes=10)
"""Age of a sign-in, or of a code of the second factor, that confirms what a password confirms otherwise."""


class SessionStore(AccountStore):
    """Accounts with sessions; refresh tokens by their digest."""

    def open_session(
        self,
        user_id: str,
        digest: str,
        lifetimes: Lifetimes,
        device: Device,
        password_hash: str | None = None,
        also: Callable[[Session], datetime | None] = lambda _session: None,
    ) -> tuple[dict[str, Any], OpenSession]:
        """Open a session with its first refresh token; returns the session, and the account as it is at that moment.

        Raises `InvalidCredentials` when the account is disabled, or the password that was checked isn't the account's
        any more: who changes it ends all sessions, those that are just about to begin as well. `also` is done in the
        same transaction; it returns when a code of the second factor was given. Without one, raises `TwoFactorRequired`
        for an account that has a second factor by now: who confirms one locks the account.
        """
        now = clock.now()
        with self.transaction() as session:
            condition = (accounts.c.id == user_id) & (accounts.c.status == "active")
            if password_hash is not None:
                condition &= accounts.c.password_hash == password_hash
            opened = update(accounts).where(condition).values(last_login_at=now).returning(accounts)
            account = session.execute(opened).one_or_none()
            if account is None:
                raise InvalidCredentials()
            second_factor_at = also(session)
            if second_factor_at is None and self._has_second_factor(session, user_id):
                raise TwoFactorRequired()
            opened_session = self.add_session(session, user_id, digest, lifetimes, device, second_factor_at, now)
        return as_user(account), opened_session

    def add_session(
        self,
        session: Session,
        user_id: str,
        digest: str,
        lifetimes: Lifetimes,
        device: Device,
        second_factor_at: datetime | None,
        now: datetime,
    ) -> OpenSession:
        """A new session with its first refresh token, in a transaction that has decided that it may be opened."""
        session_id, ends_at = new_id(), now + lifetimes.session
        row = {"id": session_id, "user_id": user_id, "last_used_at": now, "expires_at": ends_at}
        row |= {"user_agent": device.user_agent, "address": device.address, "second_factor_at": second_factor_at}
        session.execute(insert(sessions).values(row))
        self.add_refresh_token(session, session_id, digest, lifetimes, now)
        self.emit(
            session,
            UserLoggedIn(user_id=user_id, session_id=session_id, user_agent=device.user_agent, address=device.address),
        )
        self.audit(session, "session.open", ("account", user_id), after={"session_id": session_id})
        return OpenSession(session_id, second_factor_at)

    def rotate(
        self, exchange: Exchange, lifetime: timedelta, now: datetime
    ) -> tuple[dict[str, Any], OpenSession] | None:
        """Exchange a refresh token for the next one; returns the account and the session.

        None when another request had used it before: then its session is ended. The same request gets another token
        while the first one is unused: its reply was lost. Raises `Unauthenticated` for one that is unknown or over.
        """
        with self.transaction() as session:
            token = self._token(session, exchange.presented)
            state = refresh_token_state(token, now, exchange.request) if token else TokenState.ENDED
            if token is None or state is TokenState.ENDED:
                raise Unauthenticated("The refresh token is not valid any more")
            if state is TokenState.REUSED:
                self.end_sessions(session, sessions.c.id == token.session_id)
                self.emit(session, RefreshTokenReused(user_id=token.user_id, session_id=token.session_id))
                self.audit(session, "session.revoke", ("account", token.user_id), {"session_id": token.session_id})
                return None
            self._use(session, exchange, token, now)
            used = update(sessions).where(sessions.c.id == token.session_id).values(last_used_at=now)
            row = session.execute(used.returning(sessions.c.expires_at, sessions.c.second_factor_at)).one()
            expires_at = min(now + lifetime, row.expires_at)
            session.execute(
                insert(refresh_tokens).values(
                    digest=exchange.successor,
                    session_id=token.session_id,
                    predecessor=exchange.presented,
                    expires_at=expires_at,
                )
            )
            account = as_user(self._account(session, accounts.c.id == token.user_id))
            return account, OpenSession(token.session_id, row.second_factor_at)

    @staticmethod
    def _use(session: Session, exchange: Exchange, token: RefreshToken, now: datetime) -> None:
        """Mark a token as used by the request, and with it the tokens that were issued in its place."""
        tokens = refresh_tokens.c
        affected = tokens.digest == exchange.presented
        if token.predecessor is not None:
            affected |= and_(tokens.predecessor == token.predecessor, tokens.used_at.is_(None))
        used = update(refresh_tokens).where(tokens.session_id == token.session_id, affected)
        used_by = case((tokens.digest == exchange.presented, exchange.request))
        session.execute(used.values(used_at=now, used_by=used_by))

    def add_refresh_token(
        self, session: Session, session_id: str, digest: str, lifetimes: Lifetimes, now: datetime
    ) -> None:
        """A further refresh token of a session, within the session's absolute end."""
        ends_at = session.execute(select(sessions.c.expires_at).where(sessions.c.id == session_id)).scalar_one()
        expires_at = min(now + lifetimes.refresh_token, ends_at)
        session.execute(insert(refresh_tokens).values(digest=digest, session_id=session_id, expires_at=expires_at))

    def open_sessions(self, user_id: str) -> list[dict[str, Any]]:
        """The open sessions of an account, the last used first."""
        query = (
            select(sessions)
            .where(sessions.c.user_id == user_id, sessions.c.ended_at.is_(None), sessions.c.expires_at > func.now())
            .order_by(sessions.c.last_used_at.desc())
        )
        with self.reading() as connection:
            return [
                {
                    "id": row.id,
                    "created_at": rfc3339(row.created_at),
                    "last_used_at": rfc3339(row.last_used_at),
                    "ip": row.address,
                    "user_agent": row.user_agent,
                }
                for row in connection.execute(query)
            ]

    def end_own_session(self, session_id: str, user_id: str) -> None:
        """End one open session of an account. Raises `NotFound`."""
        if not self._sign_out((sessions.c.id == session_id) & (sessions.c.user_id == user_id)):
            raise NotFound("There is no such session")

    def end_session(self, session_id: str) -> None:
        """End a session. Idempotent."""
        self._sign_out(sessions.c.id == session_id)

    def end_session_of(self, digest: str) -> None:
        """End the session of a refresh token. Idempotent."""
        owner = select(refresh_tokens.c.session_id).where(refresh_tokens.c.digest == digest).scalar_subquery()
        self._sign_out(sessions.c.id == owner)

    def end_all(self, user_id: str) -> None:
        """End all sessions of an account."""
        self._sign_out(sessions.c.user_id == user_id)

    def delete_expired(self) -> None:
        """Delete sessions whose refresh tokens expired more than seven days ago, and what the chassis deletes."""
        super().delete_expired()
        with self.transaction() as session:
            week_ago = func.now() - timedelta(days=7)
            session.execute(delete(refresh_tokens).where(refresh_tokens.c.expires_at < week_ago))
            alive = select(refresh_tokens.c.session_id).where(refresh_tokens.c.session_id == sessions.c.id)
            session.execute(delete(sessions).where(~alive.exists()))

    def _sign_out(self, condition: Any) -> int:
        with self.transaction() as session:
            ended = self.end_sessions(session, condition)
            for row in ended:
                self.emit(session, UserLoggedOut(user_id=row.user_id, session_id=row.id))
                self.audit(session, "session.close", ("account", row.user_id), before={"session_id": row.id})
        return len(ended)

    def end_sessions(self, session: Session, condition: Any) -> list[Row[Any]]:
        """End open sessions and revoke their access tokens."""
        ended = list(
            session.execute(
                update(sessions)
                .where(condition, sessions.c.ended_at.is_(None))
                .values(ended_at=func.now())
                .returning(sessions.c.id, sessions.c.user_id)
            )
        )
        revoke(session, [row.id for row in ended])
        return ended

    def is_fresh(self, session_id: str | None, user_id: str, now: datetime) -> bool:
        """Whether the account's session was opened, or confirmed with a code, in the last ten minutes."""
        confirmed_at = func.greatest(sessions.c.created_at, sessions.c.second_factor_at)
        own = (sessions.c.id == session_id, sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
        with self.reading() as connection:
            return connection.execute(select(sessions.c.id).where(*own, confirmed_at > now - FRESH)).first() is not None

    @staticmethod
    def _has_second_factor(session: Session, user_id: str) -> bool:
        confirmed = (second_factors.c.user_id == user_id, second_factors.c.confirmed_at.is_not(None))
        return session.execute(select(second_factors.c.user_id).where(*confirmed)).first() is not None

    def _token(self, session: Session, digest: str) -> RefreshToken | None:
        successor = refresh_tokens.alias()
        is_used = exists().where(
            successor.c.session_id == refresh_tokens.c.session_id,
            successor.c.predecessor == refresh_tokens.c.digest,
            successor.c.used_at.is_not(None),
        )
        query = (
            select(
                refresh_tokens.c.session_id,
                sessions.c.user_id,
                refresh_tokens.c.expires_at,
                refresh_tokens.c.used_at,
                sessions.c.ended_at.label("session_ended_at"),
                refresh_tokens.c.used_by,
                refresh_tokens.c.predecessor,
                is_used.label("is_successor_used"),
            )
            .join_from(refresh_tokens, sessions)
            .where(refresh_tokens.c.digest == digest)
            .with_for_update()
        )
        row = session.execute(query).one_or_none()
        return RefreshToken(**row._mapping) if row else None
