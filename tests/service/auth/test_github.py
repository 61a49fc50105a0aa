"""Logins by GitHub, over HTTP, at a server that replies as GitHub documents it."""

from collections.abc import Iterator
from ipaddress import ip_network
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import redis
import requests
from structlog.testing import capture_logs

from services.auth.oauth_methods import providers_of
from services.auth.oauth_requests import OauthRequests
from services.auth.provider_settings import ProviderSettings
from tests.service.auth.conftest import AuthClient, new_email
from tests.support.fake_github import CLIENT_ID, CLIENT_SECRET, PORT, Account, FakeGitHub, email, running

HOST = "127.77.255.4"
SHOP = "http://127.0.0.1:3000"
RETURN_TO = f"{SHOP}/signed-in"
CALLBACK = f"{SHOP}/api/v1/auth/oauth/github/callback"
IDS = count(583_231)


@pytest.fixture(scope="module")
def github() -> Iterator[FakeGitHub]:
    with running(HOST, CALLBACK) as server:
        yield server


@pytest.fixture
def login(auth: AuthClient, github: FakeGitHub, redis_client: "redis.Redis") -> "Login":
    settings = auth.service.settings
    settings.callback_base, settings.return_addresses = SHOP, frozenset({RETURN_TO})
    settings.allowed_networks, settings.allowed_ports = (ip_network("127.77.0.0/16"),), frozenset({PORT})
    settings.outbound_plain_http = True
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    provider = {"name": "github", "site_url": github.url, "api_url": github.url} | client
    settings.oauth_providers = (ProviderSettings.model_validate(provider),)
    auth.service.providers = providers_of(settings)
    auth.service.oauth_requests = OauthRequests(redis_client)
    return Login(auth, github)


class Login:
    """Logins of a browser at the shop and at GitHub."""

    def __init__(self, auth: AuthClient, github: FakeGitHub) -> None:
        self.auth, self.github = auth, github

    def reply(self, account: Account | None) -> dict[str, str]:
        """The callback's command, as GitHub sends the browser back."""
        started = self.auth.call("start_oauth", provider="github", return_to=RETURN_TO)
        self.github.account = account
        response = requests.get(started["url"], allow_redirects=False, timeout=10)
        location = urlsplit(response.headers["Location"])
        assert f"{location.scheme}://{location.netloc}{location.path}" == CALLBACK
        query = {name: values[0] for name, values in parse_qs(location.query).items() if name != "error_description"}
        return {"provider": "github", "browser": started["browser"]} | query

    def finish(self, reply: dict[str, str]) -> dict[str, str]:
        """The parameters of the return address."""
        url = self.auth.call("finish_oauth", **reply)["url"]
        return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    def sign_in(self, account: Account) -> dict[str, Any]:
        code = self.finish(self.reply(account))["code"]
        return dict(self.auth.call("exchange_oauth_code", code=code))


def an_account(*emails: dict[str, Any], **values: Any) -> Account:
    return Account(next(IDS), "octocat", list(emails), **values)


def test_primary_verified_address_becomes_the_accounts(login: Login) -> None:
    address = new_email()
    others = [email("old@example.com", verified=False), email("1+octocat@users.noreply.github.com")]

    user = login.sign_in(an_account(*others, email(address, primary=True), name="Mona Lisa"))["user"]

    assert (user["email"], user["email_verified"], user["first_name"]) == (address, True, "Mona Lisa")


def test_renamed_account_is_found_by_its_id(login: Login) -> None:
    account = an_account(email(new_email(), primary=True))
    first = login.sign_in(account)["user"]
    account.login, account.emails = "renamed", [email(new_email(), primary=True)]

    again = login.sign_in(account)["user"]

    assert (again["id"], again["email"]) == (first["id"], first["email"])
    assert first["first_name"] == "octocat"


def test_primary_address_after_many_others_is_used(login: Login) -> None:
    address = new_email()
    many = [email(f"old{number}@example.com") for number in range(40)]

    assert login.sign_in(an_account(*many, email(address, primary=True)))["user"]["email"] == address


@pytest.mark.parametrize(
    "emails",
    [
        [email("unverified@example.com", primary=True, verified=False), email("verified@example.com")],
        [email("verified@example.com")],
        [],
    ],
)
def test_other_addresses_are_not_used(login: Login, emails: list[dict[str, Any]]) -> None:
    assert login.finish(login.reply(an_account(*emails))) == {"error": "EMAIL_NOT_VERIFIED"}


def test_code_that_github_refuses_signs_nobody_in(login: Login) -> None:
    """GitHub refuses with the status 200."""
    reply = login.reply(an_account(email(new_email(), primary=True)))

    with capture_logs() as logs:
        assert login.finish(reply | {"code": "used-before"}) == {"error": "UNAUTHENTICATED"}
    assert "bad_verification_code" in str(logs)


def test_refusal_at_github_signs_nobody_in(login: Login) -> None:
    assert login.finish(login.reply(None)) == {"error": "UNAUTHENTICATED"}


def test_withheld_addresses_sign_nobody_in(login: Login) -> None:
    """People may grant less than was asked for; the addresses are then 404."""
    account = an_account(email(new_email(), primary=True), scopes="read:user")

    assert login.finish(login.reply(account)) == {"error": "UNAUTHENTICATED"}
