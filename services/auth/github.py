"""GitHub: OAuth 2 without OpenID Connect (https://docs.github.com/apps/oauth-apps)."""

from typing import Any, Final

from services.auth.provider_settings import ProviderSettings
from services.auth.providers import PersonAtProvider, ProviderFailed, ProviderSession
from services.chassis.outbound.addresses import OutboundPolicy

SCOPE: Final = "read:user user:email"


class GitHub:
    """GitHub, or a GitHub Enterprise Server."""

    def __init__(self, settings: ProviderSettings, policy: OutboundPolicy) -> None:
        self.settings, self.policy = settings, policy

    def authorization_url(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        with self._session() as session:
            url, _ = session.create_authorization_url(
                f"{self.settings.site_url}/login/oauth/authorize",
                state=state,
                code_verifier=verifier,
                redirect_uri=redirect_uri,
            )
        return str(url)

    def person(self, code: str, redirect_uri: str, nonce: str, verifier: str, issuer: str | None) -> PersonAtProvider:
        if issuer not in (None, f"{self.settings.site_url}/login/oauth"):
            raise ProviderFailed("the reply is another issuer's")
        with self._session() as session:
            session.token_for(f"{self.settings.site_url}/login/oauth/access_token", code, redirect_uri, verifier)
            user = session.json(f"{self.settings.api_url}/user")
            addresses = session.json(f"{self.settings.api_url}/user/emails?per_page=100")  # 30 without
        if not isinstance(user, dict) or not isinstance(user.get("id"), int) or not isinstance(addresses, list):
            raise ProviderFailed("GitHub's reply is not a user with mail addresses")
        email = _primary(addresses)
        return PersonAtProvider(
            issuer=self.settings.site_url,
            subject=str(user["id"]),  # the login can be renamed, and taken by another person
            email=email,
            email_verified=email is not None,
            first_name=str(user.get("name") or user.get("login") or ""),
            last_name="",
        )

    def _session(self) -> ProviderSession:
        return ProviderSession(self.settings, self.policy, scope=SCOPE, token_endpoint_auth_method="client_secret_post")


def _primary(addresses: list[Any]) -> str | None:
    """The primary address, if it is verified."""
    for each in addresses:
        if isinstance(each, dict) and each.get("primary") is True and each.get("verified") is True:
            return str(each["email"])
    return None
