"""The adaptive concurrency limit, with a server whose requests slow each other down beyond its capacity."""

import pytest

from gateway_flask.load_shedding.concurrency_limit import ConcurrencyLimit

LEAST, MOST = 2, 32


class Server:
    """Answers as many requests at once as its limit allows; more than `capacity` at once slow each other down."""

    def __init__(self) -> None:
        self.limit = ConcurrencyLimit(LEAST, MOST)
        self.now = 0.0

    def answer(
        self,
        at_once: int | None = None,
        seconds: float = 0.02,
        capacity: int = MOST,
        times: int = 2_000,
        overload: bool = True,
    ) -> int:
        """The limit after `times` requests; without `at_once` as many at once as allowed."""
        for _ in range(times):
            in_flight = at_once or self.limit.value
            took = seconds * max(1.0, in_flight / capacity)
            self.now += took
            self.limit.record("place_order", took, in_flight, self.now, overload)
        return self.limit.value


@pytest.fixture
def server() -> Server:
    """A server whose unloaded time (20 ms) is known."""
    server = Server()
    server.answer(at_once=1, times=100)
    return server


def test_limit_starts_low_and_grows_while_it_is_used(server: Server) -> None:
    before = server.limit.value

    assert before == 4
    assert server.answer() == MOST


def test_limit_shrinks_to_the_capacity(server: Server) -> None:
    assert 8 <= server.answer(capacity=8) <= 15  # requests take 1.6 times their unloaded time at 12


def test_limit_is_never_below_the_least(server: Server) -> None:
    limits = {server.answer(capacity=1, times=1) for _ in range(2_000)}

    assert min(limits) == LEAST


def test_limit_is_below_the_first_one_in_overload_only(server: Server) -> None:
    calm = {server.answer(capacity=2, times=1, overload=False) for _ in range(100)}
    overloaded = {server.answer(capacity=2, times=1) for _ in range(100)}

    assert calm == {4}
    assert min(overloaded) == 3


def test_limit_grows_when_the_server_is_fast_again(server: Server) -> None:
    server.answer(capacity=1)

    assert server.answer() == MOST


def test_server_that_became_slower_is_not_overloaded(server: Server) -> None:
    assert server.answer(seconds=0.2) == MOST


def test_unused_limit_shrinks_to_the_first_one(server: Server) -> None:
    server.answer()

    assert server.answer(at_once=1) == 4


def test_half_used_limit_stays(server: Server) -> None:
    used = server.answer(capacity=8) - 2
    before = server.answer(at_once=used, times=20)

    assert server.answer(at_once=used) == before


def test_slow_endpoint_is_not_taken_for_load() -> None:
    limit = ConcurrencyLimit(LEAST, MOST)
    for number in range(100):
        limit.record("read", 0.002, 1, float(number), True)
        limit.record("export", 1.0, 1, float(number), True)

    for number in range(500):
        limit.record("export", 1.0, limit.value, 200.0 + number, True)

    assert limit.value == MOST
