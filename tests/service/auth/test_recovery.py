"""E-mail verification and password reset by mailed links: single use, expiry, rate limits, concurrency."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import orjson
import pytest
from sqlalchemy import select, update

from schemas.signed.mail_links import one_time_token
from services.auth.domain import Device, Lifetimes
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
from tests.service.auth.conftest import PASSWORD, SECRET, AuthClient, new_email
from tests.support.callers import customer

NEW_PASSWORD = "another correct horse"


LIFETIMES = Lifetimes(timedelta(days=7), timedelta(days=30))


def events(auth: AuthClient) -> list[dict[str, Any]]:
    """All events in the outbox, oldest first."""
    with auth.store.transaction() as session:
        bodies = session.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
        return [orjson.loads(body) for body in bodies]


def event_data(auth: AuthClient, type_: str, user_id: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events(auth) if event["type"] == type_ and event["subject"] == user_id]


def audited(auth: AuthClient) -> set[str]:
    return {event["data"]["action"] for event in events(auth) if event["type"] == "action_recorded"}


def link_token(auth: AuthClient, type_: str, user_id: str) -> str:
    """The token in the link of the newest mail of this type."""
    return one_time_token(event_data(auth, type_, user_id)[-1]["ticket"], SECRET)


def request_password_reset(auth: AuthClient, user: dict[str, Any]) -> str:
    auth.call("forgot_password", email=user["email"].upper())
    auth.service.issue_password_resets()
    return link_token(auth, "password_reset_requested", user["id"])


def expire_links(auth: AuthClient, user: dict[str, Any], expires_in: timedelta) -> None:
    with auth.store.transaction() as session:
        own_tickets = tickets.c.user_id == user["id"]
        session.execute(update(tickets).where(own_tickets).values(expires_at=clock.now() + expires_in))


def login(auth: AuthClient, user: dict[str, Any], password: str) -> dict[str, Any]:
    return dict(auth.call("login", email=user["email"], password=password))


def test_email_verification_link_can_be_repeated(auth: AuthClient) -> None:
    user = auth.register()["user"]
    token = link_token(auth, "email_verification_requested", user["id"])

    verified = [auth.call("verify_email", token=token) for _ in range(2)]

    assert user["email_verified"] is False
    assert verified == [user | {"email_verified": True}] * 2
    assert len(event_data(auth, "email_verified", user["id"])) == 1
    for invalid in ("nothing", token[:-1], token.partition(".")[0]):
        with pytest.raises(ValidationFailed):
            auth.call("verify_email", token=invalid)


def test_expired_link_is_refused(auth: AuthClient) -> None:
    user = auth.register()["user"]
    token, reset = link_token(auth, "email_verification_requested", user["id"]), request_password_reset(auth, user)
    expire_links(auth, user, timedelta(0))

    with pytest.raises(ValidationFailed):
        auth.call("verify_email", token=token)
    with pytest.raises(ValidationFailed):
        auth.call("reset_password", token=reset, password=NEW_PASSWORD)


@pytest.mark.parametrize(("type_", "hours"), [("email_verification_requested", 24), ("password_reset_requested", 1)])
def test_link_is_valid_for_its_hours(auth: AuthClient, monkeypatch: pytest.MonkeyPatch, type_: str, hours: int) -> None:
    user = auth.register()["user"]
    request_password_reset(auth, user)
    token, issued = link_token(auth, type_, user["id"]), clock.now()

    def use(minutes: int) -> None:
        monkeypatch.setattr(clock, "now", lambda: issued + timedelta(minutes=minutes))
        if type_ == "password_reset_requested":
            auth.call("reset_password", token=token, password=NEW_PASSWORD)
        else:
            auth.call("verify_email", token=token)

    with pytest.raises(ValidationFailed):
        use(hours * 60 + 1)
    use(hours * 60 - 1)


def test_password_reset_ends_every_session(auth: AuthClient) -> None:
    signed_in = auth.register()
    user = signed_in["user"]
    token = request_password_reset(auth, user)

    auth.call("reset_password", token=token, password=NEW_PASSWORD)

    with pytest.raises(Unauthenticated):
        auth.refresh(signed_in["refresh_token"])
    with pytest.raises(InvalidCredentials):
        login(auth, user, PASSWORD)
    assert login(auth, user, NEW_PASSWORD)["user"]["id"] == user["id"]
    for unusable in (
        token,
        link_token(auth, "email_verification_requested", user["id"]),
    ):  # the other token is for another purpose
        with pytest.raises(ValidationFailed):
            auth.call("reset_password", token=unusable, password=PASSWORD)
    assert {"password.forget", "password.reset"} <= audited(auth)


def test_password_reset_does_not_reveal_accounts(auth: AuthClient, account_store: RecoveryStore) -> None:
    user = auth.register()["user"]

    replies = [auth.call("forgot_password", email=email) for email in (new_email(), user["email"], user["email"])]
    with ThreadPoolExecutor(4) as pool:
        issued = list(pool.map(lambda _: account_store.issue_password_resets(SECRET, clock.now()), range(4)))
    auth.call("forgot_password", email=user["email"])
    issued_again = account_store.issue_password_resets(SECRET, clock.now())

    assert replies == [None] * 3
    assert (sum(issued), issued_again) == (1, 0)
    assert len(event_data(auth, "password_reset_requested", user["id"])) == 1


def test_one_of_concurrent_password_resets_succeeds(auth: AuthClient) -> None:
    """With one link, and with two links of one account."""
    user = auth.register()["user"]
    first = request_password_reset(auth, user)
    expire_links(auth, user, timedelta(minutes=30))  # so that the reset was requested some time ago
    second = request_password_reset(auth, user)

    def reset(number: int) -> str | None:
        hashed = f"hash {number}"
        try:
            auth.store.reset_password((first, second)[number % 2], hashed, clock.now())
        except ValidationFailed:
            return None
        return hashed

    with ThreadPoolExecutor(8) as pool:
        stored_hashes = [hashed for hashed in pool.map(reset, range(8)) if hashed]

    assert first != second
    assert stored_hashes == [auth.store.password_of(user["id"])]


def test_second_verification_link_waits_a_minute_keeps_first(auth: AuthClient) -> None:
    user = auth.register()["user"]
    first = link_token(auth, "email_verification_requested", user["id"])

    with pytest.raises(RateLimited) as limited:
        auth.call("resend_verification", caller=customer(user["id"]))
    expire_links(auth, user, timedelta(hours=23, minutes=58))
    auth.call("resend_verification", caller=customer(user["id"]))
    second = link_token(auth, "email_verification_requested", user["id"])

    assert 0 < limited.value.details[0]["retry_after"] <= 60
    assert first != second
    assert auth.call("verify_email", token=first)["email_verified"]
    with pytest.raises(InvalidState):
        auth.call("resend_verification", caller=customer(user["id"]))
    with pytest.raises(NotFound):
        auth.call("resend_verification", caller=customer("0197b1c8-7a5e-7cc0-9f00-000000000001"))
    assert "account.resend_verification" in audited(auth)


def test_concurrent_link_requests_mail_one_and_five_a_day(auth: AuthClient) -> None:
    user = auth.register()["user"]

    def request_link(_: int) -> int:
        try:
            auth.call("resend_verification", caller=customer(user["id"]))
        except RateLimited as refused:
            return int(refused.details[0]["retry_after"])
        return 0

    waits = []
    for hours in range(23, 17, -1):
        expire_links(auth, user, timedelta(hours=hours))
        with ThreadPoolExecutor(8) as pool:
            waits.append(sorted(pool.map(request_link, range(8))))

    assert [wait.count(0) for wait in waits] == [1, 1, 1, 1, 0, 0]
    assert len(event_data(auth, "email_verification_requested", user["id"])) == 5
    assert all(17 * 3600 < wait <= 24 * 3600 for wait in waits[-1])


def test_password_change_needs_current_and_replaces_session(auth: AuthClient) -> None:
    first = auth.register()
    user = first["user"]
    second = login(auth, user, PASSWORD)
    session_id = jwt.decode(first["access_token"], options={"verify_signature": False})["sid"]
    arguments = {"caller": customer(user["id"]), "session_id": session_id, "new_password": NEW_PASSWORD}

    with pytest.raises(ValidationFailed) as refused:
        auth.call("change_password", **arguments, current_password="not this one")
    replaced = auth.call("change_password", **arguments, current_password=PASSWORD)

    assert refused.value.details[0]["field"] == "current_password"
    for ended in (first, second):
        with pytest.raises(Unauthenticated):
            auth.refresh(ended["refresh_token"])
    assert replaced["user"]["id"] == user["id"]
    assert auth.refresh(replaced["refresh_token"])
    assert login(auth, user, NEW_PASSWORD)
    assert "password.change" in audited(auth)


def test_login_fails_when_password_changed_meanwhile(auth: AuthClient) -> None:
    user = auth.register()["user"]
    old_hash = auth.store.password_of(user["id"])
    auth.call("reset_password", token=request_password_reset(auth, user), password=NEW_PASSWORD)

    with pytest.raises(InvalidCredentials):
        auth.store.open_session(user["id"], "digest", LIFETIMES, Device(), old_hash)
