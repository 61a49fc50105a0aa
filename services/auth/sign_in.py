"""Sessions and their tokens: what logins of every kind have in common."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from nameko.extensions import DependencyProvider

from schemas.permissions.roles import ADMIN
from services.auth import tokens
from services.auth.auth_store import AuthStore
from services.auth.domain import Device, Lifetimes, OpenSession
from services.auth.hash_pool import Hashing
from services.auth.passwords import Passwords
from services.auth.revocations import REDIS_ERRORS, RevocationList, publish
from services.auth.settings import AuthSettings
from services.auth.tokens import SecondFactorClaims, Signer
from services.chassis.common import clock
from services.chassis.dynamic_config import config
from services.chassis.observability import audit_records
from services.chassis.runtime.encrypting import Encrypting
from services.chassis.runtime.service import Configured
from services.chassis.runtime.settings import load
from services.chassis.stores.postgres import Postgres, Session
from services.chassis.stores.redis import Redis

log = structlog.get_logger()


class Signing(DependencyProvider):
    """Provides the token signer, with the key read once."""

    def setup(self) -> None:
        settings = load(AuthSettings)
        self.signer = Signer(settings.jwt_private_key_file, settings.access_token_lifetime)

    def get_dependency(self, worker_ctx: Any) -> Signer:
        return self.signer


class SignIn:
    """Opens sessions and issues token pairs."""

    store = Postgres(AuthStore)
    settings = Configured(AuthSettings)
    signer = Signing()
    encryption = Encrypting()
    revoked = Redis(RevocationList)
    hashing = Hashing()

    @property
    def _passwords(self) -> Passwords:
        return Passwords(self.settings.bcrypt_rounds, self.hashing)

    def publish_new_revocations(self) -> None:
        """Copy new revocations at once. Without Redis the timer does it later: the sessions have ended already."""
        try:
            publish(self.store.revocations, self.revoked)
        except REDIS_ERRORS as error:
            log.warning("revocations_not_published", error=str(error))

    def sign_in(
        self,
        user: dict[str, Any],
        device: Device,
        password_hash: str | None = None,
        also: Callable[[Session], datetime | None] = lambda _session: None,
    ) -> dict[str, Any]:
        """Open a session; returns the account with its first token pair. See `SessionStore.open_session`."""
        refresh_token = tokens.new_refresh_token()
        with audit_records.done_by(user["id"], user["email"], user["roles"]):
            current, session = self.store.open_session(
                user["id"], tokens.digest(refresh_token), self.lifetimes, device, password_hash, also
            )
        return {"user": current} | self.token_pair(current, session, refresh_token)

    def token_pair(self, user: dict[str, Any], session: OpenSession, refresh_token: str) -> dict[str, Any]:
        """A new access token of the session beside its refresh token."""
        enabled = self.store.second_factors.is_enabled(user["id"])
        missing = not enabled and ADMIN in user["roles"] and config.setting("auth.administrators_need_second_factor")
        factor = SecondFactorClaims(enabled, missing, session.second_factor_at)
        return {
            "access_token": self.signer.access_token(user, session.id, clock.now(), factor),
            "refresh_token": refresh_token,
            "token_type": "Bearer",
            "expires_in": int(self.signer.lifetime.total_seconds()),
        }

    @property
    def lifetimes(self) -> Lifetimes:
        return Lifetimes(self.settings.refresh_token_lifetime, self.settings.session_lifetime)
