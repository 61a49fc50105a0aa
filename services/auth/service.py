"""Auth service: registration, login, refresh with rotation, logout, public keys."""

from typing import Any

from nameko.extensions import DependencyProvider

from schemas.api.auth import (
    ChangePassword,
    CreateUser,
    ForgotRequest,
    Login,
    RefreshRequest,
    Register,
    ResetRequest,
    Token,
    VerifyRequest,
)
from schemas.base import Caller, Id
from schemas.events.users import ProfileUpdated
from schemas.rpc.auth import AuthRpc
from services.auth import tokens
from services.auth.passwords import Passwords
from services.auth.recovery import RecoveryStore
from services.auth.registrations import one_registration
from services.auth.settings import AuthSettings
from services.auth.tokens import Signer
from services.chassis.common import clock
from services.chassis.common.errors import InvalidCredentials, Unauthenticated, ValidationFailed
from services.chassis.messaging.events import on_event
from services.chassis.messaging.rpc import Json, implements
from services.chassis.observability import audit_records
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.settings import load
from services.chassis.runtime.timers import every
from services.chassis.stores.postgres import Postgres


class Signing(DependencyProvider):
    """Provides the token signer, with the key read once."""

    def setup(self) -> None:
        settings = load(AuthSettings)
        self.signer = Signer(settings.jwt_private_key_file, settings.access_token_lifetime)

    def get_dependency(self, worker_ctx: Any) -> Signer:
        return self.signer


class AuthService(Service):
    name = "auth"

    store = Postgres(RecoveryStore)
    settings = Configured(AuthSettings)
    signer = Signing()

    @implements(AuthRpc.register)
    def register(self, command: Register) -> Json:
        email, key = str(command.email), command.idempotency
        with one_registration(email):  # a hash costs a quarter of a second: only the first of many pays for it
            self.store.check_available(email, key)
            hashed = self._passwords.hash(command.password)
            names = (command.first_name, command.last_name)
            user = self.store.add(email, hashed, names, ["CUSTOMER"], key, self.settings.link_key)
        return self._sign_in(user, None, None)

    @implements(AuthRpc.create_user)
    def create_user(self, command: CreateUser) -> Json:
        hashed = self._passwords.hash(command.password)
        names = (command.first_name, command.last_name)
        return self.store.add(str(command.email), hashed, names, sorted(set(command.roles)), None)

    @implements(AuthRpc.login)
    def login(self, command: Login) -> Json:
        user, hashed = self.store.credentials(str(command.email))
        if not self._passwords.matches(command.password, hashed) or user is None:
            self.store.refuse(str(command.email))
            raise InvalidCredentials()
        return self._sign_in(user, command.user_agent, command.address, hashed)

    @implements(AuthRpc.refresh)
    def refresh(self, command: RefreshRequest) -> Json:
        new_token, now = tokens.new_refresh_token(), clock.now()
        rotated = self.store.rotate(
            tokens.digest(command.refresh_token),
            tokens.digest(new_token),
            now + self.settings.refresh_token_lifetime,
            now,
        )
        if rotated is None:
            raise Unauthenticated("The refresh token was used before; the session was ended")
        user, session_id = rotated
        return self._token_pair(user, session_id, new_token)

    @implements(AuthRpc.logout)
    def logout(self, refresh_token: Token | None = None, session_id: Id | None = None) -> None:
        if refresh_token is not None:
            self.store.end_session_of(tokens.digest(refresh_token))
        elif session_id is not None:
            self.store.end_session(session_id)

    @implements(AuthRpc.logout_all)
    def logout_all(self, caller: Caller) -> None:
        self.store.end_all(str(caller.user_id))

    @implements(AuthRpc.me)
    def me(self, caller: Caller) -> Json:
        return self.store.user(str(caller.user_id))

    @implements(AuthRpc.get_account)
    def get_account(self, user_id: Id) -> Json:
        return self.store.user(user_id)

    @implements(AuthRpc.verify_email)
    def verify_email(self, command: VerifyRequest) -> Json:
        return self.store.verify_email(command.token, clock.now())

    @implements(AuthRpc.resend_verification)
    def resend_verification(self, caller: Caller) -> None:
        self.store.resend_verification(str(caller.user_id), self.settings.link_key, clock.now())

    @implements(AuthRpc.forgot_password)
    def forgot_password(self, command: ForgotRequest) -> None:
        self.store.request_password_reset(str(command.email))

    @on_event(ProfileUpdated)
    def update_name(self, event: ProfileUpdated) -> None:
        """Keep the account's name, which tokens carry, equal to the profile's."""
        self.store.rename(event.user_id, event.first_name, event.last_name, event.meta.time)

    @every(seconds=1)
    def issue_password_resets(self) -> None:
        """Mail reset links to requested addresses that have an account."""
        self.store.issue_password_resets(self.settings.link_key, clock.now())

    @implements(AuthRpc.reset_password)
    def reset_password(self, command: ResetRequest) -> None:
        self.store.may_reset(command.token, clock.now())
        self.store.reset_password(command.token, self._passwords.hash(command.password), clock.now())

    @implements(AuthRpc.change_password)
    def change_password(self, command: ChangePassword) -> None:
        user_id = str(command.caller.user_id)
        before = self.store.password_of(user_id)
        if not self._passwords.matches(command.current_password, before):
            raise ValidationFailed.of("current_password", "is not your password")
        after = self._passwords.hash(command.new_password)
        self.store.change_password(user_id, before, after, command.session_id, clock.now())

    @implements(AuthRpc.jwks)
    def jwks(self) -> Json:
        return self.signer.jwks()

    @property
    def _passwords(self) -> Passwords:
        return Passwords(self.settings.bcrypt_rounds)

    def _sign_in(
        self, user: dict[str, Any], user_agent: str | None, address: str | None, hashed: str | None = None
    ) -> dict[str, Any]:
        refresh_token = tokens.new_refresh_token()
        expires_at = clock.now() + self.settings.refresh_token_lifetime
        digest = tokens.digest(refresh_token)
        with audit_records.done_by(user["id"], user["email"], user["roles"]):
            session_id = self.store.open_session(user["id"], digest, expires_at, user_agent, address, hashed)
        return {"user": user} | self._token_pair(user, session_id, refresh_token)

    def _token_pair(self, user: dict[str, Any], session_id: str, refresh_token: str) -> dict[str, Any]:
        return {
            "access_token": self.signer.access_token(user, session_id, clock.now()),
            "refresh_token": refresh_token,
            "token_type": "Bearer",
            "expires_in": int(self.signer.lifetime.total_seconds()),
        }
