"""All interleavings of two and of three steps of an order with two SKUs, with deaths and failures of the database at
any point: nothing is oversold, nothing is lost.

The code is the store's own; its atomic operations run in memory (`tests/service/inventory/test_model_conformance.py`
compares them with MongoDB). `ULTRAMARKET_MODEL_CHECK=full` explores all combinations of three (half an hour).
"""

import logging
import os
from collections.abc import Sequence
from itertools import combinations_with_replacement, product

import pytest
import structlog

from services.inventory.store import holds, reservations, returns
from services.inventory.store.holds import Holds
from tests.unit.inventory.model.checker import Explorer
from tests.unit.inventory.model.commands import COMMANDS, program, run
from tests.unit.inventory.model.invariants import Invariants
from tests.unit.inventory.model.memory import Memory

FULL = os.environ.get("ULTRAMARKET_MODEL_CHECK") == "full"
HISTORIES: dict[str, tuple[str, ...]] = {
    "new": (),
    "held": ("reserve",),
    "expired": ("reserve", "sweep"),
    "sold": ("reserve", "commit"),
    "half held": ("reserve!1",),
    "half expired": ("reserve", "sweep!1"),
    "half sold": ("reserve", "commit!2"),
    "half sold late": ("reserve", "sweep", "commit!7"),
}
"""What happened before; `half`: an earlier execution has died."""
STOCKS = {
    "one": {"LAMP": {"main": 2}, "MUG": {"main": 1}},
    "two": {"LAMP": {"main": 4}, "MUG": {"main": 2}},
    "split": {"LAMP": {"main": 1, "near": 1}, "MUG": {"main": 1}},
}
"""Enough for one order, for two, or for one from two warehouses."""
TRIPLES = [
    ("new", ("reserve", "reserve", "release")),
    ("new", ("reserve", "commit", "late sweep")),
    ("new", ("reserve", "rival", "late sweep")),
    ("held", ("commit", "release", "sweep")),
    ("held", ("commit", "commit", "release")),
    ("held", ("commit", "return lamp", "release")),
    ("held", ("commit", "sweep", "sweep")),
    ("expired", ("commit", "release", "late sweep")),
    ("expired", ("rival", "commit", "release")),
    ("sold", ("release", "return lamp", "return both")),
    ("half sold", ("release", "return lamp", "late sweep")),
    ("half sold", ("return lamp", "return lamp", "late sweep")),
    ("half sold late", ("commit", "return both", "late sweep")),
]
"""Histories and steps that run in every test run."""
if FULL:
    TRIPLES = [*product(HISTORIES, combinations_with_replacement(COMMANDS, 3))]
PLACES = [
    (stock, history)
    for stock, history in product(STOCKS, HISTORIES)
    if FULL or stock == "one" or history in (["expired"] if stock == "split" else ["new", "held", "expired", "sold"])
]


@pytest.fixture(autouse=True)
def few_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bound the repetitions, and so the schedules; an execution that has used its attempts up says so and ends."""
    monkeypatch.setattr(reservations, "DECISION_ATTEMPTS", 2)
    monkeypatch.setattr(returns, "DECISION_ATTEMPTS", 2)
    monkeypatch.setattr(reservations, "new_id", None)
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    monkeypatch.setattr(holds, "log", structlog.wrap_logger(None, wrapper_class=quiet))


def explore(
    stock: str, history: str, commands: Sequence[str], failures: int = 0, *, merging: bool = True
) -> tuple[int, Invariants]:
    """The number of schedules of the commands, all of which were found consistent."""
    units = STOCKS[stock]
    invariants = Invariants({sku: sum(by.values()) for sku, by in units.items()}, commands)
    explorer = Explorer(invariants.check, invariants.check_end, failures, merging=merging)
    memory = run(Memory.with_stock(**units), *HISTORIES[history])
    programs = [program(command, f"{number} {command}") for number, command in enumerate(commands)]
    return explorer.explore(memory, programs), invariants


@pytest.mark.parametrize(("stock", "history"), PLACES)
def test_any_two_steps_at_once_are_consistent(stock: str, history: str) -> None:
    pairs = combinations_with_replacement(COMMANDS, 2)

    schedules = sum(explore(stock, history, pair)[0] for pair in pairs)

    assert schedules > 5_000


@pytest.mark.parametrize("history", HISTORIES)
def test_any_two_steps_with_a_failing_database_are_consistent(history: str) -> None:
    """One operation of either fails: it was not done, was done, or is done later."""
    pairs = [pair for pair in combinations_with_replacement(COMMANDS, 2) if FULL or pair != ("commit", "commit")]

    schedules = sum(explore("one", history, pair, failures=1)[0] for pair in pairs)

    assert schedules > 40_000


@pytest.mark.parametrize(("history", "commands"), TRIPLES)
def test_three_steps_at_once_are_consistent(history: str, commands: tuple[str, ...]) -> None:
    for stock in STOCKS if FULL else ["one"]:
        schedules, _ = explore(stock, history, commands)

        assert schedules > (0 if FULL else 5_000)


@pytest.mark.parametrize("attempts", [1, *([2] if FULL else [])])
def test_three_late_commits_sell_once(monkeypatch: pytest.MonkeyPatch, attempts: int) -> None:
    monkeypatch.setattr(reservations, "DECISION_ATTEMPTS", attempts)

    schedules, _ = explore("one", "expired", ("commit", "commit", "commit"))

    assert schedules > 1_000_000


@pytest.mark.parametrize("commands", [("commit", "sweep"), ("commit", "late sweep"), ("reserve", "commit")])
def test_merging_of_equal_states_loses_no_schedule(commands: tuple[str, ...]) -> None:
    schedules, states = explore("one", "half expired", commands)
    all_schedules, all_states = explore("one", "half expired", commands, merging=False)

    assert schedules == all_schedules
    assert states.checked == all_states.checked


def test_freeing_all_holds_in_a_late_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defect that the fence cures: a paused late commit frees what another one has named meanwhile."""

    def free_all(holds_: Holds, order_id: str, fence: int) -> None:
        holds_.free_all(order_id)

    monkeypatch.setattr(Holds, "free_fenced_before", free_all)

    with pytest.raises(AssertionError):
        explore("two", "expired", ("commit", "commit"))
