"""RPC methods of logins by other providers, and of the identities of an account."""

import base64
import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import structlog
from nameko.extensions import DependencyProvider

from schemas.api.oauth import ExchangeCode, FinishOauth, RemoveIdentity, StartOauth
from schemas.caller import Caller
from schemas.rpc.auth import AuthRpc
from services.auth.domain import Device
from services.auth.github import GitHub
from services.auth.oauth_requests import ExchangeableLogin, OauthRequests, PendingLogin
from services.auth.openid import OpenIdProvider
from services.auth.providers import Provider, ProviderFailed
from services.auth.settings import AuthSettings
from services.auth.two_factor import TwoFactorMethods
from services.chassis.common.errors import DomainError, NotFound, ServiceUnavailable, Unauthenticated, ValidationFailed
from services.chassis.messaging.rpc import Json, implements
from services.chassis.outbound.addresses import OutboundPolicy
from services.chassis.runtime.settings import load
from services.chassis.stores.redis import Redis

log = structlog.get_logger()


def providers_of(settings: AuthSettings) -> dict[str, Provider]:
    """The providers of the settings by name, in their order."""
    policy = OutboundPolicy(settings.allowed_networks, settings.allowed_ports, settings.outbound_plain_http)
    return {
        provider.name: GitHub(provider, policy) if provider.kind == "github" else OpenIdProvider(provider, policy)
        for provider in settings.oauth_providers
    }


class Providers(DependencyProvider):
    """Provides the identity providers, one of each per process."""

    def setup(self) -> None:
        self.providers = providers_of(load(AuthSettings))

    def get_dependency(self, worker_ctx: Any) -> dict[str, Provider]:
        return self.providers


class OauthMethods(TwoFactorMethods):
    """Logins by providers."""

    providers = Providers()
    oauth_requests = Redis(OauthRequests)

    @implements(AuthRpc.oauth_providers)
    def oauth_providers(self) -> Json:
        return [{"provider": name, "title": each.settings.title} for name, each in self.providers.items()]

    @implements(AuthRpc.start_oauth)
    def start_oauth(self, command: StartOauth) -> Json:
        provider = self._provider(command.provider)
        if command.return_to not in self.settings.return_addresses:
            raise ValidationFailed.of("return_to", "is not an address that logins may return to")
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        login = PendingLogin(command.provider, command.return_to, nonce, verifier, command.code_challenge)
        state, browser = self.oauth_requests.add(login)
        try:
            url = provider.authorization_url(self._redirect_uri(command.provider), state, nonce, verifier)
        except ProviderFailed as failed:
            log.warning("provider_failed", provider=command.provider, error=str(failed))
            raise ServiceUnavailable(f"{provider.settings.title} can't be reached at the moment") from failed
        return {"url": url, "state": state, "browser": browser}

    @implements(AuthRpc.finish_oauth)
    def finish_oauth(self, command: FinishOauth) -> Json:
        login = self.oauth_requests.take(command.state, command.browser)
        if login is None or login.provider != command.provider:
            raise Unauthenticated("The login was not begun in this browser, or took too long: begin again")
        try:
            result = {"code": self._confirmed(command, login)}
        except DomainError as refused:
            result = {"error": refused.code}
        return {"url": _with_parameters(login.return_to, result)}

    @implements(AuthRpc.exchange_oauth_code)
    def exchange_oauth_code(self, command: ExchangeCode) -> Json:
        login = self.oauth_requests.take_code(command.code)
        if login is None or not _is_verified(login.challenge, command.code_verifier):
            raise Unauthenticated("The code is not valid any more: begin the login again")
        if not self.store.identities.is_linked(login.identity_id, login.user_id):
            raise Unauthenticated("The identity was removed")
        user, password_hash = self.store.user(login.user_id), self.store.password_of(login.user_id)
        return self.sign_in_by_one_factor(user, Device(command.user_agent, command.address), password_hash, [])

    @implements(AuthRpc.identities)
    def identities(self, caller: Caller) -> Json:
        titles = {name: provider.settings.title for name, provider in self.providers.items()}
        return self.store.identities.of_user(str(caller.user_id), titles)

    @implements(AuthRpc.remove_identity)
    def remove_identity(self, command: RemoveIdentity) -> None:
        self.store.identities.remove(command.identity_id, str(command.caller.user_id))

    def _confirmed(self, command: FinishOauth, login: PendingLogin) -> str:
        """A code for the person whom the provider has signed in."""
        provider = self._provider(command.provider)
        if command.error is not None or command.code is None:
            raise Unauthenticated("The provider has not signed the person in")
        redirect_uri = self._redirect_uri(command.provider)
        try:
            person = provider.person(command.code, redirect_uri, login.nonce, login.verifier, command.iss)
        except ProviderFailed as failed:
            log.warning("provider_failed", provider=command.provider, error=str(failed))
            raise Unauthenticated("The provider's reply is not valid") from failed
        user_id, identity_id = self.store.identities.sign_in(person, command.provider, provider.settings.title)
        return self.oauth_requests.add_code(ExchangeableLogin(user_id, identity_id, login.challenge))

    def _provider(self, name: str) -> Provider:
        if name not in self.providers:
            raise NotFound("There is no such provider")
        return self.providers[name]

    def _redirect_uri(self, provider: str) -> str:
        return f"{self.settings.callback_base}/api/v1/auth/oauth/{provider}/callback"


def _with_parameters(address: str, parameters: dict[str, str]) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *parameters.items()])))


def _is_verified(challenge: str | None, verifier: str | None) -> bool:
    """Whether the verifier is the challenge's (RFC 7636, 4.6); without a challenge none is needed."""
    if challenge is None:
        return True
    digest = base64.urlsafe_b64encode(hashlib.sha256((verifier or "").encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(digest, challenge)
