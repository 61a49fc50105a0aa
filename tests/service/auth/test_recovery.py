"""Addresses are verified and passwords set anew by links that are mailed: each once, for a while, by one of many."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import orjson
import pytest
from sqlalchemy import select, update

from schemas.signed.mail_links import one_time_token
from services.auth.models import tickets
from services.auth.recovery import RecoveryStore
from services.chassis.common import clock
from services.chassis.common.errors import (
    InvalidCredentials,
    InvalidState,
    NotFound,
    RateLimited,
    Unauthenticated,
    ValidationFailed,
)
from services.chassis.stores.tables import outbox
from tests.service.auth.conftest import PASSWORD, SECRET, Desk, new_email
from tests.support.callers import customer

ANOTHER = "another correct horse"


def events(desk: Desk) -> list[dict[str, Any]]:
    """What was said, the oldest first."""
    with desk.store.transaction() as session:
        bodies = session.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
        return [orjson.loads(body) for body in bodies]


def said(desk: Desk, type_: str, user_id: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events(desk) if event["type"] == type_ and event["subject"] == user_id]


def audited(desk: Desk) -> set[str]:
    return {event["data"]["action"] for event in events(desk) if event["type"] == "action_recorded"}


def link(desk: Desk, type_: str, user_id: str) -> str:
    """The token in the mail."""
    return one_time_token(said(desk, type_, user_id)[-1]["ticket"], SECRET)


def forgotten(desk: Desk, user: dict[str, Any]) -> str:
    desk.call("forgot_password", email=user["email"].upper())
    desk.service.issue_password_resets()
    return link(desk, "password_reset_requested", user["id"])


def move(desk: Desk, user: dict[str, Any], expires_in: timedelta) -> None:
    with desk.store.transaction() as session:
        theirs = tickets.c.user_id == user["id"]
        session.execute(update(tickets).where(theirs).values(expires_at=clock.now() + expires_in))


def login(desk: Desk, user: dict[str, Any], password: str) -> dict[str, Any]:
    return dict(desk.call("login", email=user["email"], password=password))


def test_an_address_is_verified_by_the_link_once_and_again(desk: Desk) -> None:
    user = desk.register()["user"]
    token = link(desk, "email_verification_requested", user["id"])

    verified = [desk.call("verify_email", token=token) for _ in range(2)]

    assert user["email_verified"] is False
    assert verified == [user | {"email_verified": True}] * 2
    assert len(said(desk, "email_verified", user["id"])) == 1
    for wrong in ("nothing", token[:-1], token.partition(".")[0]):
        with pytest.raises(ValidationFailed):
            desk.call("verify_email", token=wrong)


def test_a_link_is_over_after_its_time(desk: Desk) -> None:
    user = desk.register()["user"]
    token, reset = link(desk, "email_verification_requested", user["id"]), forgotten(desk, user)
    move(desk, user, timedelta(0))

    with pytest.raises(ValidationFailed):
        desk.call("verify_email", token=token)
    with pytest.raises(ValidationFailed):
        desk.call("reset_password", token=reset, password=ANOTHER)


@pytest.mark.parametrize(("type_", "hours"), [("email_verification_requested", 24), ("password_reset_requested", 1)])
def test_mailed_link_is_good_for_so_many_hours(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, type_: str, hours: int
) -> None:
    user = desk.register()["user"]
    forgotten(desk, user)
    token, issued = link(desk, type_, user["id"]), clock.now()

    def use(minutes: int) -> None:
        monkeypatch.setattr(clock, "now", lambda: issued + timedelta(minutes=minutes))
        if type_ == "password_reset_requested":
            desk.call("reset_password", token=token, password=ANOTHER)
        else:
            desk.call("verify_email", token=token)

    with pytest.raises(ValidationFailed):
        use(hours * 60 + 1)
    use(hours * 60 - 1)


def test_a_forgotten_password_is_set_anew_and_every_session_ends(desk: Desk) -> None:
    signed_in = desk.register()
    user = signed_in["user"]
    token = forgotten(desk, user)

    desk.call("reset_password", token=token, password=ANOTHER)

    with pytest.raises(Unauthenticated):
        desk.refresh(signed_in["refresh_token"])
    with pytest.raises(InvalidCredentials):
        login(desk, user, PASSWORD)
    assert login(desk, user, ANOTHER)["user"]["id"] == user["id"]
    for used in (token, link(desk, "email_verification_requested", user["id"])):  # one is for something else
        with pytest.raises(ValidationFailed):
            desk.call("reset_password", token=used, password=PASSWORD)
    assert {"password.forget", "password.reset"} <= audited(desk)


def test_nobody_learns_whether_there_is_an_account(desk: Desk, account_store: RecoveryStore) -> None:
    user = desk.register()["user"]

    replies = [desk.call("forgot_password", email=email) for email in (new_email(), user["email"], user["email"])]
    with ThreadPoolExecutor(4) as pool:
        granted = list(pool.map(lambda _: account_store.issue_password_resets(SECRET, clock.now()), range(4)))
    desk.call("forgot_password", email=user["email"])
    too_soon = account_store.issue_password_resets(SECRET, clock.now())

    assert replies == [None] * 3
    assert (sum(granted), too_soon) == (1, 0)
    assert len(said(desk, "password_reset_requested", user["id"])) == 1


def test_of_several_resets_at_once_one_wins(desk: Desk) -> None:
    """With one link, and with two links of one account."""
    user = desk.register()["user"]
    first = forgotten(desk, user)
    move(desk, user, timedelta(minutes=30))  # so that it was asked for some time ago
    second = forgotten(desk, user)

    def reset(number: int) -> str | None:
        hashed = f"hash {number}"
        try:
            desk.store.reset_password((first, second)[number % 2], hashed, clock.now())
        except ValidationFailed:
            return None
        return hashed

    with ThreadPoolExecutor(8) as pool:
        won = [hashed for hashed in pool.map(reset, range(8)) if hashed]

    assert first != second
    assert won == [desk.store.password_of(user["id"])]


def test_second_verification_link_waits_a_minute_keeps_first(desk: Desk) -> None:
    user = desk.register()["user"]
    first = link(desk, "email_verification_requested", user["id"])

    with pytest.raises(RateLimited) as early:
        desk.call("resend_verification", caller=customer(user["id"]))
    move(desk, user, timedelta(hours=23, minutes=58))
    desk.call("resend_verification", caller=customer(user["id"]))
    second = link(desk, "email_verification_requested", user["id"])

    assert 0 < early.value.details[0]["retry_after"] <= 60
    assert first != second
    assert desk.call("verify_email", token=first)["email_verified"]
    with pytest.raises(InvalidState):
        desk.call("resend_verification", caller=customer(user["id"]))
    with pytest.raises(NotFound):
        desk.call("resend_verification", caller=customer("0197b1c8-7a5e-7cc0-9f00-000000000001"))
    assert "account.resend_verification" in audited(desk)


def test_concurrent_link_requests_mail_one_and_five_a_day(desk: Desk) -> None:
    user = desk.register()["user"]

    def asks(_: int) -> int:
        try:
            desk.call("resend_verification", caller=customer(user["id"]))
        except RateLimited as refused:
            return int(refused.details[0]["retry_after"])
        return 0

    waits = []
    for hours in range(23, 17, -1):
        move(desk, user, timedelta(hours=hours))
        with ThreadPoolExecutor(8) as pool:
            waits.append(sorted(pool.map(asks, range(8))))

    assert [wait.count(0) for wait in waits] == [1, 1, 1, 1, 0, 0]
    assert len(said(desk, "email_verification_requested", user["id"])) == 5
    assert all(17 * 3600 < wait <= 24 * 3600 for wait in waits[-1])


def test_password_change_needs_current_and_ends_sessions(desk: Desk) -> None:
    here = desk.register()
    user = here["user"]
    there = login(desk, user, PASSWORD)
    session_id = jwt.decode(here["access_token"], options={"verify_signature": False})["sid"]
    asked = {"caller": customer(user["id"]), "session_id": session_id, "new_password": ANOTHER}

    with pytest.raises(ValidationFailed) as refused:
        desk.call("change_password", **asked, current_password="not this one")
    desk.call("change_password", **asked, current_password=PASSWORD)

    assert refused.value.details[0]["field"] == "current_password"
    assert desk.refresh(here["refresh_token"])
    with pytest.raises(Unauthenticated):
        desk.refresh(there["refresh_token"])
    assert login(desk, user, ANOTHER)
    assert "password.change" in audited(desk)


def test_login_fails_when_password_changed_meanwhile(desk: Desk) -> None:
    user = desk.register()["user"]
    checked = desk.store.password_of(user["id"])
    desk.call("reset_password", token=forgotten(desk, user), password=ANOTHER)

    with pytest.raises(InvalidCredentials):
        desk.store.open_session(user["id"], "digest", clock.now(), None, None, checked)
