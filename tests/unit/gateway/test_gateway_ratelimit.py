"""Hits that come at the same moment are counted one after the other where they are counted in memory."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from limits import parse

from gateway_flask.middleware.rate_limits import Limits
from gateway_flask.settings import GatewaySettings


def test_threads_count_in_memory_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    limits, within, crossed = Limits(GatewaySettings.model_construct(rate_limit_storage="memory://")), Lock(), []

    def hit(*_: object) -> bool:
        crossed.append(not within.acquire(blocking=False))
        time.sleep(0.01)
        within.release()
        return True

    monkeypatch.setattr(limits.counter, "hit", hit)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: limits.hit(parse("9/minute"), "writes", "203.0.113.9"), range(8)))

    assert crossed == [False] * 8
