"""Second factors: TOTP and recovery codes are used once, and a login waits for one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pyotp
import pytest
from sqlalchemy import select, text

from services.auth.models import second_factors
from services.auth.second_factors import SecondFactors
from services.chassis.common import clock
from services.chassis.common.errors import (
    InvalidState,
    RateLimited,
    TwoFactorRequired,
    Unauthenticated,
    ValidationFailed,
)
from tests.service.auth.conftest import PASSWORD, AuthClient, claims
from tests.support.callers import customer
from tests.support.shop import eventually

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def next_step(self) -> None:
        self.now += timedelta(seconds=30)


@pytest.fixture
def time_(monkeypatch: pytest.MonkeyPatch) -> Clock:
    set_clock = Clock()
    monkeypatch.setattr(clock, "now", lambda: set_clock.now)
    return set_clock


class Protected:
    """An account with a second factor in use."""

    def __init__(self, auth: AuthClient, time_: Clock) -> None:
        self.auth, self.time = auth, time_
        signed_in = auth.register()
        self.email = signed_in["user"]["email"]
        self.caller = customer(signed_in["user"]["id"])
        self.session_id = claims(signed_in)["sid"]
        self.refresh_token = signed_in["refresh_token"]
        self.totp = pyotp.TOTP(auth.call("set_up_totp", caller=self.caller)["secret"])
        confirmed = auth.call("confirm_totp", code=self.code(), caller=self.caller, session_id=self.session_id)
        self.recovery_codes: list[str] = confirmed["recovery_codes"]
        time_.next_step()

    def code(self) -> str:
        return self.totp.at(self.time.now)

    def challenge(self) -> str:
        with pytest.raises(TwoFactorRequired) as refused:
            self.auth.call("login", email=self.email, password=PASSWORD)
        return str(refused.value.details[0]["challenge"])

    def change_password(self) -> dict[str, Any]:
        values = {"current_password": PASSWORD, "new_password": "another correct horse"}
        return dict(self.auth.call("change_password", **values, caller=self.caller, session_id=self.session_id))

    def answer(self, challenge: str, code: str) -> dict[str, Any]:
        return dict(self.auth.call("two_factor_login", challenge=challenge, code=code))


@pytest.fixture
def account(auth: AuthClient, time_: Clock) -> Protected:
    return Protected(auth, time_)


def test_login_needs_a_code(account: Protected) -> None:
    signed_in = account.answer(account.challenge(), account.code())

    assert signed_in["user"]["email"] == account.email
    assert claims(signed_in)["2fa"] == "enabled"
    assert claims(signed_in)["2fa_at"] == int(account.time.now.timestamp())


def test_code_works_once(account: Protected) -> None:
    code, challenges = account.code(), [account.challenge() for _ in range(8)]

    def answer(challenge: str) -> str:
        try:
            account.answer(challenge, code)
        except ValidationFailed as refused:
            return str(refused.details[0]["field"])
        return "signed in"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(answer, challenges))

    assert outcomes == ["code"] * 7 + ["signed in"]


def test_recovery_code_works_once(account: Protected) -> None:
    code = account.recovery_codes[3]

    account.answer(account.challenge(), code.upper().replace("-", " "))
    with pytest.raises(ValidationFailed):
        account.answer(account.challenge(), code)

    assert len(set(account.recovery_codes)) == 10
    state = account.auth.call("two_factor_state", caller=account.caller)
    assert state == {"enabled": True, "recovery_codes_left": 9}


def test_secret_is_stored_encrypted(account: Protected) -> None:
    with account.auth.store.reading() as connection:
        stored = connection.execute(
            select(second_factors.c.secret).where(second_factors.c.user_id == account.caller["user_id"])
        ).scalar_one()

    assert stored.startswith("v1.")
    assert account.totp.secret not in stored


def test_unconfirmed_secret_changes_no_login(auth: AuthClient) -> None:
    signed_in = auth.register()
    auth.call("set_up_totp", caller=customer(signed_in["user"]["id"]))

    again = auth.call("login", email=signed_in["user"]["email"], password=PASSWORD)

    assert again["user"] == signed_in["user"]
    assert "2fa" not in claims(again)


def test_wrong_code_does_not_confirm(auth: AuthClient) -> None:
    caller = customer(auth.register()["user"]["id"])
    auth.call("set_up_totp", caller=caller)

    with pytest.raises(ValidationFailed):
        auth.call("confirm_totp", code="000000", caller=caller)

    assert auth.call("two_factor_state", caller=caller) == {"enabled": False, "recovery_codes_left": 0}


def test_second_set_up_is_refused(account: Protected) -> None:
    with pytest.raises(InvalidState):
        account.auth.call("set_up_totp", caller=account.caller)


def test_challenge_ends_after_five_minutes(account: Protected) -> None:
    challenge = account.challenge()
    account.time.now += timedelta(minutes=5, seconds=1)

    with pytest.raises(Unauthenticated):
        account.answer(challenge, account.code())


def test_forged_challenge_is_refused(account: Protected, auth: AuthClient) -> None:
    parts = account.challenge().split(".")
    parts[0] = auth.register()["user"]["id"]

    with pytest.raises(Unauthenticated):
        account.answer(".".join(parts), account.code())


def test_challenge_is_void_after_a_password_change(account: Protected) -> None:
    challenge = account.challenge()
    account.change_password()

    with pytest.raises(Unauthenticated):
        account.answer(challenge, account.code())


def test_password_change_keeps_time_of_second_factor(account: Protected) -> None:
    signed_in = account.answer(account.challenge(), account.code())
    account.session_id = claims(signed_in)["sid"]

    replaced = account.change_password()

    assert claims(replaced)["2fa"] == "enabled"
    assert claims(replaced)["2fa_at"] == claims(signed_in)["2fa_at"]


def test_wrong_codes_are_delayed(account: Protected) -> None:
    challenge = account.challenge()
    for _ in range(10):
        with pytest.raises(ValidationFailed):
            account.answer(challenge, "000000")

    with pytest.raises(RateLimited) as refused:
        account.answer(challenge, account.code())

    assert refused.value.details == [{"retry_after": 2}]


def test_session_is_confirmed_by_a_challenge(account: Protected) -> None:
    from schemas.signed.challenges import Challenge
    from tests.service.auth.conftest import SECRET

    account.time.now += timedelta(hours=1)
    challenge = Challenge(str(account.caller["user_id"]), account.session_id).sign(SECRET, account.time.now)

    confirmed = account.answer(challenge, account.code())

    assert claims(confirmed)["sid"] == account.session_id
    assert claims(confirmed)["2fa_at"] == int(account.time.now.timestamp())
    assert account.auth.refresh(confirmed["refresh_token"])
    assert account.auth.refresh(account.refresh_token)


def test_removal_needs_password_and_code(account: Protected) -> None:
    for password, code in ((PASSWORD, "000000"), ("wrong horse", account.code())):
        with pytest.raises(ValidationFailed):
            account.auth.call("remove_totp", password=password, code=code, caller=account.caller)

    account.auth.call("remove_totp", password=PASSWORD, code=account.code(), caller=account.caller)

    assert account.auth.call("login", email=account.email, password=PASSWORD)["user"]["email"] == account.email
    assert account.auth.call("two_factor_state", caller=account.caller)["recovery_codes_left"] == 0


def test_new_recovery_codes_replace_the_old(account: Protected) -> None:
    renewed = account.auth.call("renew_recovery_codes", code=account.code(), caller=account.caller)

    with pytest.raises(ValidationFailed):
        account.answer(account.challenge(), account.recovery_codes[0])
    account.answer(account.challenge(), renewed["recovery_codes"][0])


def test_factor_confirmed_during_login_is_asked_for(auth: AuthClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login has checked the password and found no factor when another session confirms one."""
    user = auth.register()["user"]
    totp = pyotp.TOTP(auth.call("set_up_totp", caller=customer(user["id"]))["secret"])
    open_session = auth.store.open_session

    def confirm_before(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        auth.call("confirm_totp", code=totp.at(clock.now()), caller=customer(user["id"]))
        return open_session(*args, **options)

    monkeypatch.setattr(auth.store, "open_session", confirm_before)
    with pytest.raises(TwoFactorRequired) as required:
        auth.call("login", email=user["email"], password=PASSWORD)

    assert required.value.details[0]["challenge"]


def test_login_waits_for_a_confirmation_under_way(auth: AuthClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The confirmation isn't committed yet when the login opens its session."""
    user = auth.register()["user"]
    totp = pyotp.TOTP(auth.call("set_up_totp", caller=customer(user["id"]))["secret"])
    changed, open_session = SecondFactors._changed, auth.store.open_session
    is_confirming, has_ended = Event(), Event()

    def confirm_slowly(factors: SecondFactors, *args: Any) -> None:
        changed(factors, *args)
        is_confirming.set()
        eventually(lambda: has_ended.is_set() or is_waiting_for_lock(auth))

    def open_meanwhile(*args: Any, **options: Any) -> Any:
        pool.submit(auth.call, "confirm_totp", code=totp.at(clock.now()), caller=customer(user["id"]))
        assert is_confirming.wait(10)
        try:
            return open_session(*args, **options)
        finally:
            has_ended.set()

    monkeypatch.setattr(SecondFactors, "_changed", confirm_slowly)
    monkeypatch.setattr(auth.store, "open_session", open_meanwhile)
    with ThreadPoolExecutor(1) as pool, pytest.raises(TwoFactorRequired):
        auth.call("login", email=user["email"], password=PASSWORD)


def is_waiting_for_lock(auth: AuthClient) -> bool:
    with auth.store.reading() as connection:
        return bool(connection.execute(text("select count(*) from pg_locks where not granted")).scalar_one())
