"""Sessions go on by refresh tokens that are good once, and end when they should."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update

from services.auth import tokens
from services.auth.models import refresh_tokens, sessions
from services.chassis.common.errors import Unauthenticated
from services.chassis.common.ids import new_id
from tests.service.auth.conftest import PASSWORD, Desk
from tests.support.callers import customer


def refuses(desk: Desk, token: str) -> bool:
    try:
        desk.refresh(token)
    except Unauthenticated:
        return True
    return False


def test_a_session_goes_on_from_token_to_token(desk: Desk) -> None:
    token = desk.register()["refresh_token"]
    for _ in range(3):
        token, before = desk.refresh(token), token
        assert token != before


def test_a_token_that_comes_again_ends_the_session(desk: Desk) -> None:
    signed_in = desk.register()
    stolen = signed_in["refresh_token"]
    next_token = desk.refresh(stolen)

    assert refuses(desk, stolen)

    assert refuses(desk, next_token)
    assert desk.said(signed_in["user"]["id"])[-1] == "refresh_token_reused"
    assert desk.said(signed_in["user"]["id"]).count("refresh_token_reused") == 1


def test_another_session_of_the_same_person_lives_on(desk: Desk) -> None:
    signed_in = desk.register()
    other = desk.call("login", email=signed_in["user"]["email"], password=PASSWORD)["refresh_token"]
    desk.refresh(signed_in["refresh_token"])

    assert refuses(desk, signed_in["refresh_token"])

    assert desk.refresh(other)


def test_concurrent_refreshes_succeed_once_and_end_session(desk: Desk) -> None:
    shown = tokens.digest(desk.register()["refresh_token"])
    now = datetime.now(UTC)

    def rotate(_: int) -> str | None:
        fresh = tokens.new_refresh_token()
        try:
            rotated = desk.store.rotate(shown, tokens.digest(fresh), now + timedelta(days=1), now)
        except Unauthenticated:
            return None
        return fresh if rotated else None

    with ThreadPoolExecutor(8) as pool:
        fresh = [token for token in pool.map(rotate, range(8)) if token]

    assert len(fresh) == 1
    assert refuses(desk, fresh[0])


def test_what_was_never_a_token_is_refused(desk: Desk) -> None:
    assert refuses(desk, "never-a-token")


def test_a_token_that_lay_too_long_is_refused(desk: Desk) -> None:
    token = desk.register()["refresh_token"]
    with desk.store.transaction() as session:
        session.execute(
            update(refresh_tokens)
            .where(refresh_tokens.c.digest == tokens.digest(token))
            .values(expires_at=datetime.now(UTC))
        )
    assert refuses(desk, token)


def test_signing_out_ends_the_session_of_the_token(desk: Desk) -> None:
    signed_in = desk.register()
    token = desk.refresh(signed_in["refresh_token"])

    for _ in range(2):
        desk.call("logout", refresh_token=token)

    assert refuses(desk, token)
    assert desk.said(signed_in["user"]["id"]).count("user_logged_out") == 1


def test_signing_out_by_session_and_of_a_session_that_never_was(desk: Desk) -> None:
    signed_in = desk.register()
    with desk.store.transaction() as session:
        mine = select(sessions.c.id).where(sessions.c.user_id == signed_in["user"]["id"])
        session_id = session.execute(mine).scalar_one()

    desk.call("logout", session_id=new_id())
    desk.call("logout", session_id=session_id)

    assert refuses(desk, signed_in["refresh_token"])


def test_logout_all_ends_only_the_users_sessions(desk: Desk) -> None:
    signed_in, stranger = desk.register(), desk.register()
    other = desk.call("login", email=signed_in["user"]["email"], password=PASSWORD)["refresh_token"]

    desk.call("logout_all", caller=customer(signed_in["user"]["id"]))

    assert refuses(desk, signed_in["refresh_token"])
    assert refuses(desk, other)
    assert desk.refresh(stranger["refresh_token"])


def test_what_ran_out_a_week_ago_is_forgotten_with_its_session(desk: Desk) -> None:
    old, young = desk.register(), desk.register()
    with desk.store.transaction() as session:
        session.execute(
            update(refresh_tokens)
            .where(refresh_tokens.c.digest == tokens.digest(old["refresh_token"]))
            .values(expires_at=datetime.now(UTC) - timedelta(days=8))
        )

    desk.store.delete_expired()

    def count(user_id: str) -> int:
        with desk.store.transaction() as session:
            query = select(func.count()).select_from(sessions).where(sessions.c.user_id == user_id)
            return int(session.execute(query).scalar_one())

    assert (count(old["user"]["id"]), count(young["user"]["id"])) == (0, 1)
    assert desk.refresh(young["refresh_token"])
