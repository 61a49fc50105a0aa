"""All interleavings of two and of three steps of an order, with deaths and database failures at any point: nothing is
oversold, nothing is lost.

The code is the store's own; its atomic operations run in memory. `ULTRAMARKET_MODEL_CHECK=full` explores more.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement, count
from typing import Any

import pytest

from services.chassis.common.errors import DomainError
from services.inventory.domain import Line
from services.inventory.store import holds, reservations, returns
from services.inventory.store.expiry import Expiry
from services.inventory.store.reservations import Reservations
from tests.unit.inventory.model_checker import Explorer, Outcome, Program, perform
from tests.unit.inventory.stock_memory import Memory, Step, SteppedDecisions, SteppedLevels, SteppedReturns

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOLD = timedelta(minutes=15)
LATER = NOW + timedelta(minutes=16)
FAR = NOW + timedelta(days=1)
ORDER, RIVAL = "order", "rival"
QUANTITIES = {"LAMP": 2, "MUG": 1}
LINES = [Line(sku, quantity) for sku, quantity in QUANTITIES.items()]


class Stock:
    """The store by steps."""

    def __init__(self, step: Step) -> None:
        self.levels = SteppedLevels(step)
        self.decisions = SteppedDecisions(step)
        self.returns = SteppedReturns(self.decisions, self.levels)
        self.reservations = Reservations(self.decisions, self.levels, self.returns)
        self.expiry = Expiry(self.decisions, self.levels)


COMMANDS: dict[str, Any] = {
    "reserve": lambda stock: stock.reservations.reserve(ORDER, LINES, NOW, NOW + HOLD),
    "rival": lambda stock: stock.reservations.reserve(RIVAL, LINES, NOW, NOW + HOLD),
    "commit": lambda stock: stock.reservations.commit(ORDER, LATER, LATER + HOLD),
    "release": lambda stock: stock.reservations.release(ORDER, LATER),
    "sweep": lambda stock: stock.expiry.release_expired(LATER),
    "late sweep": lambda stock: stock.expiry.release_expired(FAR),
    "return lamp": lambda stock: stock.returns.return_lines(ORDER, "return 1", [Line("LAMP", 1)], LATER),
    "return both": lambda stock: stock.returns.return_lines(ORDER, "return 2", [Line("LAMP", 2), Line("MUG", 1)], LATER),
}


def program(command: str, name: str) -> Program:
    """The command, with tokens named after it."""

    def run(step: Step) -> Any:
        tokens = count()
        reservations.new_id = lambda: f"{name}.{next(tokens)}"
        return COMMANDS[command](Stock(step))

    return run


def run(memory: Memory, *commands: str) -> Memory:
    """The memory after the commands, one after another; `!n` after a command: it dies after n operations."""
    for position, command in enumerate(commands):
        command, _, limit = command.partition("!")
        steps = iter(range(int(limit or 10_000)))

        def step(name: str, *arguments: Any, steps: Iterator[int] = steps) -> Any:
            nonlocal memory
            if next(steps, None) is None:
                raise SystemExit
            memory, result = perform(memory, (name, arguments))
            return result

        try:
            program(command, f"earlier {position} {command}")(step)
        except (DomainError, SystemExit):
            pass
    return memory


def main() -> None:
    reservations.DECISION_ATTEMPTS = returns.DECISION_ATTEMPTS = 3
    sys.setrecursionlimit(10_000)
    from tests.unit.inventory.stock_invariants import Invariants
    for stock in ({"LAMP": {"main": 4}, "MUG": {"main": 2}}, {"LAMP": {"main": 2}, "MUG": {"main": 1}}):
        for n, failures in ((2, 0), (2, 1), (3, 0)):
            for history in ((), ("reserve",), ("reserve", "sweep")):
                t = time.process_time(); total = states = 0; worst = (0, None)
                for commands in combinations_with_replacement(COMMANDS, n):
                    if n == 3 and sys.argv[1:] and not set(sys.argv[1:]) <= set(commands): continue
                    memory = run(Memory.with_stock(**stock), *history)
                    inv = Invariants({sku: sum(by.values()) for sku, by in stock.items()}, run)
                    ex = Explorer(inv.check, inv.check_end, failures)
                    t0 = time.process_time()
                    total += ex.explore(memory, [program(c, f"{c} {i}") for i, c in enumerate(commands)])
                    states += len(ex.counts)
                    worst = max(worst, (len(ex.counts), commands))
                    if time.process_time()-t > 60: print("cut"); break
                print(stock, n, failures, history, f"{total:.3g}", states, worst, round(time.process_time() - t, 1), flush=True)

if __name__ == "__main__":
    main()
