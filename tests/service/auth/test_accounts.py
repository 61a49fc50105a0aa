"""Opening an account, and getting into it again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

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
from tests.service.auth.conftest import PASSWORD, Desk, new_email
from tests.support.callers import customer

REGISTERED = ("user_registered", "email_verification_requested")


def key(name: str, fingerprint: str = "f") -> dict[str, str]:
    return {"owner": "anonymous", "key": name, "fingerprint": fingerprint}


def test_who_registers_is_signed_in_and_announced(desk: Desk) -> None:
    email = new_email()

    signed_in = SignedIn.model_validate(desk.register(email))

    assert signed_in.user == User(
        id=signed_in.user.id, email=email, first_name="Ada", last_name="Byron", roles=["CUSTOMER"], email_verified=False
    )
    assert (signed_in.token_type, signed_in.expires_in) == ("Bearer", 900)
    assert desk.said(signed_in.user.id) == [*REGISTERED, "user_logged_in"]
    assert desk.call("me", caller=customer(signed_in.user.id)) == signed_in.user.model_dump()


def test_the_published_keys_prove_the_token_and_its_roles(desk: Desk) -> None:
    email = new_email()
    desk.call(
        "create_user", email=email, password=PASSWORD, first_name="A", last_name="B", roles=["VENDOR", "ADMIN", "ADMIN"]
    )

    token = desk.call("login", email=email, password=PASSWORD)["access_token"]

    keys = jwt.PyJWKSet.from_dict(desk.call("jwks"))
    claims = jwt.decode(token, keys[jwt.get_unverified_header(token)["kid"]], algorithms=["EdDSA"])
    assert claims["roles"] == ["ADMIN", "VENDOR"]


def test_an_address_has_one_account_in_any_spelling(desk: Desk) -> None:
    email = new_email()
    desk.register(email)
    with pytest.raises(Conflict) as refused:
        desk.register(email.upper())
    assert refused.value.details == [{"field": "email", "message": "has an account"}]


def test_registered_by_eight_at_once_one_gets_it(desk: Desk) -> None:
    email = new_email()

    def add(_: int) -> str:
        try:
            return str(desk.store.add(email, "hash", ("A", "B"), ["CUSTOMER"], None)["id"])
        except Conflict:
            return "conflict"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(add, range(8)))

    assert outcomes.count("conflict") == 7


def test_repeated_register_returns_account_with_new_session(desk: Desk) -> None:
    email = new_email()

    first = desk.register(email, idempotency=key(email))
    again = desk.register(email, idempotency=key(email))

    assert again["user"] == first["user"]
    assert again["refresh_token"] != first["refresh_token"]
    assert desk.said(first["user"]["id"]).count("user_registered") == 1


def test_the_same_key_eight_times_at_once_is_one_account(desk: Desk) -> None:
    email = new_email()
    once = Idempotency.model_validate(key(email))

    with ThreadPoolExecutor(8) as pool:
        users = list(pool.map(lambda _: desk.store.add(email, "hash", ("A", "B"), ["CUSTOMER"], once), range(8)))

    assert users == [users[0]] * 8
    assert desk.said(users[0]["id"]) == ["user_registered"]


def test_another_key_or_another_body_is_refused(desk: Desk) -> None:
    email = new_email()
    desk.register(email, idempotency=key(email))
    with pytest.raises(Conflict):
        desk.register(email, idempotency=key(f"{email}-other"))
    with pytest.raises(IdempotencyKeyReused):
        desk.register(new_email(), idempotency=key(email, "another"))


def test_a_key_that_was_refused_may_be_used_again(desk: Desk) -> None:
    taken, free = new_email(), new_email()
    desk.register(taken)
    with pytest.raises(Conflict):
        desk.register(taken, idempotency=key(free, "1"))
    assert desk.register(free, idempotency=key(free, "2"))["user"]["email"] == free


def test_signing_in_leaves_a_trace_of_where(desk: Desk) -> None:
    email = new_email()
    user = desk.register(email)["user"]

    signed_in = desk.call("login", email=email.upper(), password=PASSWORD, user_agent="Browser", address="127.0.0.1")

    assert signed_in["user"] == user
    assert desk.said(user["id"]) == [*REGISTERED, "user_logged_in", "user_logged_in"]


def test_whatever_is_wrong_the_answer_is_the_same(desk: Desk) -> None:
    email = new_email()
    desk.register(email)

    def answer(**credentials: str) -> dict[str, Any]:
        with pytest.raises(InvalidCredentials) as refused:
            desk.call("login", **credentials)
        return refused.value.to_wire()

    assert answer(email=email, password="wrong") == answer(email=new_email(), password=PASSWORD)


def test_tokens_call_somebody_as_the_newest_profile_does(desk: Desk) -> None:
    email = new_email()
    user_id = desk.register(email)["user"]["id"]
    now = clock.now()

    def says(first_name: str, seconds: int) -> ProfileUpdated:
        event = ProfileUpdated(user_id=user_id, first_name=first_name, last_name="King")
        return ProfileUpdated.from_envelope(envelope(event, at=now + timedelta(seconds=seconds)))

    for event in (says("Augusta", 0), says("Adi", 1), says("Augusta", 0)):
        desk.service.update_name(event)

    signed_in = desk.call("login", email=email, password=PASSWORD)
    assert (signed_in["user"]["first_name"], signed_in["user"]["last_name"]) == ("Adi", "King")
    claims = jwt.decode(signed_in["access_token"], options={"verify_signature": False})
    assert claims["name"] == "Adi King"


def test_long_passwords_differ_at_their_end(desk: Desk) -> None:
    email, long = new_email(), "p" * 100
    desk.register(email, password=long + "1")
    with pytest.raises(InvalidCredentials):
        desk.call("login", email=email, password=long + "2")
    assert desk.call("login", email=email, password=long + "1")["user"]["email"] == email


@pytest.mark.parametrize(
    "wrong",
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
def test_what_is_no_account_is_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        desk.register(**wrong)
    assert [detail["field"] for detail in refused.value.details] == list(wrong)


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("me", {"caller": customer(new_id())}, NotFound),
        ("get_account", {"user_id": "nonsense"}, ValidationFailed),
        ("logout_all", {"user_id": "'"}, ValidationFailed),
        ("logout", {"session_id": "\x00"}, ValidationFailed),
    ],
)
def test_nonsense_is_an_error_of_its_own(
    desk: Desk, method: str, arguments: dict[str, Any], error: type[DomainError]
) -> None:
    with pytest.raises(error):
        desk.call(method, **arguments)
