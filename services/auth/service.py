"""Auth service: registration, login, sessions, passwords, public keys."""

from schemas.api.auth import (
    ChangePassword,
    CreateUser,
    ForgotRequest,
    Login,
    Refresh,
    Register,
    ResetRequest,
    Token,
    VerifyRequest,
)
from schemas.api.privacy import EraseAccount
from schemas.api.sessions import EndSession
from schemas.base import Id
from schemas.caller import Caller
from schemas.events.users import ProfileUpdated
from schemas.rpc.auth import AuthRpc
from services.auth import tokens
from services.auth.administration import Administration
from services.auth.api_key_methods import ApiKeyMethods
from services.auth.domain import Device, Exchange
from services.auth.oauth_methods import OauthMethods
from services.auth.passwords import check_strength
from services.auth.registrations import one_registration
from services.auth.revocations import publish
from services.chassis.common import clock, context
from services.chassis.common.errors import Conflict, InvalidCredentials, InvalidState, Unauthenticated, ValidationFailed
from services.chassis.messaging.events import on_event
from services.chassis.messaging.personal_data import Person, PersonalDataHandlers, Sections
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Service
from services.chassis.runtime.timers import every


class AuthService(OauthMethods, ApiKeyMethods, Administration, PersonalDataHandlers, Service):
    name = "auth"

    @implements(AuthRpc.register)
    def register(self, command: Register) -> Json:
        email, key = str(command.email), command.idempotency
        names = (command.first_name, command.last_name)
        self._passwords.admit()
        with one_registration(email):  # a hash costs a quarter of a second: only the first of many pays for it
            try:
                self.store.check_available(email, key)
            except Conflict:
                self.store.report_registration(email)
                raise
            check_strength("password", command.password, (email, *names))
            hashed = self._passwords.hash(command.password)
            user = self.store.add(email, hashed, names, ["CUSTOMER"], key, self.settings.link_key)
        stored = self.store.password_of(user["id"])
        # Repeated commands: the account may have another password by now, or another owner.
        if stored != hashed and not self._passwords.matches(command.password, stored):
            raise InvalidCredentials()
        return self.sign_in_by_one_factor(user, Device(command.user_agent, command.address), stored, [])

    @implements(AuthRpc.create_user)
    def create_user(self, command: CreateUser) -> Json:
        names = (command.first_name, command.last_name)
        check_strength("password", command.password, (str(command.email), *names))
        hashed = self._passwords.hash(command.password)
        roles = sorted(set(command.roles))
        return self.store.add(str(command.email), hashed, names, roles, None, email_verified=True)

    @implements(AuthRpc.login)
    def login(self, command: Login) -> Json:
        email = str(command.email)
        self._passwords.admit()  # before the attempt is counted as a failed one
        counters = self.store.attempts.counters(email, command.address, self.settings.login_failures_by_address)
        self.store.attempts.begin(counters, clock.now())
        user, hashed = self.store.credentials(email)
        if not self._passwords.matches(command.password, hashed) or user is None or hashed is None:
            self.store.refuse(email, user["id"] if user else None)
            raise InvalidCredentials()
        if self._passwords.is_outdated(hashed):
            renewed = self._passwords.hash(command.password)
            self.store.rehash(user["id"], hashed, renewed)
            hashed = renewed
        return self.sign_in_by_one_factor(
            user,
            Device(command.user_agent, command.address),
            hashed,
            counters,
            also=lambda session: self.store.attempts.succeed(session, counters),
        )

    @implements(AuthRpc.refresh)
    def refresh(self, command: Refresh) -> Json:
        new_token, now = tokens.new_refresh_token(), clock.now()
        exchange = Exchange(tokens.digest(command.refresh_token), tokens.digest(new_token), _request(command))
        rotated = self.store.rotate(exchange, self.settings.refresh_token_lifetime, now)
        if rotated is None:
            self.publish_new_revocations()
            raise Unauthenticated("The refresh token was used before; the session was ended")
        user, session = rotated
        return self.token_pair(user, session, new_token)

    @implements(AuthRpc.logout)
    def logout(self, refresh_token: Token | None = None, session_id: Id | None = None) -> None:
        if refresh_token is not None:
            self.store.end_session_of(tokens.digest(refresh_token))
        elif session_id is not None:
            self.store.end_session(session_id)
        self.publish_new_revocations()

    @implements(AuthRpc.logout_all)
    def logout_all(self, caller: Caller) -> None:
        self.store.end_all(str(caller.user_id))
        self.publish_new_revocations()

    @implements(AuthRpc.sessions)
    def sessions(self, caller: Caller, current: Id | None = None) -> Json:
        rows = self.store.open_sessions(str(caller.user_id))
        return [row | {"current": row["id"] == current} for row in rows]

    @implements(AuthRpc.end_session)
    def end_session(self, command: EndSession) -> None:
        self.store.end_own_session(command.session_id, str(command.caller.user_id))
        self.publish_new_revocations()

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
        user = self.store.account_to_reset(command.token, clock.now())
        check_strength("password", command.password, (user["email"], user["first_name"], user["last_name"]))
        self.store.reset_password(command.token, self._passwords.hash(command.password), clock.now())
        self.publish_new_revocations()

    @implements(AuthRpc.change_password)
    def change_password(self, command: ChangePassword) -> Json:
        user_id = str(command.caller.user_id)
        self._passwords.admit()
        user, before = self.store.user(user_id), self.store.password_of(user_id)
        counters = self.store.attempts.counters(user["email"], None, self.settings.login_failures_by_address)
        self.store.attempts.begin(counters, clock.now())
        if not before:
            raise InvalidState("The account has no password: set one by `POST /auth/password/forgot`")
        if not self._passwords.matches(command.current_password, before):
            raise ValidationFailed.of("current_password", "is not your password")
        check_strength("new_password", command.new_password, (user["email"], user["first_name"], user["last_name"]))
        passwords = (before, self._passwords.hash(command.new_password))
        device, refresh_token = Device(command.user_agent, command.address), tokens.new_refresh_token()
        user, session = self.store.change_password(
            user_id,
            passwords,
            command.session_id,
            tokens.digest(refresh_token),
            self.lifetimes,
            device,
            clock.now(),
        )
        self.store.attempts.forget(counters)
        self.publish_new_revocations()
        return {"user": user} | self.token_pair(user, session, refresh_token)

    @implements(AuthRpc.erase_account)
    def erase_account(self, command: EraseAccount) -> Json:
        user_id = str(command.caller.user_id)
        self._passwords.admit()
        user, password_hash = self.store.user(user_id), self.store.password_of(user_id)
        counters = self.store.attempts.counters(user["email"], None, self.settings.login_failures_by_address)
        self.store.attempts.begin(counters, clock.now())
        if not password_hash:
            if not self.store.is_fresh(command.session_id, user_id, clock.now()):
                raise Unauthenticated("Sign in again first: the account has no password")
        elif not self._passwords.matches(command.password or "", password_hash):
            raise ValidationFailed.of("password", "is not your password")
        erasure_id = self.store.erasure.erase(user_id, password_hash)
        self.publish_new_revocations()
        return {"id": erasure_id, "status": "running"}

    def personal_data(self, person: Person) -> Sections:
        return self.store.erasure.personal_data(person.user_id)

    def erase_person(self, person: Person) -> None:
        self.store.erasure.forget(person)

    @implements(AuthRpc.jwks)
    def jwks(self) -> Json:
        return self.signer.jwks()

    @implements(AuthRpc.revocations)
    def revocations(self) -> Json:
        return {"sessions": self.store.revocations.all()}

    @every(seconds=0.5)
    def publish_revocations(self) -> None:
        """Copy revocations to Redis that a request could not copy, or that Redis has lost."""
        publish(self.store.revocations, self.revoked)

    @every(seconds=60)
    def delete_expired_revocations(self) -> None:
        """Drop revocations of expired tokens from the list in Redis."""
        self.revoked.delete_expired()


def _request(command: Refresh) -> str | None:
    """Digest of the request: by its idempotency key, else by the id that RabbitMQ delivers it again with."""
    if command.idempotency is not None:
        return tokens.digest(f"key {command.idempotency.key}")
    request_id = context.current().get("request_id")
    return tokens.digest(f"request {request_id}") if request_id else None
