"""Admission of requests, each on a thread of its own as in the gateway, with a clock that the test sets."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from gateway_flask.load_shedding.admission import Admission, Overloaded

AT_ONCE = 2
DEADLINE = 10.0
CROWD = 4


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Requests:
    """Requests of a test by name: each waits for admission on its own thread, and is ended by the test."""

    admission: Admission
    events: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    threads: list[threading.Thread] = field(default_factory=list)

    def begin(self, name: str) -> None:
        """Start a request; returns when it is admitted, refused, or waits."""
        waiting = self.admission.waiting
        thread = threading.Thread(target=self.enter, args=(name,), daemon=True)
        self.threads.append(thread)
        thread.start()
        self.wait_until(lambda: self.has_outcome(name) or self.admission.waiting > waiting)

    def end(self, seconds: float = 0.01, failed: bool = False) -> None:
        """End one of the requests in work."""
        self.admission.leave(None, seconds, AT_ONCE, failed)

    def has_outcome(self, name: str) -> bool:
        return f"{name} admitted" in self.events or f"{name} refused" in self.events

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            for _ in range(int(DEADLINE / 0.01)):
                if condition():
                    return
                self.changed.wait(0.01)
        raise AssertionError(f"did not come true: {self.events}")

    def enter(self, name: str) -> None:
        try:
            self.admission.enter()
            outcome = "admitted"
        except Overloaded:
            outcome = "refused"
        with self.changed:
            self.events.append(f"{name} {outcome}")
            self.changed.notify_all()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def requests(clock: Clock) -> Iterator[Requests]:
    yield from _requests(clock)


@pytest.fixture
def impatient_requests(clock: Clock) -> Iterator[Requests]:
    yield from _requests(clock, patience=0.01)


@pytest.fixture
def requests_in_a_short_queue(clock: Clock) -> Iterator[Requests]:
    yield from _requests(clock, waiting=3)


def _requests(clock: Clock, waiting: int = 100, patience: float = DEADLINE) -> Iterator[Requests]:
    requests = Requests(Admission(AT_ONCE, waiting, patience, clock))
    yield requests
    while requests.admission.in_flight:
        requests.end()
    for thread in requests.threads:
        thread.join(DEADLINE)


def occupy(requests: Requests) -> None:
    """Fill all places."""
    for number in range(AT_ONCE):
        requests.begin(f"running {number}")
    requests.events.clear()


def overload(requests: Requests, clock: Clock) -> None:
    """Let more requests come than are completed, for two seconds beyond the first."""
    occupy(requests)
    for second in (0.0, 1.5, 2.5):
        crowd(requests, clock, second)
    clock.now = 3.5


def crowd(requests: Requests, clock: Clock, second: float) -> None:
    clock.now = second
    for number in range(CROWD):
        requests.begin(f"crowd {second} {number}")


def test_requests_within_the_limit_start_at_once(requests: Requests) -> None:
    requests.begin("first")
    requests.begin("second")

    assert requests.events == ["first admitted", "second admitted"]


def test_burst_is_served_in_order(requests: Requests) -> None:
    occupy(requests)
    requests.begin("first")
    requests.begin("second")

    requests.end()
    requests.wait_until(lambda: requests.has_outcome("first"))
    requests.end()
    requests.wait_until(lambda: requests.has_outcome("second"))

    assert requests.events == ["first admitted", "second admitted"]
    assert requests.admission.in_flight == AT_ONCE


def test_oldest_request_is_next_while_nothing_is_decided(requests: Requests, clock: Clock) -> None:
    occupy(requests)
    requests.begin("old")
    clock.now = 2.5
    requests.begin("new")

    requests.end()
    requests.wait_until(lambda: requests.has_outcome("old"))

    assert requests.events == ["old admitted"]
    assert requests.admission.waiting == 1


def test_newest_request_is_next_in_an_old_queue(requests: Requests, clock: Clock) -> None:
    occupy(requests)
    requests.begin("old")
    clock.now = 2.5
    for number in range(4):
        requests.begin(f"more {number}")
    clock.now = 3.5
    requests.begin("new")

    requests.end()
    requests.wait_until(lambda: requests.has_outcome("new"))

    assert requests.events == ["new admitted"]
    assert requests.admission.waiting == 5


def test_request_during_overload_is_refused_soon(requests: Requests, clock: Clock) -> None:
    overload(requests, clock)

    requests.begin("late")
    requests.wait_until(lambda: requests.has_outcome("late"))

    assert "late refused" in requests.events


def test_newest_request_is_next_during_overload(requests: Requests, clock: Clock) -> None:
    overload(requests, clock)

    requests.begin("late")
    requests.end()
    requests.wait_until(lambda: requests.has_outcome("late"))

    assert requests.events == ["late admitted"]


def test_long_waiting_requests_are_refused_during_overload(requests: Requests, clock: Clock) -> None:
    overload(requests, clock)

    requests.begin("late")  # it is refused after its short wait, and those that have waited too long with it
    requests.wait_until(lambda: len(requests.events) == 2 * CROWD + 1)

    for number in range(CROWD):
        assert f"crowd 0.0 {number} refused" in requests.events
        assert f"crowd 1.5 {number} refused" in requests.events
        assert not requests.has_outcome(f"crowd 2.5 {number}")
    assert requests.admission.waiting == CROWD


def test_waiting_requests_are_refused_in_an_outage(requests: Requests, clock: Clock) -> None:
    occupy(requests)
    crowd(requests, clock, 0.0)
    clock.now = 4.2
    requests.begin("late")
    clock.now = 4.5

    requests.end(seconds=4.5, failed=True)
    requests.wait_until(lambda: len(requests.events) == CROWD + 1)

    assert sorted(requests.events) == [*(f"crowd 0.0 {number} refused" for number in range(CROWD)), "late admitted"]


def test_waiting_requests_stay_when_one_fails_at_once(requests: Requests, clock: Clock) -> None:
    occupy(requests)
    requests.begin("first")
    requests.begin("second")
    clock.now = 4.5

    requests.end(seconds=0.1, failed=True)
    requests.wait_until(lambda: len(requests.events) == 1)

    assert requests.admission.waiting == 1


def test_burst_is_served_in_order_when_nothing_more_arrives(requests: Requests, clock: Clock) -> None:
    occupy(requests)
    for name in ("first", "second", "third"):
        requests.begin(name)
    clock.now = 4.0

    for name in ("first", "second", "third"):
        requests.end()
        requests.wait_until(lambda name=name: requests.has_outcome(name))  # type: ignore[misc]

    assert requests.events == ["first admitted", "second admitted", "third admitted"]


def test_oldest_request_is_refused_when_too_many_wait(requests_in_a_short_queue: Requests) -> None:
    requests = requests_in_a_short_queue
    occupy(requests)
    for name in ("first", "second", "third"):
        requests.begin(name)

    threading.Thread(target=requests.enter, args=("fourth",), daemon=True).start()
    requests.wait_until(lambda: requests.has_outcome("first"))

    assert requests.events == ["first refused"]
    assert requests.admission.waiting == 3


def test_wait_of_a_burst_is_limited(impatient_requests: Requests) -> None:
    occupy(impatient_requests)

    impatient_requests.begin("patient")
    impatient_requests.wait_until(lambda: impatient_requests.has_outcome("patient"))

    assert impatient_requests.events == ["patient refused"]
    assert (impatient_requests.admission.waiting, impatient_requests.admission.in_flight) == (0, AT_ONCE)


def test_requests_wait_again_after_the_overload(requests: Requests, clock: Clock) -> None:
    overload(requests, clock)
    clock.now = 5.5  # nothing came for two seconds

    requests.begin("afterwards")
    for _ in range(3 * CROWD + 1):
        requests.end()
    requests.wait_until(lambda: len(requests.events) == 3 * CROWD + 1)

    assert "afterwards admitted" in requests.events
    assert all(event.endswith("admitted") for event in requests.events)


def test_places_are_never_more_than_the_limit() -> None:
    admission = Admission(AT_ONCE, 1000, DEADLINE)
    most, lock = [0, 0], threading.Lock()

    def request() -> None:
        for _ in range(50):
            in_flight = admission.enter()
            with lock:
                most[0] += 1
                most[1] = max(most[1], most[0], in_flight)
            time.sleep(0.0005)  # the work
            with lock:
                most[0] -= 1
            admission.leave("read", 0.001, in_flight)

    threads = [threading.Thread(target=request) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)

    assert most == [0, AT_ONCE]
    assert (admission.in_flight, admission.waiting) == (0, 0)
