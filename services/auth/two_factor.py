"""RPC methods of second factors, and the challenge of a login that needs one."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from schemas.api.sessions import ConfirmTotp, RemoveTotp, RenewRecoveryCodes, TwoFactorLogin
from schemas.caller import Caller
from schemas.rpc.auth import AuthRpc
from schemas.signed.challenges import Challenge
from services.auth import tokens, totp
from services.auth.attempts import FREE_FAILURES, Counter
from services.auth.domain import Device, OpenSession
from services.auth.second_factors import confirm_session
from services.auth.sign_in import SignIn
from services.chassis.common import clock
from services.chassis.common.errors import TwoFactorRequired, Unauthenticated, ValidationFailed
from services.chassis.messaging.rpc import Json, implements
from services.chassis.stores.postgres import Session


class TwoFactorMethods(SignIn):
    """TOTP and recovery codes."""

    @implements(AuthRpc.two_factor_state)
    def two_factor_state(self, caller: Caller) -> Json:
        return self.store.second_factors.state(str(caller.user_id))

    @implements(AuthRpc.set_up_totp)
    def set_up_totp(self, caller: Caller) -> Json:
        user_id, secret = str(caller.user_id), totp.new_secret()
        email = self.store.user(user_id)["email"]
        self.store.second_factors.set_up(user_id, secret, self.encryption)
        return {"secret": secret, "otpauth_url": totp.otpauth_url(secret, email)}

    @implements(AuthRpc.confirm_totp)
    def confirm_totp(self, command: ConfirmTotp) -> Json:
        user_id, now = str(command.caller.user_id), clock.now()
        counters = self._begin(user_id)
        codes = self.store.second_factors.confirm(user_id, command.code, self.encryption, command.session_id, now)
        if codes is None:
            raise _wrong_code()
        self.store.attempts.forget(counters)
        return {"recovery_codes": codes}

    @implements(AuthRpc.remove_totp)
    def remove_totp(self, command: RemoveTotp) -> None:
        user_id = str(command.caller.user_id)
        self._passwords.admit()
        counters = self._begin(user_id)
        password_hash = self.store.password_of(user_id)
        if password_hash and not self._passwords.matches(command.password or "", password_hash):
            raise ValidationFailed.of("password", "is not your password")
        with self.store.transaction() as session:
            self._use(session, user_id, command.code)
            self.store.second_factors.remove(session, user_id)
        self.store.attempts.forget(counters)

    @implements(AuthRpc.renew_recovery_codes)
    def renew_recovery_codes(self, command: RenewRecoveryCodes) -> Json:
        user_id = str(command.caller.user_id)
        counters = self._begin(user_id)
        with self.store.transaction() as session:
            self._use(session, user_id, command.code)
            codes = self.store.second_factors.renew_codes(session, user_id)
        self.store.attempts.forget(counters)
        return {"recovery_codes": codes}

    @implements(AuthRpc.two_factor_login)
    def two_factor_login(self, command: TwoFactorLogin) -> Json:
        challenge = Challenge.read(command.challenge, self.settings.link_key, clock.now())
        if challenge is None:
            raise Unauthenticated("The challenge is not valid any more: log in again")
        counters = self._begin(challenge.user_id)
        user = self.store.user(challenge.user_id)
        reply = (
            self._confirm_session(user, challenge.session_id, command.code)
            if challenge.session_id
            else self._log_in(user, challenge, command)
        )
        self.store.attempts.forget(counters)
        return reply

    def check_second_factor(self, user: dict[str, Any], password_hash: str, counters: list[Counter]) -> None:
        """Raises `TwoFactorRequired` with a challenge where the account has a second factor."""
        if self.store.second_factors.is_enabled(user["id"]):
            self.store.attempts.forget(counters)
            challenge = Challenge(user["id"], credential=_digest(password_hash))
            raise TwoFactorRequired(details=[{"challenge": challenge.sign(self.settings.link_key, clock.now())}])

    def sign_in_by_one_factor(
        self,
        user: dict[str, Any],
        device: Device,
        password_hash: str,
        counters: list[Counter],
        also: Callable[[Session], datetime | None] = lambda _session: None,
    ) -> dict[str, Any]:
        """Open a session, or raise `TwoFactorRequired` with a challenge, also for a factor confirmed just now."""
        self.check_second_factor(user, password_hash, counters)
        try:
            return self.sign_in(user, device, password_hash, also)
        except TwoFactorRequired:
            self.check_second_factor(user, password_hash, counters)
            raise

    def _log_in(self, user: dict[str, Any], challenge: Challenge, command: TwoFactorLogin) -> dict[str, Any]:
        password_hash = self.store.password_of(user["id"])
        if _digest(password_hash) != challenge.credential:
            raise Unauthenticated("The password was changed: log in again")

        def use_code(session: Session) -> datetime:
            self._use(session, user["id"], command.code)
            return clock.now()

        return self.sign_in(user, Device(command.user_agent, command.address), password_hash, use_code)

    def _confirm_session(self, user: dict[str, Any], session_id: str, code: str) -> dict[str, Any]:
        refresh_token, now = tokens.new_refresh_token(), clock.now()
        with self.store.transaction() as session:
            self._use(session, user["id"], code)
            if not confirm_session(session, session_id, user["id"], now):
                raise Unauthenticated("The session has ended: log in again")
            self.store.add_refresh_token(session, session_id, tokens.digest(refresh_token), self.lifetimes, now)
        return {"user": user} | self.token_pair(user, OpenSession(session_id, now), refresh_token)

    def _use(self, session: Session, user_id: str, code: str) -> None:
        if not self.store.second_factors.use(session, user_id, code, self.encryption, clock.now()):
            raise _wrong_code()

    def _begin(self, user_id: str) -> list[Counter]:
        """Count an attempt at a code. Raises `RateLimited`."""
        counters = [Counter(f"account:{user_id}", FREE_FAILURES)]
        self.store.attempts.begin(counters, clock.now())
        return counters


def _digest(password_hash: str) -> str:
    """Short digest of a password's hash: a challenge is void once the password is another."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:32]


def _wrong_code() -> ValidationFailed:
    return ValidationFailed.of("code", "is wrong, expired or was used before")
