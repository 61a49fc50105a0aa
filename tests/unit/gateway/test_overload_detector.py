"""Overload: requests keep arriving faster than they are completed. A burst, or many waiting clients, are none."""

from gateway_flask.load_shedding.overload_detector import OverloadDetector


def after(seconds: list[tuple[int, int]]) -> OverloadDetector:
    """A detector after seconds with these numbers of (arrivals, completions), from the first waiting request on."""
    detector = OverloadDetector()
    detector.queued(0.0)
    for second, (arrivals, completions) in enumerate(seconds):
        for _ in range(arrivals):
            detector.arrived(second + 0.5)
        for _ in range(completions):
            detector.completed(second + 0.5)
    return detector


def state(seconds: list[tuple[int, int]]) -> tuple[bool, bool]:
    """(overloaded, burst) at the end of these seconds."""
    detector, now = after(seconds), len(seconds) + 0.1
    return detector.is_overloaded(now), detector.is_burst(now)


def test_first_seconds_decide_nothing() -> None:
    assert state([(150, 7)]) == (False, False)
    assert state([(150, 7), (20, 7)]) == (False, False)


def test_steady_arrivals_beyond_the_capacity_are_overload() -> None:
    assert state([(28, 7), (28, 7), (28, 7)]) == (True, False)


def test_burst_without_more_arrivals_is_no_overload() -> None:
    assert state([(150, 7), (0, 7), (0, 7)]) == (False, True)


def test_burst_that_arrives_slowly_is_no_overload() -> None:
    assert state([(100, 7), (50, 7), (0, 7)]) == (False, True)


def test_clients_that_wait_for_each_answer_are_no_overload() -> None:
    assert state([(150, 7), (7, 7), (7, 7), (8, 6)]) == (False, True)


def test_overload_after_a_burst_is_found() -> None:
    assert state([(150, 7), (7, 7), (7, 7), (28, 7), (28, 7)]) == (True, False)


def test_overload_ends_when_arrivals_fall() -> None:
    assert state([(28, 7), (28, 7), (28, 7), (28, 7), (7, 7)]) == (False, True)


def test_seconds_without_any_request_end_the_overload() -> None:
    detector = after([(28, 7), (28, 7), (28, 7)])

    assert detector.is_overloaded(3.5)
    assert not detector.is_overloaded(5.5)


def test_empty_queue_starts_anew() -> None:
    detector = after([(28, 7), (28, 7), (28, 7)])
    detector.emptied()

    assert (detector.age(4.0), detector.is_overloaded(4.0)) == (0.0, False)
    detector.queued(4.0)
    assert (detector.age(5.0), detector.is_overloaded(5.0)) == (1.0, False)
