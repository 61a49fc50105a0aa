"""Counters of the rate limits: in memory, and the arithmetic of the moving window of reads."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from limits import RateLimitItem, parse

from gateway_flask.rate_limiting.moving_window import MovingWindow
from gateway_flask.rate_limiting.shared_counts import SharedCounts

LIMIT = parse("10/minute")


def test_threads_count_in_memory_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    counter, lock, overlaps = MovingWindow(None), Lock(), []

    def hit(*_: object) -> bool:
        overlaps.append(not lock.acquire(blocking=False))
        time.sleep(0.01)
        lock.release()
        return True

    monkeypatch.setattr(counter._alone, "hit", hit)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: counter.hit(parse("9/minute"), "203.0.113.9"), range(8)))

    assert overlaps == [False] * 8


class Clock:
    """A clock that stands at the beginning of a minute."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counts(clock: Clock) -> SharedCounts:
    return SharedCounts(None, clock)


def hits(counts: SharedCounts, number: int, item: RateLimitItem = LIMIT, client: str = "one") -> list[bool]:
    return [counts.hit(item, client).allowed for _ in range(number)]


def test_reads_beyond_the_limit_are_refused(counts: SharedCounts) -> None:
    assert hits(counts, 12) == [True] * 10 + [False] * 2
    assert hits(counts, 1, client="two") == [True]


def test_remaining_reads_are_told(counts: SharedCounts, clock: Clock) -> None:
    clock.now += 20
    first = counts.hit(LIMIT, "one")
    hits(counts, 9)
    refused = counts.hit(LIMIT, "one")

    assert (first.limit, first.remaining, first.reset) == (10, 9, 40)
    assert (refused.allowed, refused.remaining) == (False, 0)


def test_window_of_reads_moves(counts: SharedCounts, clock: Clock) -> None:
    hits(counts, 10)
    clock.now += 60 + 30  # half of the previous window lies within the last minute

    assert hits(counts, 7) == [True] * 5 + [False] * 2

    clock.now += 60 + 60
    assert hits(counts, 10) == [True] * 10


@pytest.mark.parametrize("begun", [0, 15, 59])
def test_refused_reader_is_accepted_after_the_told_time(counts: SharedCounts, clock: Clock, begun: int) -> None:
    clock.now += begun
    hits(counts, 10)
    refused = counts.hit(LIMIT, "one")
    clock.now += refused.reset - 1.01
    too_early = counts.hit(LIMIT, "one").allowed
    clock.now += 1.01

    assert (refused.allowed, too_early, counts.hit(LIMIT, "one").allowed) == (False, False, True)


def test_clients_that_stay_away_are_forgotten(counts: SharedCounts, clock: Clock) -> None:
    hits(counts, 1)
    clock.now += 120
    counts._drop_idle()

    assert counts._windows == {}
