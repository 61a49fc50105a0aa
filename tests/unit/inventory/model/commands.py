"""The commands of one order (and of a rival for the same units) as programs of the model checker."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from services.chassis.common.errors import DomainError
from services.inventory.domain import Line
from services.inventory.store import reservations
from services.inventory.store.expiry import SWEEP_LIMIT, Expiry
from services.inventory.store.reservations import Reservations
from tests.unit.inventory.model.checker import Program, perform
from tests.unit.inventory.model.memory import Memory
from tests.unit.inventory.model.stepped import Step, SteppedDecisions, SteppedLevels, SteppedReturns

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOLD = timedelta(minutes=15)
LATER = NOW + timedelta(minutes=16)
FAR = NOW + timedelta(days=1)
ORDER = "order"
LAMPS, MUG = Line("LAMP", 2), Line("MUG", 1)


class Stock:
    """The store by steps."""

    def __init__(self, step: Step) -> None:
        self.levels = SteppedLevels(step)
        self.decisions = SteppedDecisions(step)
        self.returns = SteppedReturns(self.decisions, self.levels)
        self.reservations = Reservations(self.decisions, self.levels, self.returns)
        self.expiry = Expiry(self.decisions, self.levels, lambda session, event: None)

    def sweep(self, now: datetime, *, lives: bool = False) -> None:
        """Ask about overdue reservations; for an order that does not live the answer comes at once."""
        overdue = [reservation["_id"] for reservation in self.decisions.overdue(now, SWEEP_LIMIT)]
        if lives:
            self.expiry.ask(now, now + HOLD)
            overdue = []
        for order_id in overdue:
            self.expiry.expire(order_id, now)
        self.expiry.end_stale_holds(now)


COMMANDS: dict[str, Callable[[Stock], Any]] = {
    "reserve": lambda stock: stock.reservations.reserve(ORDER, [LAMPS, MUG], NOW, NOW + HOLD),
    "rival": lambda stock: stock.reservations.reserve("rival", [LAMPS, MUG], NOW, NOW + HOLD),
    "commit": lambda stock: stock.reservations.commit(ORDER, LATER, LATER + HOLD),
    "release": lambda stock: stock.reservations.release(ORDER, LATER),
    "sweep": lambda stock: stock.sweep(LATER),
    "late sweep": lambda stock: stock.sweep(FAR),
    "ask": lambda stock: stock.sweep(LATER, lives=True),
    "confirm": lambda stock: stock.reservations.commit_confirmed([ORDER, "rival"], LATER, LATER + HOLD),
    "return lamp": lambda stock: stock.returns.return_lines(ORDER, "return lamp", [Line("LAMP", 1)], LATER),
    "return both": lambda stock: stock.returns.return_lines(ORDER, "return both", [LAMPS, MUG], LATER),
}


def program(command: str, name: str) -> Program:
    """The command, its tokens named after it."""

    def run_command(step: Step) -> Any:
        tokens = count()
        reservations.new_id = lambda: f"{name}.{next(tokens)}"  # type: ignore[attr-defined]
        return COMMANDS[command](Stock(step))

    return run_command


def run(memory: Memory, *commands: str) -> Memory:
    """The memory after the commands, one after another; with `!n` behind it, a command dies after n operations."""
    for position, command in enumerate(commands):
        verb, _, limit = command.partition("!")
        steps = iter(range(int(limit or 10_000)))

        def step(name: str, *arguments: Any, steps: Iterator[int] = steps) -> Any:
            nonlocal memory
            if next(steps, None) is None:
                raise SystemExit
            memory, result = perform(memory, (name, arguments))
            return result

        with suppress(DomainError, SystemExit):
            program(verb, f"earlier {position} {verb}")(step)
    return memory
