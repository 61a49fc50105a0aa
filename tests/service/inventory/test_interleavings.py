"""Concurrent and interrupted reservation steps: each step is crashed or interleaved with the others, and nothing is
sold twice.

`between` runs code before or after a named method of the store, so that a race is a plain test.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from services.chassis.common.errors import DomainError, InvalidState, OutOfStock, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.inventory.store import InventoryStore
from services.inventory.store.decisions import Decisions
from services.inventory.store.expiry import Expiry
from services.inventory.store.holds import Holds
from services.inventory.store.levels import Levels
from tests.service.inventory.conftest import LATER, Shop

ORDER = "0197a000-0000-7000-8000-000000000002"


class SimulatedCrash(BaseException):
    """The simulated end of the process: no error handling runs after it."""


@contextmanager
def between(owner: type, method: str, action: Callable[[], Any], *, after: bool = False) -> Iterator[list[str]]:
    """Run `action` just before (or after) the first call of `owner.method` that is not inside a transaction, where the
    database allows no interleaving. The yielded list stays empty until that call is made.
    """
    original = getattr(owner, method)
    calls: list[str] = []

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        first = not calls and kwargs.get("session") is None
        if first:
            calls.append(method)
        if first and not after:
            action()
        result = original(*args, **kwargs)
        if first and after:
            action()
        return result

    with patch.object(owner, method, wrapper):
        yield calls


def crash() -> None:
    raise SimulatedCrash


def test_concurrent_reserves_of_one_order_leave_one_hold(shop: Shop) -> None:
    shop.stock(MUG=10)

    with between(Holds, "_place", lambda: shop.reserve(ORDER, MUG=3), after=True):
        assert shop.reserve(ORDER, MUG=3)["status"] == "held"

    assert shop.level("MUG") == (10, 3, 7)


def test_duplicate_reserve_of_last_units_is_retryable(shop: Shop) -> None:
    shop.stock(MUG=3)

    def reserve_again() -> None:
        with pytest.raises(ServiceUnavailable):
            shop.reserve(ORDER, MUG=3)

    with between(Holds, "_place", reserve_again, after=True):
        shop.reserve(ORDER, MUG=3)

    assert shop.reserve(ORDER, MUG=3)["status"] == "held"
    assert shop.level("MUG") == (3, 3, 0)


@pytest.mark.parametrize("ending", ["commit", "release", "expire"])
def test_hold_after_the_end_of_the_reservation_is_undone(shop: Shop, ending: str) -> None:
    shop.stock(MUG=10)

    def reserve_and_end() -> None:
        shop.reserve(ORDER, MUG=3)
        {"commit": lambda: shop.commit(ORDER), "release": lambda: shop.release(ORDER), "expire": shop.sweep}[ending]()

    with between(Holds, "_place", reserve_and_end):
        try:
            shop.reserve(ORDER, MUG=3)
        except InvalidState:
            assert ending != "commit"

    sold = 3 if ending == "commit" else 0
    assert shop.level("MUG") == (10 - sold, 0, 10 - sold)


def test_hold_without_reservation_is_freed_by_the_sweep(shop: Shop) -> None:
    shop.stock(MUG=10)
    with between(Holds, "_place", crash, after=True), pytest.raises(SimulatedCrash):
        shop.reserve(ORDER, MUG=3)
    assert shop.level("MUG") == (10, 3, 7)

    shop.sweep()

    assert shop.level("MUG") == (10, 0, 10)
    with pytest.raises(InvalidState):
        shop.commit(ORDER)


def test_interrupted_reserve_is_repeated_and_first_hold_ends(shop: Shop) -> None:
    shop.stock(MUG=10)
    with between(Holds, "_place", crash, after=True), pytest.raises(SimulatedCrash):
        shop.reserve(ORDER, MUG=3)

    shop.reserve(ORDER, MUG=3)
    assert shop.level("MUG") == (10, 6, 4)
    shop.commit(ORDER)

    assert shop.level("MUG") == (7, 0, 7)


def test_swept_hold_cannot_become_a_reservation(shop: Shop) -> None:
    shop.stock(MUG=10)

    with between(Holds, "_place", shop.sweep, after=True), pytest.raises(InvalidState):
        shop.reserve(ORDER, MUG=3)

    assert shop.level("MUG") == (10, 0, 10)


@pytest.mark.parametrize("helper", ["commit", "sweep"])
def test_interrupted_commit_is_finished(shop: Shop, helper: str) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)
    with between(Levels, "sell", crash), pytest.raises(SimulatedCrash):
        shop.commit(ORDER)
    assert shop.level("MUG") == (10, 3, 7)

    shop.commit(ORDER) if helper == "commit" else shop.sweep()

    assert shop.level("MUG") == (7, 0, 7)


def test_release_during_commit_returns_the_units(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)

    with between(Levels, "sell", lambda: shop.release(ORDER)):
        shop.commit(ORDER)

    assert shop.level("MUG") == (10, 0, 10)


def test_interrupted_return_changes_nothing_and_is_repeatable(shop: Shop) -> None:
    shop.stock(LAMP=5, MUG=10)
    shop.reserve(ORDER, LAMP=1, MUG=3)
    shop.commit(ORDER)
    with between(Levels, "return_units", crash, after=True), pytest.raises(SimulatedCrash):
        shop.release(ORDER)
    assert (shop.level("LAMP"), shop.level("MUG")) == ((4, 0, 4), (7, 0, 7))

    shop.release(ORDER)

    assert (shop.level("LAMP"), shop.level("MUG")) == ((5, 0, 5), (10, 0, 10))


def test_interrupted_release_is_finished_by_the_timer(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)
    with between(Holds, "free_all", crash), pytest.raises(SimulatedCrash):
        shop.release(ORDER)

    shop.sweep()

    assert shop.level("MUG") == (10, 0, 10)


def test_commit_during_expiry_sells_the_held_units(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.reserve(ORDER, MUG=3)

    with between(Levels, "free", lambda: shop.commit(ORDER, at=LATER)):
        shop.sweep()

    assert shop.level("MUG") == (0, 0, 0)


def test_concurrent_late_commits_sell_once(shop: Shop) -> None:
    shop.stock(MUG=6)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()

    with between(Holds, "_place", lambda: shop.commit(ORDER, at=LATER), after=True):
        shop.commit(ORDER, at=LATER)

    assert shop.level("MUG") == (3, 0, 3)


def test_late_commit_cannot_use_a_freed_hold(shop: Shop) -> None:
    shop.stock(MUG=6)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()

    def crashing_commit() -> None:
        with between(Holds, "free_fenced_before", crash, after=True), pytest.raises(SimulatedCrash):
            shop.commit(ORDER, at=LATER)

    with between(Holds, "_place", crashing_commit, after=True):
        shop.commit(ORDER, at=LATER)

    assert shop.level("MUG") == (3, 0, 3)


def test_late_commit_cannot_use_a_swept_hold(shop: Shop) -> None:
    shop.stock(MUG=6)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()

    with between(Holds, "_place", lambda: shop.sweep(LATER + timedelta(hours=1)), after=True):
        shop.commit(ORDER, at=LATER)

    assert shop.level("MUG") == (3, 0, 3)


def test_release_during_a_late_commit_stops_it(shop: Shop) -> None:
    shop.stock(MUG=6)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()

    with between(Holds, "_place", lambda: shop.release(ORDER), after=True), pytest.raises(InvalidState):
        shop.commit(ORDER, at=LATER)

    assert shop.level("MUG") == (6, 0, 6)


STEPS = ("reserve", "commit", "release", "sweep")
HISTORIES: tuple[tuple[str, ...], ...] = (
    (),
    ("reserve",),
    ("reserve", "commit"),
    ("reserve", "sweep"),
    ("crash reserving",),
)
PLACES = [
    (owner, method, after)
    for owner, method in (
        (Holds, "_place"),
        (Levels, "sell"),
        (Levels, "free"),
        (Holds, "free_all"),
        (Holds, "free_fenced_before"),
        (Decisions, "decide"),
        (Decisions, "insert"),
        (Expiry, "_end_stale"),
    )
    for after in (False, True)
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[1]}-{'after' if place[2] else 'before'}")
def test_any_step_interrupted_by_any_other_is_consistent(shop: Shop, place: tuple[type, str, bool]) -> None:
    """After any history, any step is interrupted by any other at this place, with or without a crash; the level stays
    consistent.
    """
    owner, method, after = place
    interruptions = 0
    for history, step in product(HISTORIES, STEPS):
        for other, crashes in product(STEPS, (False, True)):
            order, sku = new_id(), f"SKU-{new_id()}"
            shop.store.adjust(sku, 5, "delivery", None, 0, None)
            attempt = partial(try_step, shop, order, sku)
            for earlier_step in history:
                attempt(earlier_step)

            def interrupt(
                other: str = other, crashes: bool = crashes, attempt: Callable[[str], None] = attempt
            ) -> None:
                attempt(other)
                if crashes:
                    raise SimulatedCrash

            with between(owner, method, interrupt, after=after) as calls:
                attempt(step)
            if not calls:
                break  # after this history the step doesn't reach this place, whatever the other step is
            interruptions += 1
            shop.check(sku)
            attempt(step)
            shop.sweep(LATER + timedelta(hours=1))

            reservation = shop.store.db["reservations"].find_one({"_id": order}) or {"status": "released"}
            sold = 3 if reservation["status"] == "committed" else 0
            assert shop.level(sku) == (5 - sold, 0, 5 - sold), (history, step, other, crashes, reservation)
    assert interruptions >= len(STEPS) * 2


def try_step(shop: Shop, order: str, sku: str, step: str) -> None:
    """One step of an order for three units; it may be refused, or end where its process crashes."""
    with suppress(DomainError, SimulatedCrash):
        if step == "reserve":
            shop.reserve(order, **{sku: 3})
        elif step == "crash reserving":  # the units are held without a reservation
            with between(Holds, "_place", crash, after=True):
                shop.reserve(order, **{sku: 3})
        elif step == "commit":
            shop.commit(order, at=LATER)
        elif step == "release":
            shop.release(order)
        else:
            shop.sweep()


class StockMachine(RuleBasedStateMachine):
    """Random sequences of reservation steps on two SKUs, compared with a simple model."""

    store: InventoryStore
    comparisons = 0

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop(self.store)
        self.skus = [f"A-{new_id()}", f"B-{new_id()}"]
        self.orders = [new_id() for _ in range(4)]
        self.status: dict[str, str] = {}
        self.quantities_by_order: dict[str, tuple[int, int]] = {}
        self.counted = dict.fromkeys(self.skus, 0)
        for sku in self.skus:
            self.count(sku, 6)

    def count(self, sku: str, delta: int) -> None:
        self.store.adjust(sku, delta, "count", None, 2, None)
        self.counted[sku] += delta

    def available(self, sku: str) -> int:
        taken = sum(
            self.quantities_by_order[order][self.skus.index(sku)]
            for order, status in self.status.items()
            if status in ("held", "committed")
        )
        return self.counted[sku] - taken

    @rule(order=st.integers(0, 3), quantities=st.tuples(st.integers(1, 4), st.integers(1, 4)))
    def reserve(self, order: int, quantities: tuple[int, int]) -> None:
        order_id = self.orders[order]
        quantities_ = self.quantities_by_order.get(order_id, quantities)
        is_available = all(
            self.available(sku) >= quantity for sku, quantity in zip(self.skus, quantities_, strict=True)
        )
        status = self.status.get(order_id)
        try:
            reply = self.shop.reserve(order_id, **dict(zip(self.skus, quantities_, strict=True)))
        except OutOfStock:
            assert status is None
            assert not is_available
        except InvalidState:
            assert status in ("released", "expired")
        else:
            assert reply["status"] == (status or "held")
            if status is None:
                assert is_available
                self.status[order_id], self.quantities_by_order[order_id] = "held", quantities_

    @rule(order=st.integers(0, 3))
    def commit(self, order: int) -> None:
        order_id = self.orders[order]
        status = self.status.get(order_id)
        try:
            self.shop.commit(order_id, at=LATER)
        except OutOfStock:
            assert status == "expired"
        except DomainError:
            assert status in (None, "released")
        else:
            self.status[order_id] = "committed"

    @rule(order=st.integers(0, 3))
    def release(self, order: int) -> None:
        self.shop.release(self.orders[order])
        self.status[self.orders[order]] = "released"
        self.quantities_by_order.setdefault(self.orders[order], (0, 0))

    @rule()
    def expire(self) -> None:
        self.shop.sweep()
        for order_id, status in self.status.items():
            if status == "held":
                self.status[order_id] = "expired"

    @rule(sku=st.integers(0, 1), delta=st.integers(-3, 3).filter(bool))
    def adjust(self, sku: int, delta: int) -> None:
        available = self.available(self.skus[sku])
        try:
            self.count(self.skus[sku], delta)
        except OutOfStock:
            assert available < -delta
        else:
            assert available + delta >= 0

    @invariant()
    def levels_match_the_model(self) -> None:
        StockMachine.comparisons += 1
        for index, sku in enumerate(self.skus):
            held = sum(
                self.quantities_by_order[order][index] for order, status in self.status.items() if status == "held"
            )
            assert self.shop.level(sku) == (self.available(sku) + held, held, self.available(sku))


def test_any_sequence_of_steps_matches_the_model(shop: Shop) -> None:
    StockMachine.store, StockMachine.comparisons = shop.store, 0

    run_state_machine_as_test(StockMachine, settings=settings(max_examples=15, stateful_step_count=20, deadline=None))

    assert StockMachine.comparisons > 15, "no sequence had a step"
