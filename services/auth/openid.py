"""OpenID Connect providers, by discovery."""

import time
from typing import Any, Final

from services.auth import id_tokens
from services.auth.provider_settings import ProviderSettings
from services.auth.providers import PersonAtProvider, ProviderFailed, ProviderSession
from services.chassis.outbound.addresses import OutboundPolicy

KEEP_SECONDS: Final = 600.0
"""Seconds for which a provider's metadata and keys are kept."""
REQUIRED: Final = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


class OpenIdProvider:
    """A provider with discovery. One per process: its metadata and keys are kept."""

    def __init__(self, settings: ProviderSettings, policy: OutboundPolicy) -> None:
        self.settings, self.policy = settings, policy
        self._metadata: dict[str, Any] = {}
        self._keys: dict[str, Any] = {}
        self._fetched_at = 0.0

    def authorization_url(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        endpoint = self._discovered()["authorization_endpoint"]
        with self._session() as session:
            url, _ = session.create_authorization_url(
                endpoint, state=state, code_verifier=verifier, nonce=nonce, redirect_uri=redirect_uri
            )
        return str(url)

    def person(self, code: str, redirect_uri: str, nonce: str, verifier: str, issuer: str | None) -> PersonAtProvider:
        metadata = self._discovered()
        if issuer is None and metadata.get("authorization_response_iss_parameter_supported"):
            raise ProviderFailed("the reply does not name its issuer")
        if issuer not in (None, metadata["issuer"]):
            raise ProviderFailed("the reply is another issuer's")
        with self._session() as session:
            token = session.token_for(metadata["token_endpoint"], code, redirect_uri, verifier)
            claims = self._claims(token, nonce)
            if "email" not in claims and "userinfo_endpoint" in metadata:
                more = session.json(metadata["userinfo_endpoint"])
                if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
                    raise ProviderFailed("the user info is another person's")
                claims = more | claims
        return _person(metadata["issuer"], claims)

    def _claims(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        arguments = (self.settings.issuer, self.settings.client_id, nonce, token.get("access_token"))
        try:
            try:
                return id_tokens.claims_of(token.get("id_token"), self._key_set(), *arguments)
            except id_tokens.UnknownKey:  # the provider has a new key
                return id_tokens.claims_of(token.get("id_token"), self._key_set(again=True), *arguments)
        except id_tokens.InvalidIdToken as invalid:
            raise ProviderFailed(f"the ID token is not valid: {invalid}") from invalid

    def _discovered(self) -> dict[str, Any]:
        if not self._metadata or time.monotonic() - self._fetched_at > KEEP_SECONDS:
            with self._session() as session:
                metadata = session.json(self.settings.discovery_url, withhold_token=True)
            missing = [name for name in REQUIRED if not isinstance(metadata, dict) or name not in metadata]
            if missing or metadata["issuer"] != self.settings.issuer:
                raise ProviderFailed(f"the discovery document is not one of {self.settings.issuer}")
            self._metadata, self._keys, self._fetched_at = metadata, {}, time.monotonic()
        return self._metadata

    def _key_set(self, again: bool = False) -> dict[str, Any]:
        if not self._keys or again:
            with self._session() as session:
                self._keys = session.json(self._discovered()["jwks_uri"], withhold_token=True)
        return self._keys

    def _session(self) -> ProviderSession:
        methods = self._metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        return ProviderSession(self.settings, self.policy, token_endpoint_auth_method=method)


def _person(issuer: str, claims: dict[str, Any]) -> PersonAtProvider:
    return PersonAtProvider(
        issuer=issuer,
        subject=claims["sub"],
        email=claims.get("email"),
        email_verified=claims.get("email_verified") is True,
        first_name=str(claims.get("given_name") or claims.get("name") or ""),
        last_name=str(claims.get("family_name") or ""),
    )
