"""Auth: register, sign in, refresh with rotation, sign out; keys for everybody who checks tokens."""

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
from schemas.base import Id
from schemas.events.users import ProfileUpdated
from services.auth import tokens
from services.auth.passwords import Passwords
from services.auth.recovery import RecoveryStore
from services.auth.settings import AuthSettings
from services.auth.tokens import Signer
from services.chassis.common import clock
from services.chassis.common.errors import InvalidCredentials, Unauthenticated, ValidationFailed
from services.chassis.messaging.events import on_event
from services.chassis.messaging.rpc import rpc
from services.chassis.observability import audit_records
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.settings import load
from services.chassis.runtime.timers import every
from services.chassis.stores.postgres import Postgres


class Signing(DependencyProvider):
    """The signer, with the key read once."""

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

    @rpc
    def register(self, command: Register) -> dict[str, Any]:
        """Open a customer's account and sign in. Raises `Conflict` on `email`, after the same work as otherwise."""
        hashed = self._passwords.hash(command.password)
        names = (command.first_name, command.last_name)
        key, secret = command.idempotency, self.settings.link_key
        user = self.store.add(str(command.email), hashed, names, ["CUSTOMER"], key, secret)
        return self._sign_in(user, None, None)

    @rpc
    def create_user(self, command: CreateUser) -> dict[str, Any]:
        """Open an account with roles of its own (an operator's command). Raises `Conflict` on `email`."""
        hashed = self._passwords.hash(command.password)
        names = (command.first_name, command.last_name)
        return self.store.add(str(command.email), hashed, names, sorted(set(command.roles)), None)

    @rpc
    def login(self, command: Login) -> dict[str, Any]:
        """Sign in. Raises `InvalidCredentials`: the same answer in the same time whatever is wrong."""
        user, hashed = self.store.credentials(str(command.email))
        if not self._passwords.matches(command.password, hashed) or user is None:
            self.store.refuse(str(command.email))
            raise InvalidCredentials()
        return self._sign_in(user, command.user_agent, command.address, hashed)

    @rpc
    def refresh(self, command: RefreshRequest) -> dict[str, Any]:
        """The next pair of tokens. A refresh token that comes twice ends its session. Raises `Unauthenticated`."""
        fresh, now = tokens.new_refresh_token(), clock.now()
        rotated = self.store.rotate(
            tokens.digest(command.refresh_token), tokens.digest(fresh), now + self.settings.refresh_token_lifetime, now
        )
        if rotated is None:
            raise Unauthenticated("The refresh token was used before; the session was ended")
        user, session_id = rotated
        return self._pair(user, session_id, fresh)

    @rpc
    def logout(self, refresh_token: Token | None = None, session_id: Id | None = None) -> None:
        """End the session of this refresh token, or this session. Access tokens live on for at most 15 minutes."""
        if refresh_token is not None:
            self.store.end_session_of(tokens.digest(refresh_token))
        elif session_id is not None:
            self.store.end_session(session_id)

    @rpc
    def logout_all(self, user_id: Id) -> None:
        """End every session of the account."""
        self.store.end_all(user_id)

    @rpc
    def me(self, user_id: Id) -> dict[str, Any]:
        """The account. Raises `NotFound`."""
        return self.store.user(user_id)

    @rpc
    def verify_email(self, command: VerifyRequest) -> dict[str, Any]:
        """The link of the mail was opened: the account. The same link again: the same. Raises `ValidationFailed`."""
        return self.store.verify_email(command.token, clock.now())

    @rpc
    def verify_again(self, user_id: Id) -> None:
        """Mail another link. Raises `InvalidState` when the address is verified, `RateLimited` for too many."""
        self.store.verify_again(user_id, self.settings.link_key, clock.now())

    @rpc
    def forgot_password(self, command: ForgotRequest) -> None:
        """Somebody wants a new password. Neither the answer nor its time says whether there is an account."""
        self.store.wish_reset(str(command.email))

    @on_event(ProfileUpdated)
    def learn_name(self, event: ProfileUpdated) -> None:
        """The next token calls somebody as their profile does."""
        self.store.rename(event.user_id, event.first_name, event.last_name, event.meta.time)

    @every(seconds=1)
    def grant_resets(self) -> None:
        """Mail links to those who asked and have an account."""
        self.store.grant_resets(self.settings.link_key, clock.now())

    @rpc
    def reset_password(self, command: ResetRequest) -> None:
        """Set a new password by the link of a mail, once, and end every session. Raises `ValidationFailed`."""
        self.store.may_reset(command.token, clock.now())
        self.store.reset_password(command.token, self._passwords.hash(command.password), clock.now())

    @rpc
    def change_password(self, command: ChangePassword) -> None:
        """Set another password and end all other sessions. Raises `ValidationFailed` for a wrong one, `Conflict`."""
        before = self.store.password_of(command.user_id)
        if not self._passwords.matches(command.current_password, before):
            raise ValidationFailed.of("current_password", "is not your password")
        after = self._passwords.hash(command.new_password)
        self.store.change_password(command.user_id, before, after, command.session_id, clock.now())

    @rpc
    def jwks(self) -> dict[str, Any]:
        """The public keys that access tokens are signed with (RFC 7517)."""
        return self.signer.jwks()

    @property
    def _passwords(self) -> Passwords:
        return Passwords(self.settings.bcrypt_rounds)

    def _sign_in(
        self, user: dict[str, Any], user_agent: str | None, address: str | None, hashed: str | None = None
    ) -> dict[str, Any]:
        fresh = tokens.new_refresh_token()
        expires_at = clock.now() + self.settings.refresh_token_lifetime
        digest = tokens.digest(fresh)
        with audit_records.done_by(user["id"], user["email"], user["roles"]):
            session_id = self.store.open_session(user["id"], digest, expires_at, user_agent, address, hashed)
        return {"user": user} | self._pair(user, session_id, fresh)

    def _pair(self, user: dict[str, Any], session_id: str, refresh_token: str) -> dict[str, Any]:
        return {
            "access_token": self.signer.access_token(user, session_id, clock.now()),
            "refresh_token": refresh_token,
            "token_type": "Bearer",
            "expires_in": int(self.signer.lifetime.total_seconds()),
        }
