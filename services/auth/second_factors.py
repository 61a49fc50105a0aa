"""Queries on second factors: TOTP secrets (encrypted) and recovery codes (hashed). A code is used once."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.events.auth import SecondFactorChanged
from services.auth import totp
from services.auth.models import accounts, recovery_codes, second_factors, sessions
from services.chassis.common.encryption import Encryption
from services.chassis.common.errors import InvalidState
from services.chassis.stores.postgres import PostgresStore, Session

PURPOSE: Final = "auth.totp"


class SecondFactors:
    """Second factors by account."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def is_enabled(self, user_id: str) -> bool:
        """Whether the account has a confirmed second factor."""
        query = select(second_factors.c.user_id).where(
            second_factors.c.user_id == user_id, second_factors.c.confirmed_at.is_not(None)
        )
        with self.store.reading() as connection:
            return connection.execute(query).first() is not None

    def state(self, user_id: str) -> dict[str, Any]:
        """The state as `schemas.api.sessions.TwoFactorState`."""
        unused = select(func.count()).where(recovery_codes.c.user_id == user_id, recovery_codes.c.used_at.is_(None))
        with self.store.reading() as connection:
            left = connection.execute(unused).scalar_one()
        return {"enabled": self.is_enabled(user_id), "recovery_codes_left": left}

    def set_up(self, user_id: str, secret: str, encryption: Encryption) -> None:
        """Store a secret that is not in use yet; an unconfirmed one is replaced. Raises `InvalidState`."""
        encrypted = encryption.encrypt(secret.encode(), purpose=PURPOSE, record=user_id)
        with self.store.transaction() as session:
            stored = session.execute(
                pg_insert(second_factors)
                .values(user_id=user_id, secret=encrypted)
                .on_conflict_do_update(
                    index_elements=["user_id"],
                    set_={"secret": encrypted, "last_step": 0},
                    where=second_factors.c.confirmed_at.is_(None),
                )
            )
            if stored.rowcount == 0:  # type: ignore[attr-defined]
                raise InvalidState("There is a second factor already; remove it first")

    def confirm(
        self, user_id: str, code: str, encryption: Encryption, session_id: str | None, now: datetime
    ) -> list[str] | None:
        """Put the secret in use by a code of it; returns new recovery codes, or None for a wrong code.

        Raises `InvalidState` without a secret that waits for this.
        """
        with self.store.transaction() as session:
            # A login that is under way locks the account as well: it ends before, or it needs the factor.
            session.execute(select(accounts.c.id).where(accounts.c.id == user_id).with_for_update())
            row = self._locked(session, user_id)
            if row is None or row.confirmed_at is not None:
                raise InvalidState("There is no second factor to confirm: set one up first")
            if not self._use_totp(session, user_id, code, encryption, now):
                return None
            session.execute(update(second_factors).where(second_factors.c.user_id == user_id).values(confirmed_at=now))
            confirm_session(session, session_id, user_id, now)
            self._changed(session, user_id, True)
            return _replace_codes(session, user_id)

    def renew_codes(self, session: Session, user_id: str) -> list[str]:
        """Replace the recovery codes, in the transaction that used a code."""
        self.store.audit(session, "second_factor.renew_codes", ("account", user_id))
        return _replace_codes(session, user_id)

    def remove(self, session: Session, user_id: str) -> None:
        """Remove the second factor and its recovery codes, in the transaction that used a code."""
        for table in (recovery_codes, second_factors):
            session.execute(delete(table).where(table.c.user_id == user_id))
        self._changed(session, user_id, False)

    def use(self, session: Session, user_id: str, code: str, encryption: Encryption, now: datetime) -> bool:
        """Use a code of the confirmed second factor: of several concurrent uses of a code one succeeds."""
        row = self._locked(session, user_id)
        if row is None or row.confirmed_at is None:
            return False
        if totp.is_totp_code(code):
            return self._use_totp(session, user_id, code, encryption, now)
        used = session.execute(
            update(recovery_codes)
            .where(
                recovery_codes.c.user_id == user_id,
                recovery_codes.c.digest == totp.recovery_digest(code),
                recovery_codes.c.used_at.is_(None),
            )
            .values(used_at=now)
        )
        return bool(used.rowcount)  # type: ignore[attr-defined]

    def _use_totp(self, session: Session, user_id: str, code: str, encryption: Encryption, now: datetime) -> bool:
        stored = session.execute(
            select(second_factors.c.secret).where(second_factors.c.user_id == user_id)
        ).scalar_one()
        secret = encryption.decrypt(stored, purpose=PURPOSE, record=user_id).decode()
        step = totp.matching_step(secret, code, now)
        if step is None:
            return False
        used = session.execute(
            update(second_factors)
            .where(second_factors.c.user_id == user_id, second_factors.c.last_step < step)
            .values(last_step=step)
        )
        return bool(used.rowcount)  # type: ignore[attr-defined]

    def _changed(self, session: Session, user_id: str, enabled: bool) -> None:
        self.store.emit(session, SecondFactorChanged(user_id=user_id, enabled=enabled))
        action = "second_factor.enable" if enabled else "second_factor.remove"
        self.store.audit(session, action, ("account", user_id))

    @staticmethod
    def _locked(session: Session, user_id: str) -> Any:
        query = select(second_factors).where(second_factors.c.user_id == user_id).with_for_update()
        return session.execute(query).one_or_none()


def confirm_session(session: Session, session_id: str | None, user_id: str, now: datetime) -> bool:
    """Remember that a code was given in this open session; False when it has ended."""
    confirmed = session.execute(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
        .values(second_factor_at=now)
    )
    return bool(confirmed.rowcount)  # type: ignore[attr-defined]


def _replace_codes(session: Session, user_id: str) -> list[str]:
    codes = totp.new_recovery_codes()
    session.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
    rows = [{"user_id": user_id, "digest": totp.recovery_digest(code)} for code in codes]
    session.execute(insert(recovery_codes), rows)
    return codes
