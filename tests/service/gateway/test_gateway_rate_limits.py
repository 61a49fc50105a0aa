"""Rate limits that several gateways share in Redis, and what they do without it."""

import uuid
from collections.abc import Callable

import pytest
import redis
from flask_openapi3 import OpenAPI
from limits import parse
from limits.storage import RedisStorage

from gateway_flask.rate_limiting import moving_window, shared_counts
from gateway_flask.rate_limiting.moving_window import MovingWindow
from gateway_flask.rate_limiting.shared_counts import SharedCounts
from gateway_flask.testing import FakeServices
from services.chassis.runtime.settings import Settings
from tests.support.proxy import Proxy
from tests.support.shop import eventually

LIMIT = parse("10/minute")


@pytest.fixture
def client() -> str:
    return uuid.uuid4().hex


def storage() -> RedisStorage:
    return RedisStorage(Settings().redis_url)


def test_gateways_count_sign_ins_together(make_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    address = f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"
    values = {"rate_limit_storage": "", "redis_url": Settings().redis_url, "rate_limit_sign_in": "3/minute"}
    gateways = [make_app(**values).test_client() for _ in range(2)]

    replies = [
        gateways[number % 2].post("/api/v1/auth/login", json={}, environ_overrides={"REMOTE_ADDR": address})
        for number in range(5)
    ]

    assert [reply.status_code for reply in replies] == [422, 422, 422, 429, 429]
    assert [reply.headers["RateLimit-Remaining"] for reply in replies] == ["2", "1", "0", "0", "0"]


def test_moving_window_takes_one_round_trip(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counter, sent = MovingWindow(storage()), []
    send = redis.connection.AbstractConnection.send_packed_command
    monkeypatch.setattr(
        redis.connection.AbstractConnection,
        "send_packed_command",
        lambda self, command, **options: sent.append(command) or send(self, command, **options),
    )
    counter.hit(LIMIT, client)
    sent.clear()

    standing = counter.hit(LIMIT, client)

    assert (standing.allowed, standing.remaining, len(sent)) == (True, 8, 1)


def test_gateways_learn_of_reads_of_each_other(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_counts, "EXCHANGE_SECONDS", 3600.0)
    first, second = (SharedCounts(storage().get_connection(), lambda: 1_800_000_030.0) for _ in range(2))
    for _ in range(7):
        first.hit(LIMIT, client)
    first.exchange()

    before = second.hit(LIMIT, client)
    second.exchange()
    after = second.hit(LIMIT, client)
    second.exchange()
    last = first.hit(LIMIT, client)
    first.exchange()

    assert (before.remaining, after.remaining, last.remaining) == (9, 1, 2)
    assert not first.hit(LIMIT, client).allowed  # 7 and 1 here, 2 there


def test_reads_are_exchanged_by_themselves(client: str) -> None:
    counts = SharedCounts(storage().get_connection())
    counts.hit(LIMIT, client)

    [window] = counts._windows.values()

    assert eventually(lambda: (window.current, window.pending) == (1, 0))


def test_gateway_counts_alone_while_redis_is_silent(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy(Settings().redis_url)
    pool = redis.ConnectionPool.from_url(proxy.url, socket_timeout=0.25, retry=None)
    counter, attempts = MovingWindow(RedisStorage(proxy.url, connection_pool=pool)), []
    hit_shared = counter._hit_shared
    monkeypatch.setattr(counter, "_hit_shared", lambda *arguments: attempts.append(1) or hit_shared(*arguments))
    proxy.silence()

    allowed = [counter.hit(LIMIT, client).allowed for _ in range(12)]

    assert allowed == [True] * 10 + [False] * 2
    assert len(attempts) == 1  # the others did not wait for it
    proxy.close()


def test_gateway_shares_counts_again_after_an_outage(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving_window, "RETRY_SECONDS", 0.0)
    proxy = Proxy(Settings().redis_url)
    pool = redis.ConnectionPool.from_url(proxy.url, socket_timeout=0.25, retry=None)
    counter = MovingWindow(RedisStorage(proxy.url, connection_pool=pool))
    proxy.cut()
    alone = counter.hit(LIMIT, client)
    proxy.restore()

    shared = [counter.hit(LIMIT, client).remaining, MovingWindow(storage()).hit(LIMIT, client).remaining]

    assert (alone.remaining, shared) == (9, [9, 8])
    proxy.close()
