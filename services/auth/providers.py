"""Identity providers: where a login begins, and whom the provider's code stands for."""

from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from services.auth.provider_settings import ProviderSettings
from services.chassis.outbound.addresses import OutboundPolicy, OutboundRefused
from services.chassis.outbound.guarded_http import GuardedSession, Limits, resolve

LIMITS: Final = Limits(seconds=3.0, reply_bytes=500_000)


class ProviderFailed(Exception):
    """The provider can't be reached, or its reply is not valid."""


@dataclass(frozen=True)
class PersonAtProvider:
    """A person as the provider describes them."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    first_name: str
    last_name: str


class Provider(Protocol):
    """A provider that one can sign in with."""

    settings: ProviderSettings

    def authorization_url(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """The provider's page that asks the person. Raises `ProviderFailed`."""
        ...

    def person(self, code: str, redirect_uri: str, nonce: str, verifier: str, issuer: str | None) -> PersonAtProvider:
        """Exchange the provider's code; `issuer` is who sent it (RFC 9207). Raises `ProviderFailed`."""
        ...


class ProviderSession(OAuth2Session, GuardedSession):  # type: ignore[misc]
    """authlib's OAuth 2 client, with the rules for requests to addresses from outside."""

    def __init__(self, settings: ProviderSettings, policy: OutboundPolicy, **client: Any) -> None:
        options = {"scope": settings.scope, "code_challenge_method": "S256"} | client
        OAuth2Session.__init__(self, settings.client_id, settings.client_secret.get_secret_value(), **options)
        self.policy, self.limits, self.resolver = policy, LIMITS, resolve
        self.trust_env = False

    def json(self, url: str, **options: Any) -> Any:
        """Get a JSON document. Raises `ProviderFailed`."""
        try:
            response = self.get(url, **options)
            if response.status_code != 200:
                raise ProviderFailed(f"{urlsplit(url).hostname} replied {response.status_code}")
            return response.json()
        except (requests.RequestException, OutboundRefused, ValueError) as failed:
            raise ProviderFailed(f"{urlsplit(url).hostname}: {failed}") from failed

    def token_for(self, url: str, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
        """Exchange an authorization code. Raises `ProviderFailed`."""
        try:
            token = self.fetch_token(
                url,
                grant_type="authorization_code",
                code=code,
                redirect_uri=redirect_uri,
                code_verifier=verifier,
            )
        except (OAuthError, requests.RequestException, OutboundRefused, ValueError) as failed:
            raise ProviderFailed(f"the code was not exchanged: {failed}") from failed
        return dict(token)
