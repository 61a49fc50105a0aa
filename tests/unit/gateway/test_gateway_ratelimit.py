"""Concurrent requests are counted one after the other when the rate limit is counted in memory."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from limits import parse

from gateway_flask.middleware.rate_limits import Limits
from gateway_flask.settings import GatewaySettings


def test_threads_count_in_memory_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    limits, lock, overlaps = Limits(GatewaySettings.model_construct(rate_limit_storage="memory://")), Lock(), []

    def hit(*_: object) -> bool:
        overlaps.append(not lock.acquire(blocking=False))
        time.sleep(0.01)
        lock.release()
        return True

    monkeypatch.setattr(limits.counter, "hit", hit)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: limits.hit(parse("9/minute"), "writes", "203.0.113.9"), range(8)))

    assert overlaps == [False] * 8
