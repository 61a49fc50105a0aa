"""Logins at the local OpenID provider, as the gateway and a browser make them."""

from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
from sqlalchemy import select

from schemas.api.oauth import FinishOauth
from services.auth.models import accounts
from services.auth.oauth_methods import providers_of
from services.auth.oauth_requests import OauthRequests
from services.auth.provider_settings import ProviderSettings
from tests.service.auth.conftest import AuthClient
from tests.support.openid_provider import PORT, OpenIdServer

HOST = "127.77.255.1"
SHOP = "http://127.0.0.1:3000"
RETURN_TO = f"{SHOP}/signed-in"
CALLBACK = f"{SHOP}/api/v1/auth/oauth/local/callback"


class Shop:
    """The shop's side of a login, as the gateway calls it."""

    def __init__(self, auth: AuthClient, provider: OpenIdServer) -> None:
        self.auth, self.provider = auth, provider

    def begin(self, **values: Any) -> dict[str, Any]:
        command = {"provider": "local", "return_to": RETURN_TO} | values
        return dict(self.auth.call("start_oauth", **command))

    def reply(self, person: str, **values: Any) -> dict[str, Any]:
        """The command of a callback, of a login that `person` confirmed at the provider."""
        started = self.begin(**values)
        return {"provider": "local", "browser": started["browser"]} | self.provider.sign_in(started["url"], person)

    def finish(self, reply: dict[str, Any]) -> dict[str, str]:
        """The parameters of the return address."""
        command = {name: value for name, value in reply.items() if name in FinishOauth.model_fields}
        url = self.auth.call("finish_oauth", **command)["url"]
        assert url.startswith(f"{RETURN_TO}?")
        return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    def sign_in(self, person: str) -> dict[str, Any]:
        return dict(self.auth.call("exchange_oauth_code", code=self.finish(self.reply(person))["code"]))


def shop_with(auth: AuthClient, provider: OpenIdServer, redis_client: "redis.Redis") -> Shop:
    """A shop with this provider, twice: as `local` and as `other`."""
    settings = auth.service.settings
    settings.callback_base, settings.return_addresses = SHOP, frozenset({RETURN_TO})
    settings.allowed_networks, settings.allowed_ports = (ip_network("127.77.0.0/16"),), frozenset({PORT})
    settings.outbound_plain_http = True
    settings.oauth_providers = (
        ProviderSettings.model_validate(provider.settings()),
        ProviderSettings.model_validate(provider.settings("other")),
    )
    auth.service.providers = providers_of(settings)
    auth.service.oauth_requests = OauthRequests(redis_client)
    return Shop(auth, provider)


def account_of(auth: AuthClient, email: str) -> Any:
    with auth.store.reading() as connection:
        return connection.execute(select(accounts).where(accounts.c.email_key == email)).one_or_none()
