"""The process ends at any step of a login by a provider, a registration or a refresh: nothing is lost or doubled."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from sqlalchemy import func, select

from services.auth.models import accounts, identities, sessions
from services.chassis.common.errors import Conflict, Unauthenticated
from services.chassis.common.ids import new_id
from tests.service.auth.conftest import PASSWORD, AuthClient, new_email
from tests.service.auth.provider_logins import CALLBACK, Shop, account_of, shop_with
from tests.support.fake_services import SimulatedCrash
from tests.support.openid_provider import OpenIdServer, running

HOST = "127.77.255.5"
CALLBACK_STEPS = ("oauth_requests.take", "provider.person", "store.identities.sign_in", "oauth_requests.add_code")
EXCHANGE_STEPS = ("oauth_requests.take_code", "store.open_session")


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdServer]:
    with running(HOST, CALLBACK) as server:
        yield server


@pytest.fixture
def shop(auth: AuthClient, provider: OpenIdServer, redis_client: "redis.Redis") -> Shop:
    return shop_with(auth, provider, redis_client)


class Crashes:
    """Ends the process after a step of the service, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def after(self, owner: Any, method: str) -> None:
        original = getattr(owner, method)

        def step(*args: Any, **kwargs: Any) -> Any:
            self._monkeypatch.undo()
            original(*args, **kwargs)
            raise SimulatedCrash

        self._monkeypatch.setattr(owner, method, step)

    def after_step(self, auth: AuthClient, step: str) -> None:
        """A step by its path from the service; `provider` is the local one."""
        *path, method = step.split(".")
        owner: Any = auth.service
        for name in path:
            owner = owner.providers["local"] if name == "provider" else getattr(owner, name)
        self.after(owner, method)


@pytest.fixture
def crashes(monkeypatch: pytest.MonkeyPatch) -> Crashes:
    return Crashes(monkeypatch)


def count(auth: AuthClient, table: Any, condition: Any) -> int:
    with auth.store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())


def sessions_of(auth: AuthClient, email: str) -> int:
    account = account_of(auth, email)
    return count(auth, sessions, sessions.c.user_id == account.id) if account else 0


@pytest.mark.parametrize("step", CALLBACK_STEPS)
def test_crash_in_callback_is_cured_by_another_login(shop: Shop, crashes: Crashes, step: str) -> None:
    email = new_email()
    reply = shop.reply(email)
    crashes.after_step(shop.auth, step)
    with pytest.raises(SimulatedCrash):
        shop.finish(reply)

    with pytest.raises(Unauthenticated):  # delivered again
        shop.finish(reply)
    opened = sessions_of(shop.auth, email)
    user = shop.sign_in(email)["user"]

    assert opened == 0
    assert user["email"] == email
    assert count(shop.auth, accounts, accounts.c.email_key == email) == 1
    assert count(shop.auth, identities, identities.c.user_id == user["id"]) == 1
    assert sessions_of(shop.auth, email) == 1


@pytest.mark.parametrize("step", EXCHANGE_STEPS)
def test_crash_in_exchange_uses_the_code_up(shop: Shop, crashes: Crashes, step: str) -> None:
    email = new_email()
    code = shop.finish(shop.reply(email))["code"]
    crashes.after_step(shop.auth, step)
    with pytest.raises(SimulatedCrash):
        shop.auth.call("exchange_oauth_code", code=code)

    with pytest.raises(Unauthenticated):  # delivered again
        shop.auth.call("exchange_oauth_code", code=code)
    without_tokens = sessions_of(shop.auth, email)
    shop.sign_in(email)

    assert without_tokens == (1 if step == "store.open_session" else 0)  # nobody has its tokens; its owner can end it
    assert sessions_of(shop.auth, email) == without_tokens + 1


def test_registration_repeated_after_a_crash_gives_its_account(auth: AuthClient, crashes: Crashes) -> None:
    email, key = new_email(), {"owner": "guest", "key": new_id(), "fingerprint": "f"}
    crashes.after(auth.service.store, "add")
    with pytest.raises(SimulatedCrash):
        auth.register(email=email, idempotency=key)
    opened = sessions_of(auth, email)

    repeated = auth.register(email=email, idempotency=key)

    assert (opened, sessions_of(auth, email)) == (0, 1)
    assert repeated["user"]["id"] == account_of(auth, email).id
    assert auth.event_types(repeated["user"]["id"]).count("user_registered") == 1


def test_registration_without_key_is_followed_by_a_login(auth: AuthClient, crashes: Crashes) -> None:
    email = new_email()
    crashes.after(auth.service.store, "add")
    with pytest.raises(SimulatedCrash):
        auth.register(email=email)

    with pytest.raises(Conflict):
        auth.register(email=email)

    assert auth.call("login", email=email, password=PASSWORD)["user"]["id"] == account_of(auth, email).id


def test_refresh_repeated_after_a_crash_keeps_the_session(auth: AuthClient, crashes: Crashes) -> None:
    token = auth.register()["refresh_token"]
    crashes.after(auth.service.store, "rotate")
    with pytest.raises(SimulatedCrash):
        auth.refresh(token, key="first")

    received = auth.refresh(token, key="first")

    assert auth.refresh(received, key="second")
