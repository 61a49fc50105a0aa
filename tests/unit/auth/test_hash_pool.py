"""Processes that compute password hashes: their queue, and what happens when they are killed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from services.auth.hash_pool import FIRST_GUESS_SECONDS, MODULE, HashPool
from services.auth.passwords import Passwords
from services.chassis.common import context
from services.chassis.common.errors import ServiceUnavailable

PATIENCE_SECONDS = 20.0


def workers() -> list[psutil.Process]:
    """The pool's processes: children of this one."""
    alive = []
    for child in psutil.Process().children():
        if child.status() != psutil.STATUS_ZOMBIE and MODULE in child.cmdline():
            alive.append(child)
    return alive


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def pool() -> Iterator[HashPool]:
    pool = HashPool(2, 4)
    yield pool
    pool.close()


def test_hashes_are_computed_in_at_most_so_many_processes(pool: HashPool) -> None:
    passwords = Passwords(4, pool)

    with ThreadPoolExecutor(8) as threads:
        hashes = list(threads.map(passwords.hash, map(str, range(16))))
        matches = list(threads.map(passwords.matches, map(str, range(16)), hashes))

    assert matches == [True] * 16
    assert 1 <= len(workers()) <= 2
    pool.close()
    assert workers() == []


def test_killed_processes_are_replaced(pool: HashPool) -> None:
    passwords = Passwords(4, pool)
    hashed = passwords.hash("right")

    for worker in workers():
        worker.kill()
        worker.wait()

    assert passwords.matches("right", hashed)
    assert not passwords.matches("wrong", hashed)


def test_request_of_a_killed_process_is_repeated(pool: HashPool) -> None:
    passwords = Passwords(4, pool)
    hashed = passwords.hash("right")
    (worker,) = workers()
    worker.suspend()
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(passwords.matches, "right", hashed)
        wait_until(lambda: pool.pending == 1)

        os.kill(worker.pid, signal.SIGKILL)

        assert result.result(PATIENCE_SECONDS) is True
    assert pool.pending == 0


def test_request_beyond_its_deadline_is_refused_at_once() -> None:
    pool = HashPool(1, 16)  # one hash is expected to take 4.8 s
    with context.having(deadline=time.monotonic() + 1.0), pytest.raises(ServiceUnavailable) as refused:
        Passwords(16, pool).hash("password")

    assert refused.value.details == [{"retry_after": 1}]
    assert workers() == []


def test_expected_wait_grows_with_the_queue(pool: HashPool) -> None:
    expected = FIRST_GUESS_SECONDS * 2.0**-8
    passwords = Passwords(4, pool)
    passwords.hash("password")
    for worker in workers():
        worker.suspend()
    with ThreadPoolExecutor(40) as threads:
        waiting = [threads.submit(passwords.hash, "password") for _ in range(40)]
        wait_until(lambda: pool.pending == 40)

        with context.having(deadline=time.monotonic() + expected * 2), pytest.raises(ServiceUnavailable):
            pool.admit()
        with context.having(deadline=time.monotonic() + PATIENCE_SECONDS):
            pool.admit()

        for worker in workers():
            worker.resume()
        assert len({future.result(PATIENCE_SECONDS) for future in waiting}) == 40
    assert pool.pending == 0
