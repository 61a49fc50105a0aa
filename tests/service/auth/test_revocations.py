"""Ended sessions reach the list in Redis, also when Redis was away or lost its data."""

from datetime import datetime, timedelta
from typing import Any

import jwt
import orjson
import pytest
import redis

from schemas.caller import Caller
from schemas.revocation_list import CHANNEL, COMPLETE, REVOKED
from services.auth.revocations import publish
from services.chassis.common import clock
from services.chassis.common.errors import NotFound, Unauthenticated
from services.chassis.common.ids import new_id
from tests.service.auth.conftest import PASSWORD, AuthClient
from tests.support.callers import customer


def session_of(signed_in: dict[str, Any]) -> str:
    return str(jwt.decode(signed_in["access_token"], options={"verify_signature": False})["sid"])


def log_in(auth: AuthClient, email: str) -> dict[str, Any]:
    return dict(auth.call("login", email=email, password=PASSWORD, user_agent="Firefox", address="198.51.100.7"))


def test_sessions_are_listed_and_ended_one_by_one(auth: AuthClient, redis_client: "redis.Redis") -> None:
    first = auth.register()
    second = log_in(auth, first["user"]["email"])
    caller = customer(first["user"]["id"])

    listed = auth.call("sessions", caller=caller, current=session_of(first))
    auth.call("end_session", session_id=session_of(second), caller=caller)

    assert [(row["id"], row["current"]) for row in listed] == [(session_of(second), False), (session_of(first), True)]
    assert (listed[0]["ip"], listed[0]["user_agent"]) == ("198.51.100.7", "Firefox")
    assert [row["id"] for row in auth.call("sessions", caller=caller)] == [session_of(first)]
    assert redis_client.zscore(REVOKED, session_of(second)) > clock.now().timestamp() + 900
    assert redis_client.zscore(REVOKED, session_of(first)) is None
    with pytest.raises(Unauthenticated):
        auth.refresh(second["refresh_token"])


def test_foreign_session_is_not_found(auth: AuthClient) -> None:
    victim, attacker = auth.register(), auth.register()

    with pytest.raises(NotFound):
        auth.call("end_session", session_id=session_of(victim), caller=customer(attacker["user"]["id"]))

    assert auth.refresh(victim["refresh_token"])


def test_every_end_of_a_session_revokes_its_tokens(auth: AuthClient, redis_client: "redis.Redis") -> None:
    admin = Caller(user_id=new_id(), roles=["ADMIN"])

    def roles(signed_in: dict[str, Any]) -> None:
        auth.call("set_roles", user_id=signed_in["user"]["id"], roles=["VENDOR"], caller=admin)

    def disable(signed_in: dict[str, Any]) -> None:
        auth.call("update_account", user_id=signed_in["user"]["id"], status="disabled", caller=admin)

    def change(signed_in: dict[str, Any]) -> None:
        values = {"current_password": PASSWORD, "new_password": "another correct horse"}
        caller = customer(signed_in["user"]["id"])
        auth.call("change_password", **values, caller=caller, session_id=session_of(signed_in))

    ends: dict[str, Any] = {
        "logout_all": lambda signed_in: auth.call("logout_all", caller=customer(signed_in["user"]["id"])),
        "change_password": change,
        "set_roles": roles,
        "disable": disable,
    }
    for name, end in ends.items():
        signed_in = auth.register()
        end(signed_in)
        assert redis_client.zscore(REVOKED, session_of(signed_in)) is not None, name

    reused = auth.register()
    auth.refresh(reused["refresh_token"])
    with pytest.raises(Unauthenticated):
        auth.refresh(reused["refresh_token"])
    assert redis_client.zscore(REVOKED, session_of(reused)) is not None


def test_additions_are_announced(auth: AuthClient, redis_client: "redis.Redis") -> None:
    signed_in = auth.register()
    with redis_client.pubsub(ignore_subscribe_messages=True) as additions:
        additions.subscribe(CHANNEL)
        additions.get_message(timeout=5)
        auth.call("logout", session_id=session_of(signed_in))
        message = additions.get_message(timeout=5)

    assert list(orjson.loads(message["data"])) == [session_of(signed_in)]


def test_revocation_without_redis_follows_later(
    auth: AuthClient, redis_client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in = auth.register()

    def fail(_sessions: dict[str, int]) -> None:
        raise redis.ConnectionError("away")

    with monkeypatch.context() as away:
        away.setattr(auth.service.revoked, "add", fail)
        auth.call("logout", session_id=session_of(signed_in))
    before = redis_client.zscore(REVOKED, session_of(signed_in))

    publish(auth.store.revocations, auth.service.revoked)

    assert before is None
    assert redis_client.zscore(REVOKED, session_of(signed_in)) is not None


def test_list_that_redis_lost_is_filled_again(auth: AuthClient, redis_client: "redis.Redis") -> None:
    signed_in = auth.register()
    auth.call("logout", session_id=session_of(signed_in))
    redis_client.delete(REVOKED, COMPLETE)

    publish(auth.store.revocations, auth.service.revoked)

    assert redis_client.zscore(REVOKED, session_of(signed_in)) is not None
    assert session_of(signed_in) in auth.call("revocations")["sessions"]


def test_restarted_redis_is_filled_again(auth: AuthClient, redis_client: "redis.Redis") -> None:
    """Its append-only file may lack the last second: the marker of an earlier run does not count."""
    signed_in = auth.register()
    auth.call("logout", session_id=session_of(signed_in))
    redis_client.zrem(REVOKED, session_of(signed_in))
    redis_client.set(COMPLETE, "run-of-before")

    publish(auth.store.revocations, auth.service.revoked)

    assert redis_client.zscore(REVOKED, session_of(signed_in)) is not None


def test_refreshing_does_not_move_the_sessions_end(auth: AuthClient, monkeypatch: pytest.MonkeyPatch) -> None:
    token = auth.register()["refresh_token"]
    start = clock.now()

    def at(day: float) -> datetime:
        return start + timedelta(days=day)

    for day in (6, 12, 18, 24, 29.9):
        monkeypatch.setattr(clock, "now", lambda day=day: at(day))
        token = auth.refresh(token)
    monkeypatch.setattr(clock, "now", lambda: at(30.1))

    with pytest.raises(Unauthenticated):
        auth.refresh(token)


def test_unused_session_ends_after_seven_days(auth: AuthClient, monkeypatch: pytest.MonkeyPatch) -> None:
    token = auth.register()["refresh_token"]
    later = clock.now() + timedelta(days=7, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)

    with pytest.raises(Unauthenticated):
        auth.refresh(token)
