"""Sessions: rotation and reuse of refresh tokens, expiry, sign-out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from services.auth import tokens
from services.auth.domain import Exchange
from services.auth.models import refresh_tokens, sessions
from services.chassis.common import context
from services.chassis.common.errors import Unauthenticated
from services.chassis.common.ids import new_id
from tests.service.auth.conftest import PASSWORD, AuthClient
from tests.support.callers import customer


def is_refused(auth: AuthClient, token: str, key: str | None = None) -> bool:
    try:
        auth.refresh(token, key)
    except Unauthenticated:
        return True
    return False


def test_refresh_returns_a_new_token(auth: AuthClient) -> None:
    token = auth.register()["refresh_token"]
    for _ in range(3):
        token, before = auth.refresh(token), token
        assert token != before


def test_reused_token_ends_the_session(auth: AuthClient) -> None:
    signed_in = auth.register()
    reused = signed_in["refresh_token"]
    next_token = auth.refresh(reused)

    assert is_refused(auth, reused)

    assert is_refused(auth, next_token)
    assert auth.event_types(signed_in["user"]["id"])[-1] == "refresh_token_reused"
    assert auth.event_types(signed_in["user"]["id"]).count("refresh_token_reused") == 1


def test_reuse_does_not_end_other_sessions(auth: AuthClient) -> None:
    signed_in = auth.register()
    other = auth.call("login", email=signed_in["user"]["email"], password=PASSWORD)["refresh_token"]
    auth.refresh(signed_in["refresh_token"])

    assert is_refused(auth, signed_in["refresh_token"])

    assert auth.refresh(other)


def test_concurrent_refreshes_succeed_once_and_end_session(auth: AuthClient) -> None:
    digest = tokens.digest(auth.register()["refresh_token"])
    now = datetime.now(UTC)

    def rotate(_: int) -> str | None:
        new_tokens = tokens.new_refresh_token()
        try:
            exchange = Exchange(digest, tokens.digest(new_tokens))
            rotated = auth.store.rotate(exchange, timedelta(days=1), now)
        except Unauthenticated:
            return None
        return new_tokens if rotated else None

    with ThreadPoolExecutor(8) as pool:
        new_tokens = [token for token in pool.map(rotate, range(8)) if token]

    assert len(new_tokens) == 1
    assert is_refused(auth, new_tokens[0])


@pytest.mark.parametrize("used", [0, 1], ids=["late reply", "second reply"])
def test_repeated_refresh_leaves_one_usable_token(auth: AuthClient, used: int) -> None:
    token = auth.register()["refresh_token"]
    replies = [auth.refresh(token, key="first"), auth.refresh(token, key="first")]

    following = auth.refresh(replies[used], key="second")

    assert len({*replies, following}) == 3
    assert auth.refresh(following, key="third")


def test_both_tokens_of_a_repeated_refresh_are_reuse(auth: AuthClient) -> None:
    token = auth.register()["refresh_token"]
    one, other = auth.refresh(token, key="first"), auth.refresh(token, key="first")
    following = auth.refresh(one, key="second")

    assert is_refused(auth, other)
    assert is_refused(auth, following)


def test_refresh_repeated_after_its_token_was_used_is_reuse(auth: AuthClient) -> None:
    token = auth.register()["refresh_token"]
    current = auth.refresh(auth.refresh(token, key="first"), key="second")

    assert is_refused(auth, token, key="first")

    assert is_refused(auth, current)


def test_refresh_with_another_key_is_reuse(auth: AuthClient) -> None:
    token = auth.register()["refresh_token"]
    current = auth.refresh(token, key="first")

    assert is_refused(auth, token, key="another")

    assert is_refused(auth, current)


def test_refresh_delivered_again_replaces_the_lost_token(auth: AuthClient) -> None:
    """The process was killed between the exchange and the reply: RabbitMQ delivers the request again."""
    token = auth.register()["refresh_token"]
    with context.having(request_id=new_id()):
        auth.refresh(token)
        received = auth.refresh(token)

    assert auth.refresh(received)


def test_unknown_refresh_token_is_refused(auth: AuthClient) -> None:
    assert is_refused(auth, "never-a-token")


def test_expired_refresh_token_is_refused(auth: AuthClient) -> None:
    token = auth.register()["refresh_token"]
    with auth.store.transaction() as session:
        session.execute(
            update(refresh_tokens)
            .where(refresh_tokens.c.digest == tokens.digest(token))
            .values(expires_at=datetime.now(UTC))
        )
    assert is_refused(auth, token)


def test_logout_by_token_ends_its_session(auth: AuthClient) -> None:
    signed_in = auth.register()
    token = auth.refresh(signed_in["refresh_token"])

    for _ in range(2):
        auth.call("logout", refresh_token=token)

    assert is_refused(auth, token)
    assert auth.event_types(signed_in["user"]["id"]).count("user_logged_out") == 1


def test_logout_by_session_id_ends_only_that_session(auth: AuthClient) -> None:
    signed_in = auth.register()
    with auth.store.transaction() as session:
        query = select(sessions.c.id).where(sessions.c.user_id == signed_in["user"]["id"])
        session_id = session.execute(query).scalar_one()

    other = auth.register()["refresh_token"]

    auth.call("logout", session_id=new_id())
    auth.call("logout", session_id=session_id)

    assert is_refused(auth, signed_in["refresh_token"])
    assert auth.refresh(other)


def test_logout_all_ends_only_the_users_sessions(auth: AuthClient) -> None:
    signed_in, other_user = auth.register(), auth.register()
    other = auth.call("login", email=signed_in["user"]["email"], password=PASSWORD)["refresh_token"]

    auth.call("logout_all", caller=customer(signed_in["user"]["id"]))

    assert is_refused(auth, signed_in["refresh_token"])
    assert is_refused(auth, other)
    assert auth.refresh(other_user["refresh_token"])


def test_sessions_expired_a_week_ago_are_deleted(auth: AuthClient) -> None:
    old, current = auth.register(), auth.register()
    with auth.store.transaction() as session:
        session.execute(
            update(refresh_tokens)
            .where(refresh_tokens.c.digest == tokens.digest(old["refresh_token"]))
            .values(expires_at=datetime.now(UTC) - timedelta(days=8))
        )

    auth.store.delete_expired()

    def count(user_id: str) -> int:
        with auth.store.transaction() as session:
            query = select(func.count()).select_from(sessions).where(sessions.c.user_id == user_id)
            return int(session.execute(query).scalar_one())

    assert (count(old["user"]["id"]), count(current["user"]["id"])) == (0, 1)
    assert auth.refresh(current["refresh_token"])
