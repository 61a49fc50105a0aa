"""Failed logins: delays by account and by address, no lock-out of the victim, weak passwords, rehashing."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from services.auth.attempts import LONGEST_DELAY, Counter, delay
from services.auth.passwords import Passwords
from services.chassis.common import clock, context
from services.chassis.common.errors import (
    Conflict,
    InvalidCredentials,
    RateLimited,
    ServiceUnavailable,
    ValidationFailed,
)
from services.chassis.common.ids import new_id
from tests.service.auth.conftest import PASSWORD, AuthClient, new_email
from tests.support.callers import customer

ATTACKER, HOME = "203.0.113.66", "198.51.100.7"


def outcome(auth: AuthClient, email: str, password: str, address: str) -> str:
    try:
        auth.call("login", email=email, password=password, address=address)
    except (InvalidCredentials, RateLimited) as refused:
        return refused.code
    return "OK"


def test_delay_grows_after_ten_failures() -> None:
    waits = [delay(failures, 10).total_seconds() for failures in (0, 9, 10, 11, 15, 30)]

    assert waits == [0, 0, 1, 2, 32, LONGEST_DELAY.total_seconds()]


@pytest.mark.parametrize("exists", [True, False])
def test_guessing_is_slowed_down(auth: AuthClient, exists: bool) -> None:
    email = auth.register()["user"]["email"] if exists else new_email()

    outcomes = [outcome(auth, email, "wrong horse", ATTACKER) for _ in range(12)]

    assert outcomes == ["INVALID_CREDENTIALS"] * 10 + ["RATE_LIMITED"] * 2
    assert outcome(auth, email, PASSWORD, ATTACKER) == "RATE_LIMITED"


@pytest.mark.parametrize("exists", [True, False])
def test_login_refused_for_want_of_time_is_no_failure(auth: AuthClient, exists: bool) -> None:
    email = auth.register()["user"]["email"] if exists else new_email()
    for _ in range(12):
        with context.having(deadline=time.monotonic()), pytest.raises(ServiceUnavailable):
            auth.call("login", email=email, password=PASSWORD, address=ATTACKER)

    assert outcome(auth, email, PASSWORD, ATTACKER) == ("OK" if exists else "INVALID_CREDENTIALS")


def test_concurrent_guesses_count_each(auth: AuthClient) -> None:
    counters, now = [Counter(f"account:{new_email()}", 10), Counter("address:203.0.113.79", 100)], clock.now()

    def is_free(_: int) -> bool:
        try:
            auth.store.attempts.begin(counters, now)
        except RateLimited:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(is_free, range(40)))

    assert outcomes.count(True) == 10


def test_victim_can_log_in_from_home(auth: AuthClient) -> None:
    email = auth.register()["user"]["email"]
    assert outcome(auth, email, PASSWORD, HOME) == "OK"
    for _ in range(15):
        outcome(auth, email, "wrong horse", ATTACKER)

    assert outcome(auth, email, PASSWORD, HOME) == "OK"
    assert outcome(auth, email, PASSWORD, ATTACKER) == "RATE_LIMITED"


def test_attempt_after_the_delay_is_made(auth: AuthClient, monkeypatch: pytest.MonkeyPatch) -> None:
    email = auth.register()["user"]["email"]
    for _ in range(11):
        outcome(auth, email, "wrong horse", ATTACKER)
    later = clock.now() + timedelta(seconds=2)
    monkeypatch.setattr(clock, "now", lambda: later)

    assert outcome(auth, email, PASSWORD, ATTACKER) == "OK"
    assert outcome(auth, email, "wrong horse", ATTACKER) == "INVALID_CREDENTIALS"


def test_guesses_at_many_accounts_count_by_address(auth: AuthClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth.service.settings, "login_failures_by_address", 5)

    outcomes = [outcome(auth, new_email(), "wrong horse", "203.0.113.77") for _ in range(6)]

    assert outcomes == ["INVALID_CREDENTIALS"] * 5 + ["RATE_LIMITED"]


def test_own_login_does_not_clear_the_address(auth: AuthClient) -> None:
    own, address = auth.register()["user"]["email"], "203.0.113.78"
    counter = Counter(f"address:{address}", 3)
    for _ in range(3):
        outcome(auth, new_email(), "wrong horse", address)
    outcome(auth, own, PASSWORD, address)

    with pytest.raises(RateLimited):
        auth.store.attempts.begin([counter], clock.now())


@pytest.mark.parametrize(
    "values",
    [
        {"password": "password"},
        {"password": "12345678"},
        {"password": "ada.lovelace@example.com", "email": "ada.lovelace@example.com"},
        {"password": "adalovelace", "first_name": "Ada", "last_name": "Lovelace"},
        {"password": "aaaaaaaaaaaa"},
        {"password": "qwertyuiop"},
    ],
)
def test_weak_password_is_refused(auth: AuthClient, values: dict[str, Any]) -> None:
    email = values.get("email") or new_email()

    with pytest.raises(ValidationFailed) as refused:
        auth.register(**values | {"email": email})

    assert refused.value.details[0]["field"] == "password"
    assert auth.store.credentials(email) == (None, None)


def test_weak_new_password_is_refused(auth: AuthClient) -> None:
    user = auth.register()["user"]
    arguments = {"current_password": PASSWORD, "caller": customer(user["id"]), "session_id": new_id()}

    with pytest.raises(ValidationFailed) as refused:
        auth.call("change_password", **arguments, new_password=user["email"])

    assert refused.value.details[0]["field"] == "new_password"


def test_hash_is_renewed_at_login_when_the_cost_changes(auth: AuthClient, monkeypatch: pytest.MonkeyPatch) -> None:
    email = auth.register()["user"]["email"]
    monkeypatch.setattr(auth.service.settings, "bcrypt_rounds", 5)

    assert outcome(auth, email, PASSWORD, HOME) == "OK"
    _, hashed = auth.store.credentials(email)
    assert hashed is not None
    assert hashed.startswith("$2b$05$")
    assert Passwords(5, auth.service.hashing).matches(PASSWORD, hashed)


def test_registering_a_known_address_tells_its_owner(auth: AuthClient) -> None:
    account = auth.call(
        "create_user", email=new_email(), password=PASSWORD, first_name="Ada", last_name="Byron", roles=["CUSTOMER"]
    )

    with pytest.raises(Conflict):
        auth.register(email=account["email"])

    assert auth.event_types(account["id"]) == ["user_registered", "registration_attempted"]


def test_reset_mails_have_a_daily_cap(auth: AuthClient, monkeypatch: pytest.MonkeyPatch) -> None:
    user = auth.register()["user"]
    start = clock.now()
    for hour in range(7):
        auth.store.request_password_reset(user["email"])
        auth.store.issue_password_resets(b"secret", start + timedelta(hours=hour))

    assert auth.event_types(user["id"]).count("password_reset_requested") == 5
