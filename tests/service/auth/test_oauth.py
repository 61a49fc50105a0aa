"""Logins by a real OpenID provider: each step once, in one browser, and no account changes hands."""

import base64
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
import redis
from sqlalchemy import func, select, update

from services.auth.models import accounts, identities, sessions
from services.auth.oauth_methods import providers_of
from services.chassis.common import clock
from services.chassis.common.errors import (
    InvalidCredentials,
    InvalidState,
    TwoFactorRequired,
    Unauthenticated,
    ValidationFailed,
)
from services.chassis.common.ids import new_id
from services.chassis.messaging.personal_data import Person
from tests.service.auth.conftest import PASSWORD, AuthClient, claims, new_email
from tests.service.auth.provider_logins import CALLBACK, HOST, RETURN_TO, SHOP, Shop, account_of, shop_with
from tests.support.callers import customer
from tests.support.openid_provider import OpenIdServer, running


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdServer]:
    with running(HOST, CALLBACK) as server:
        yield server


@pytest.fixture
def shop(auth: AuthClient, provider: OpenIdServer, redis_client: "redis.Redis") -> Shop:
    return shop_with(auth, provider, redis_client)


def verify(auth: AuthClient, email: str) -> None:
    with auth.store.transaction() as session:
        session.execute(update(accounts).where(accounts.c.email_key == email).values(email_verified=True))


# -- the login itself -------------------------------------------------------------------------------------------------


def test_first_login_creates_verified_account(shop: Shop) -> None:
    email = new_email()

    signed_in = shop.sign_in(email)

    user = signed_in["user"]
    assert (user["email"], user["first_name"], user["last_name"]) == (email, "Grace", "Hopper")
    assert (user["email_verified"], user["roles"]) == (True, ["CUSTOMER"])
    assert shop.auth.event_types(user["id"]) == ["user_registered", "email_verified", "user_logged_in"]


def test_second_login_finds_the_account(shop: Shop) -> None:
    email = new_email()

    first, second = shop.sign_in(email), shop.sign_in(email)

    assert second["user"]["id"] == first["user"]["id"]
    listed = shop.auth.call("identities", caller=customer(first["user"]["id"]))
    assert [(row["provider"], row["title"], row["email"]) for row in listed] == [("local", "Local provider", email)]


@pytest.mark.parametrize(
    "address",
    [
        f"{RETURN_TO}/",
        f"{RETURN_TO}?next=//evil.example",
        "https://evil.example",
        "//evil.example",
        f"{RETURN_TO}\r\nSet-Cookie: a=b",
        f"{SHOP}@evil.example/signed-in",
        f"{SHOP}.evil.example/signed-in",
        f"{SHOP}\\@evil.example/signed-in",
        RETURN_TO.upper(),
        "javascript:alert(1)",
    ],
)
def test_return_address_must_be_allowed(shop: Shop, address: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        shop.begin(return_to=address)

    assert refused.value.details[0]["field"] == "return_to"


def test_refusal_at_the_provider_is_told_at_return(shop: Shop) -> None:
    started = shop.begin()
    state = parse_qs(urlsplit(started["url"]).query)["state"][0]

    returned = shop.finish(
        {"provider": "local", "browser": started["browser"], "state": state, "error": "access_denied"}
    )

    assert returned == {"error": "UNAUTHENTICATED"}


def test_two_callbacks_of_one_state_give_one_code(shop: Shop) -> None:
    reply = shop.reply(new_email())

    def finish(_: int) -> str:
        try:
            return next(iter(shop.finish(reply)))
        except Unauthenticated:
            return "refused"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(finish, range(4)))

    assert outcomes == ["code", "refused", "refused", "refused"]


def test_two_first_logins_at_once_make_one_account(shop: Shop) -> None:
    email = new_email()
    replies = [shop.reply(email) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        codes = [returned["code"] for returned in pool.map(shop.finish, replies)]
    users = {shop.auth.call("exchange_oauth_code", code=code)["user"]["id"] for code in codes}

    with shop.auth.store.reading() as connection:
        linked = connection.execute(
            select(func.count()).select_from(identities).where(identities.c.email == email)
        ).scalar_one()
    assert (len(users), linked) == (1, 1)


def test_code_is_exchanged_once(shop: Shop) -> None:
    code = shop.finish(shop.reply(new_email()))["code"]
    shop.auth.call("exchange_oauth_code", code=code)

    with pytest.raises(Unauthenticated):
        shop.auth.call("exchange_oauth_code", code=code)


def test_code_needs_verifier_of_its_page(shop: Shop) -> None:
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    codes = [shop.finish(shop.reply(new_email(), code_challenge=challenge))["code"] for _ in range(3)]

    for code, given in ((codes[0], None), (codes[1], "w" * 43)):
        with pytest.raises(Unauthenticated):
            shop.auth.call("exchange_oauth_code", code=code, code_verifier=given)
    assert "access_token" in shop.auth.call("exchange_oauth_code", code=codes[2], code_verifier=verifier)


# -- attacks ----------------------------------------------------------------------------------------------------------


def test_replayed_state_is_refused(shop: Shop) -> None:
    reply = shop.reply(new_email())
    shop.finish(reply)

    with pytest.raises(Unauthenticated):
        shop.finish(reply)


def test_login_of_another_browser_is_refused(shop: Shop) -> None:
    attackers, victims = shop.reply(new_email()), shop.begin()

    for browser in ("", victims["browser"]):
        with pytest.raises(Unauthenticated):
            shop.finish(attackers | {"browser": browser})
    assert "code" in shop.finish(attackers)


def test_state_of_another_provider_is_refused(shop: Shop) -> None:
    with pytest.raises(Unauthenticated):
        shop.finish(shop.reply(new_email()) | {"provider": "other"})


@pytest.mark.parametrize("iss", ["https://evil.example", None])
def test_reply_of_another_issuer_is_refused(shop: Shop, iss: str | None) -> None:
    reply = shop.reply(new_email())
    assert reply["iss"] == shop.provider.issuer

    assert shop.finish(reply | {"iss": iss}) == {"error": "UNAUTHENTICATED"}


def test_injected_code_of_another_login_is_refused(shop: Shop) -> None:
    """PKCE and nonce: the provider takes a code with the verifier of its own login only."""
    stolen, own = shop.reply(new_email()), shop.reply(new_email())

    assert shop.finish(own | {"code": stolen["code"]}) == {"error": "UNAUTHENTICATED"}


def test_every_login_sends_pkce_state_and_nonce(shop: Shop) -> None:
    first, second = (parse_qs(urlsplit(shop.begin()["url"]).query) for _ in range(2))

    assert first["code_challenge_method"] == ["S256"]
    for name in ("code_challenge", "state", "nonce"):
        assert first[name] != second[name]


def test_provider_on_a_private_address_is_refused(shop: Shop) -> None:
    shop.auth.service.settings.allowed_networks = ()
    shop.auth.service.providers = providers_of(shop.auth.service.settings)

    with pytest.raises(Exception, match="can't be reached") as refused:
        shop.begin()
    assert "public address" in str(refused.value.__cause__)


# -- whose account it is ----------------------------------------------------------------------------------------------


def test_verified_account_is_linked_and_its_owner_told(shop: Shop) -> None:
    user = shop.auth.register()["user"]
    verify(shop.auth, user["email"])

    signed_in = shop.sign_in(user["email"])

    assert signed_in["user"]["id"] == user["id"]
    assert "identity_linked" in shop.auth.event_types(user["id"])
    assert shop.auth.call("login", email=user["email"], password=PASSWORD)["user"]["id"] == user["id"]


def test_address_unverified_at_provider_links_nothing(shop: Shop) -> None:
    user = shop.auth.register()["user"]
    verify(shop.auth, user["email"])
    stranger = new_email()

    for email in (user["email"], stranger):
        assert shop.finish(shop.reply(f"unverified+{email}")) == {"error": "EMAIL_NOT_VERIFIED"}

    assert shop.auth.call("identities", caller=customer(user["id"])) == []
    assert account_of(shop.auth, stranger) is None


def test_preregistered_account_goes_to_the_verified_person(shop: Shop) -> None:
    key = {"owner": "guest", "key": new_id(), "fingerprint": "f"}
    attackers = shop.auth.register(idempotency=key)
    email, attacker = attackers["user"]["email"], customer(attackers["user"]["id"])
    secret = shop.auth.call("set_up_totp", caller=attacker)["secret"]
    shop.auth.call("confirm_totp", code=pyotp.TOTP(secret).at(clock.now()), caller=attacker)

    owner = shop.sign_in(email)

    assert owner["user"]["id"] == attackers["user"]["id"]
    assert owner["user"]["email_verified"]
    assert not shop.auth.call("two_factor_state", caller=attacker)["enabled"]
    with pytest.raises(Unauthenticated):
        shop.auth.refresh(attackers["refresh_token"])
    with pytest.raises(InvalidCredentials):
        shop.auth.call("login", email=email, password=PASSWORD)
    with pytest.raises(InvalidCredentials):
        shop.auth.register(email=email, idempotency=key)


def test_unverified_account_of_staff_stays_closed(shop: Shop) -> None:
    user = shop.auth.register()["user"]
    with shop.auth.store.transaction() as session:
        session.execute(update(accounts).where(accounts.c.id == user["id"]).values(roles=["SUPPORT"]))

    assert shop.finish(shop.reply(user["email"])) == {"error": "EMAIL_NOT_VERIFIED"}


@pytest.mark.parametrize("is_linked", [True, False])
def test_disabled_account_is_refused(shop: Shop, is_linked: bool) -> None:
    email = new_email()
    if is_linked:
        shop.sign_in(email)
    else:
        shop.auth.register(email)
    with shop.auth.store.transaction() as session:
        session.execute(update(accounts).where(accounts.c.email_key == email).values(status="disabled"))

    assert shop.finish(shop.reply(email)) == {"error": "FORBIDDEN"}


def test_second_factor_is_asked_for(shop: Shop) -> None:
    email = new_email()
    user = shop.sign_in(email)["user"]
    secret = shop.auth.call("set_up_totp", caller=customer(user["id"]))["secret"]
    codes = shop.auth.call("confirm_totp", code=pyotp.TOTP(secret).at(clock.now()), caller=customer(user["id"]))[
        "recovery_codes"
    ]

    with pytest.raises(TwoFactorRequired) as required:
        shop.sign_in(email)

    challenge = required.value.details[0]["challenge"]
    assert shop.auth.call("two_factor_login", challenge=challenge, code=codes[0])["user"]["id"] == user["id"]


# -- identities of an account -----------------------------------------------------------------------------------------


def test_last_way_to_sign_in_stays(shop: Shop) -> None:
    user = shop.sign_in(new_email())["user"]
    identity = shop.auth.call("identities", caller=customer(user["id"]))[0]

    with pytest.raises(InvalidState):
        shop.auth.call("remove_identity", identity_id=identity["id"], caller=customer(user["id"]))


def test_removed_identity_ends_its_pending_code(shop: Shop) -> None:
    user = shop.auth.register()["user"]
    verify(shop.auth, user["email"])
    code = shop.finish(shop.reply(user["email"]))["code"]
    identity = shop.auth.call("identities", caller=customer(user["id"]))[0]

    shop.auth.call("remove_identity", identity_id=identity["id"], caller=customer(user["id"]))

    assert shop.auth.call("identities", caller=customer(user["id"])) == []
    with pytest.raises(Unauthenticated):
        shop.auth.call("exchange_oauth_code", code=code)


def test_identities_are_exported_and_erased(shop: Shop) -> None:
    email = new_email()
    user = shop.sign_in(email)["user"]
    person = Person(user["id"], email)

    exported = shop.auth.service.personal_data(person)["identities"]
    shop.auth.service.erase_person(person)

    assert [row["email"] for row in exported] == [email]
    assert shop.auth.call("identities", caller=customer(user["id"])) == []
    assert shop.sign_in(email)["user"]["id"] != user["id"]


# -- accounts without a password --------------------------------------------------------------------------------------


def test_account_without_password_gets_one_by_mail_only(shop: Shop) -> None:
    user = shop.sign_in(new_email())["user"]

    arguments = {"current_password": "x", "new_password": PASSWORD, "session_id": new_id()}

    with pytest.raises(InvalidState, match="password/forgot"):
        shop.auth.call("change_password", **arguments, caller=customer(user["id"]))
    with pytest.raises(InvalidCredentials):
        shop.auth.call("login", email=user["email"], password=PASSWORD)


def test_account_without_password_is_erased_when_fresh(shop: Shop) -> None:
    signed_in = shop.sign_in(new_email())
    caller, session_id = customer(signed_in["user"]["id"]), claims(signed_in)["sid"]
    with shop.auth.store.transaction() as session:
        this = update(sessions).where(sessions.c.id == session_id)
        session.execute(this.values(created_at=clock.now() - timedelta(minutes=11)))

    for given in (session_id, None):
        with pytest.raises(Unauthenticated):
            shop.auth.call("erase_account", caller=caller, session_id=given)
    fresh = claims(shop.sign_in(signed_in["user"]["email"]))["sid"]

    assert shop.auth.call("erase_account", caller=caller, session_id=fresh)["status"] == "running"


def test_account_with_password_is_not_erased_without_it(shop: Shop) -> None:
    signed_in = shop.auth.register()

    with pytest.raises(ValidationFailed):
        shop.auth.call("erase_account", caller=customer(signed_in["user"]["id"]), session_id=claims(signed_in)["sid"])
