"""Accounts: registration, sign-in, tokens and idempotency."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import eventlet
import jwt
import pytest

from schemas.api.auth import SignedIn, User
from schemas.base import Idempotency
from schemas.events.users import ProfileUpdated
from services.chassis.common import clock
from services.chassis.common.errors import (
    Conflict,
    DomainError,
    IdempotencyKeyReused,
    InvalidCredentials,
    NotFound,
    ValidationFailed,
)
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import envelope
from tests.service.auth.conftest import PASSWORD, AuthClient, new_email
from tests.support.callers import customer

REGISTERED = ("user_registered", "email_verification_requested")


def key(name: str, fingerprint: str = "f") -> dict[str, str]:
    return {"owner": "anonymous", "key": name, "fingerprint": fingerprint}


def test_registration_signs_in_and_publishes_events(auth: AuthClient) -> None:
    email = new_email()

    signed_in = SignedIn.model_validate(auth.register(email))

    assert signed_in.user == User(
        id=signed_in.user.id, email=email, first_name="Ada", last_name="Byron", roles=["CUSTOMER"], email_verified=False
    )
    assert (signed_in.token_type, signed_in.expires_in) == ("Bearer", 900)
    assert auth.event_types(signed_in.user.id) == [*REGISTERED, "user_logged_in"]
    assert auth.call("me", caller=customer(signed_in.user.id)) == signed_in.user.model_dump()


def test_access_token_is_verified_with_published_keys(auth: AuthClient) -> None:
    email = new_email()
    auth.call(
        "create_user", email=email, password=PASSWORD, first_name="A", last_name="B", roles=["VENDOR", "ADMIN", "ADMIN"]
    )

    token = auth.call("login", email=email, password=PASSWORD)["access_token"]

    keys = jwt.PyJWKSet.from_dict(auth.call("jwks"))
    claims = jwt.decode(
        token, keys[jwt.get_unverified_header(token)["kid"]], algorithms=["EdDSA"], audience="ultramarket-api"
    )
    assert claims["iss"] == "ultramarket"
    assert claims["roles"] == ["ADMIN", "VENDOR"]


def test_email_is_unique_whatever_its_case(auth: AuthClient) -> None:
    email = new_email()
    auth.register(email)
    with pytest.raises(Conflict) as refused:
        auth.register(email.upper())
    assert refused.value.details == [{"field": "email", "message": "has an account"}]


def test_concurrent_registrations_create_one_account(auth: AuthClient) -> None:
    email = new_email()

    def add(_: int) -> str:
        try:
            return str(auth.store.add(email, "hash", ("A", "B"), ["CUSTOMER"], None)["id"])
        except Conflict:
            return "conflict"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(add, range(8)))

    assert outcomes.count("conflict") == 7


def test_ten_registrations_at_once_hash_one_password(auth: AuthClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hash takes a quarter of a second of a core: ten of them would outlast the callers' deadlines."""
    email, hashes, request = new_email(), [], auth.service.hashing.request

    def counted(body: dict[str, Any]) -> dict[str, Any]:
        hashes.append(body)
        eventlet.sleep(0.05)
        return dict(request(body))

    monkeypatch.setattr(auth.service.hashing, "request", counted)

    def register(_: int) -> str:
        try:
            return str(auth.register(email)["user"]["email"])
        except Conflict:
            return "conflict"

    outcomes = sorted(eventlet.GreenPool(10).imap(register, range(10)))

    assert outcomes == sorted([email, *["conflict"] * 9])
    assert len(hashes) == 1


def test_repeated_register_returns_account_with_new_session(auth: AuthClient) -> None:
    email = new_email()

    first = auth.register(email, idempotency=key(email))
    again = auth.register(email, idempotency=key(email))

    assert again["user"] == first["user"]
    assert again["refresh_token"] != first["refresh_token"]
    assert auth.event_types(first["user"]["id"]).count("user_registered") == 1


def test_concurrent_requests_with_one_key_create_one_account(auth: AuthClient) -> None:
    email = new_email()
    idempotency = Idempotency.model_validate(key(email))

    with ThreadPoolExecutor(8) as pool:
        users = list(pool.map(lambda _: auth.store.add(email, "hash", ("A", "B"), ["CUSTOMER"], idempotency), range(8)))

    assert users == [users[0]] * 8
    assert auth.event_types(users[0]["id"]) == ["user_registered"]


def test_another_key_or_body_is_refused(auth: AuthClient) -> None:
    email = new_email()
    auth.register(email, idempotency=key(email))
    with pytest.raises(Conflict):
        auth.register(email, idempotency=key(f"{email}-other"))
    with pytest.raises(IdempotencyKeyReused):
        auth.register(new_email(), idempotency=key(email, "another"))


def test_email_can_be_registered_after_a_refused_request(auth: AuthClient) -> None:
    registered_email, new_address = new_email(), new_email()
    auth.register(registered_email)
    with pytest.raises(Conflict):
        auth.register(registered_email, idempotency=key(new_address, "1"))
    assert auth.register(new_address, idempotency=key(new_address, "2"))["user"]["email"] == new_address


def test_sign_in_publishes_an_event(auth: AuthClient) -> None:
    email = new_email()
    user = auth.register(email)["user"]

    signed_in = auth.call("login", email=email.upper(), password=PASSWORD, user_agent="Browser", address="127.0.0.1")

    assert signed_in["user"] == user
    assert auth.event_types(user["id"]) == [*REGISTERED, "user_logged_in", "user_logged_in"]


def test_wrong_password_and_unknown_account_get_the_same_error(auth: AuthClient) -> None:
    email = new_email()
    auth.register(email)

    def login_error(**credentials: str) -> dict[str, Any]:
        with pytest.raises(InvalidCredentials) as refused:
            auth.call("login", **credentials)
        return refused.value.to_wire()

    assert login_error(email=email, password="wrong") == login_error(email=new_email(), password=PASSWORD)


def test_access_token_has_the_newest_profile_name(auth: AuthClient) -> None:
    email = new_email()
    user_id = auth.register(email)["user"]["id"]
    now = clock.now()

    def profile_updated(first_name: str, seconds: int) -> ProfileUpdated:
        event = ProfileUpdated(user_id=user_id, first_name=first_name, last_name="King")
        return ProfileUpdated.from_envelope(envelope(event, at=now + timedelta(seconds=seconds)))

    for event in (profile_updated("Augusta", 0), profile_updated("Adi", 1), profile_updated("Augusta", 0)):
        auth.service.update_name(event)

    signed_in = auth.call("login", email=email, password=PASSWORD)
    assert (signed_in["user"]["first_name"], signed_in["user"]["last_name"]) == ("Adi", "King")
    claims = jwt.decode(signed_in["access_token"], options={"verify_signature": False})
    assert claims["name"] == "Adi King"


def test_profile_update_renames_only_its_account(auth: AuthClient) -> None:
    other, renamed = auth.register()["user"], auth.register()["user"]
    event = ProfileUpdated(user_id=renamed["id"], first_name="Augusta", last_name="King")

    auth.service.update_name(ProfileUpdated.from_envelope(envelope(event, at=clock.now())))

    names = [auth.call("me", caller=customer(user["id"]))["first_name"] for user in (renamed, other)]
    assert names == ["Augusta", other["first_name"]]


def test_long_passwords_are_compared_in_full(auth: AuthClient) -> None:
    email, long_password = new_email(), "correct horse battery " * 5
    auth.register(email, password=long_password + "1")
    with pytest.raises(InvalidCredentials):
        auth.call("login", email=email, password=long_password + "2")
    assert auth.call("login", email=email, password=long_password + "1")["user"]["email"] == email


@pytest.mark.parametrize(
    "invalid",
    [
        {"email": "nobody"},
        {"password": "short"},
        {"password": "x" * 129},
        {"first_name": " "},
        {"last_name": "a\nb"},
        {"first_name": "\x00"},
        {"roles": ["ADMIN"]},
    ],
)
def test_invalid_account_is_refused(auth: AuthClient, invalid: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        auth.register(**invalid)
    assert [detail["field"] for detail in refused.value.details] == list(invalid)


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("me", {"caller": customer(new_id())}, NotFound),
        ("get_account", {"user_id": "nonsense"}, ValidationFailed),
        ("logout_all", {"user_id": "'"}, ValidationFailed),
        ("logout", {"session_id": "\x00"}, ValidationFailed),
    ],
)
def test_invalid_id_is_a_domain_error(
    auth: AuthClient, method: str, arguments: dict[str, Any], error: type[DomainError]
) -> None:
    with pytest.raises(error):
        auth.call(method, **arguments)
