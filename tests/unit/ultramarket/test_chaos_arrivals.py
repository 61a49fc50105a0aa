"""Orders at a fixed rate: each buyer sends once, and replies are sorted by their meaning."""

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from ultramarket.chaos.arrivals import Answers, order_at_rate, p95
from ultramarket.chaos.buyers import Counters, Outcome
from ultramarket.chaos.shop_client import Reply

ORDER = {"id": "o-1", "status": "confirmed", "total": {"amount": 1999, "currency": "USD"}}
RATE = 1_000.0


class Run:
    """The counters and outcomes of a run."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.rng = Random(1)
        self.outcomes: list[Outcome] = []

    def record(self, outcome: Outcome) -> Outcome:
        self.outcomes.append(outcome)
        return outcome


def buyer(reply: Reply) -> Any:
    return SimpleNamespace(email="ada@example.com", send_order=lambda card, key: reply)


def test_replies_are_accepted_refused_or_other() -> None:
    run: Any = Run()
    replies = [Reply(201, {"data": ORDER}, seconds=0.1), Reply(503), Reply(503), Reply(202, {"data": ORDER}), Reply(0)]

    answers = order_at_rate(run, [buyer(reply) for reply in replies], RATE)

    assert [reply.status for reply in answers.accepted] == [201]
    assert [reply.status for reply in answers.refused] == [503, 503]
    assert sorted(reply.status for reply in answers.other) == [0, 202]
    assert (run.counters.placed, run.counters.confirmed, run.counters.refused, run.counters.unknown) == (5, 1, 2, 2)
    assert run.outcomes == [Outcome("confirmed", "ada@example.com", "o-1", "confirmed", 1999, 0.1)]


def test_buyers_start_at_the_rate() -> None:
    run: Any = Run()

    answers: Answers = order_at_rate(run, [buyer(Reply(503))] * 41, rate=200.0)

    rng = Random(1)
    assert answers.seconds >= sum(rng.expovariate(200.0) for _ in range(40))
    assert len(answers.refused) == 41


@pytest.mark.parametrize(
    ("seconds", "expected"), [([], 0.0), ([0.3], 0.3), ([number / 100 for number in range(101)], 0.95)]
)
def test_p95_of_replies(seconds: list[float], expected: float) -> None:
    assert p95([Reply(201, seconds=value) for value in seconds]) == pytest.approx(expected)
