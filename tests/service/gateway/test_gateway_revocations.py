"""The gateway follows the list of revoked sessions in Redis, and asks auth while Redis lacks it."""

import time
from collections.abc import Iterator

import orjson
import pytest
import redis

from gateway_flask.middleware.revocations import Follower, Revocations
from schemas.revocation_list import CHANNEL, COMPLETE, REVOKED
from services.chassis.common.ids import new_id
from services.chassis.runtime.settings import Settings
from tests.support.shop import eventually


@pytest.fixture
def client() -> Iterator["redis.Redis"]:
    """A client of the instance's Redis, without a list of revoked sessions."""
    connected = redis.Redis.from_url(Settings().redis_url)
    connected.delete(REVOKED, COMPLETE)
    yield connected
    connected.delete(REVOKED, COMPLETE)
    connected.close()


def follow(url: str, from_auth: dict[str, float]) -> Revocations:
    revocations = Revocations()
    Follower(revocations, url, lambda: from_auth).start()
    assert revocations.current.wait(10)
    return revocations


def test_list_is_read_and_additions_are_followed(client: "redis.Redis") -> None:
    listed, added, expiry = new_id(), new_id(), time.time() + 900
    client.zadd(REVOKED, {listed: expiry})
    client.set(COMPLETE, "1")

    revocations = follow(Settings().redis_url, {})
    client.publish(CHANNEL, orjson.dumps({added: expiry}))

    assert listed in revocations
    assert eventually(lambda: added in revocations)
    assert new_id() not in revocations


def test_unreadable_message_does_not_end_the_following(client: "redis.Redis") -> None:
    added = new_id()
    client.set(COMPLETE, "1")
    revocations = follow(Settings().redis_url, {})

    client.publish(CHANNEL, b"no JSON")
    client.publish(CHANNEL, b"[1]")

    def is_followed() -> bool:
        client.publish(CHANNEL, orjson.dumps({added: time.time() + 900}))
        return added in revocations

    assert eventually(is_followed)


def test_auth_is_asked_while_redis_has_no_list(client: "redis.Redis") -> None:
    session = new_id()

    revocations = follow(Settings().redis_url, {session: time.time() + 900})

    assert session in revocations


def test_auth_is_asked_while_redis_is_away() -> None:
    session = new_id()

    revocations = follow("redis://127.0.0.1:1/0", {session: time.time() + 900})

    assert session in revocations


def test_expired_entries_are_dropped() -> None:
    expired, current, revocations = new_id(), new_id(), Revocations()
    revocations.add({expired: time.time() - 1})
    revocations.add({current: time.time() + 900})

    assert current in revocations
    assert expired not in revocations
