"""Every step of a reservation killed between any two writes, doubled, and against the others: nothing is sold twice.

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
from services.inventory.store.levels import Levels
from services.inventory.store.reservations import Reservations
from tests.service.inventory.conftest import LATER, Shop

ORDER = "0197a000-0000-7000-8000-000000000002"


class Killed(Exception):
    """The process died here."""


@contextmanager
def between(owner: type, method: str, then: Callable[[], Any], *, after: bool = False) -> Iterator[list[str]]:
    """Run `then` just before (or after) the first call of `owner.method` that is not inside a transaction: there, the
    database itself lets nobody in between. What is yielded stays empty until that call comes.
    """
    original = getattr(owner, method)
    calls: list[str] = []

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        first = not calls and kwargs.get("session") is None
        if first:
            calls.append(method)
        if first and not after:
            then()
        result = original(*args, **kwargs)
        if first and after:
            then()
        return result

    with patch.object(owner, method, wrapped):
        yield calls


def die() -> None:
    raise Killed


def test_a_reserve_that_overtakes_another_leaves_one_hold(shop: Shop) -> None:
    shop.stock(MUG=10)

    with between(Levels, "hold", lambda: shop.reserve(ORDER, MUG=3), after=True):
        assert shop.reserve(ORDER, MUG=3)["status"] == "held"

    assert shop.level("MUG") == (10, 3, 7)


def test_duplicate_reserve_of_last_units_is_retryable(shop: Shop) -> None:
    shop.stock(MUG=3)

    def twin() -> None:
        with pytest.raises(ServiceUnavailable):
            shop.reserve(ORDER, MUG=3)

    with between(Levels, "hold", twin, after=True):
        shop.reserve(ORDER, MUG=3)

    assert shop.reserve(ORDER, MUG=3)["status"] == "held"
    assert shop.level("MUG") == (3, 3, 0)


@pytest.mark.parametrize("ending", ["commit", "release", "expire"])
def test_a_reserve_whose_hold_comes_after_the_end_takes_nothing(shop: Shop, ending: str) -> None:
    shop.stock(MUG=10)

    def the_others_are_quicker() -> None:
        shop.reserve(ORDER, MUG=3)
        {"commit": lambda: shop.commit(ORDER), "release": lambda: shop.release(ORDER), "expire": shop.sweep}[ending]()

    with between(Levels, "hold", the_others_are_quicker):
        try:
            shop.reserve(ORDER, MUG=3)
        except InvalidState:
            assert ending != "commit"

    sold = 3 if ending == "commit" else 0
    assert shop.level("MUG") == (10 - sold, 0, 10 - sold)


def test_a_reserve_that_died_before_it_was_recorded_frees_itself(shop: Shop) -> None:
    shop.stock(MUG=10)
    with between(Levels, "hold", die, after=True), pytest.raises(Killed):
        shop.reserve(ORDER, MUG=3)
    assert shop.level("MUG") == (10, 3, 7)

    shop.sweep()

    assert shop.level("MUG") == (10, 0, 10)
    with pytest.raises(InvalidState):
        shop.commit(ORDER)


def test_interrupted_reserve_is_repeated_and_first_hold_ends(shop: Shop) -> None:
    shop.stock(MUG=10)
    with between(Levels, "hold", die, after=True), pytest.raises(Killed):
        shop.reserve(ORDER, MUG=3)

    shop.reserve(ORDER, MUG=3)
    assert shop.level("MUG") == (10, 6, 4)
    shop.commit(ORDER)

    assert shop.level("MUG") == (7, 0, 7)


def test_a_sweep_that_ends_an_unrecorded_hold_bars_its_record(shop: Shop) -> None:
    shop.stock(MUG=10)

    with between(Levels, "hold", shop.sweep, after=True), pytest.raises(InvalidState):
        shop.reserve(ORDER, MUG=3)

    assert shop.level("MUG") == (10, 0, 10)


@pytest.mark.parametrize("helper", ["commit", "sweep"])
def test_a_commit_that_died_after_its_decision_is_finished(shop: Shop, helper: str) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)
    with between(Levels, "sell", die), pytest.raises(Killed):
        shop.commit(ORDER)
    assert shop.level("MUG") == (10, 3, 7)

    shop.commit(ORDER) if helper == "commit" else shop.sweep()

    assert shop.level("MUG") == (7, 0, 7)


def test_a_sale_that_is_given_back_before_it_reached_the_shelves(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)

    with between(Levels, "sell", lambda: shop.release(ORDER)):
        shop.commit(ORDER)

    assert shop.level("MUG") == (10, 0, 10)


def test_a_give_back_that_dies_gives_nothing_and_can_be_repeated(shop: Shop) -> None:
    shop.stock(LAMP=5, MUG=10)
    shop.reserve(ORDER, LAMP=1, MUG=3)
    shop.commit(ORDER)
    with between(Levels, "return_units", die, after=True), pytest.raises(Killed):
        shop.release(ORDER)
    assert (shop.level("LAMP"), shop.level("MUG")) == ((4, 0, 4), (7, 0, 7))

    shop.release(ORDER)

    assert (shop.level("LAMP"), shop.level("MUG")) == ((5, 0, 5), (10, 0, 10))


def test_interrupted_release_is_finished_by_the_timer(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)
    with between(Levels, "free_all", die), pytest.raises(Killed):
        shop.release(ORDER)

    shop.sweep()

    assert shop.level("MUG") == (10, 0, 10)


def test_a_commit_that_meets_the_expiry_takes_the_units_from_it(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.reserve(ORDER, MUG=3)

    with between(Levels, "free", lambda: shop.commit(ORDER, at=LATER)):
        shop.sweep()

    assert shop.level("MUG") == (0, 0, 0)


def test_two_late_commits_sell_once(shop: Shop) -> None:
    shop.stock(MUG=6)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()

    with between(Levels, "hold", lambda: shop.commit(ORDER, at=LATER), after=True):
        shop.commit(ORDER, at=LATER)

    assert shop.level("MUG") == (3, 0, 3)


def test_late_commit_cannot_use_a_freed_hold(shop: Shop) -> None:
    shop.stock(MUG=6)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()

    def dying_twin() -> None:
        with between(Levels, "free_all", die, after=True), pytest.raises(Killed):
            shop.commit(ORDER, at=LATER)

    with between(Levels, "hold", dying_twin, after=True):
        shop.commit(ORDER, at=LATER)

    assert shop.level("MUG") == (3, 0, 3)


def test_a_late_commit_cannot_name_a_hold_that_was_swept(shop: Shop) -> None:
    shop.stock(MUG=6)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()

    with between(Levels, "hold", lambda: shop.sweep(LATER + timedelta(hours=1)), after=True):
        shop.commit(ORDER, at=LATER)

    assert shop.level("MUG") == (3, 0, 3)


def test_a_release_stops_a_late_commit_in_the_middle(shop: Shop) -> None:
    shop.stock(MUG=6)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()

    with between(Levels, "hold", lambda: shop.release(ORDER), after=True), pytest.raises(InvalidState):
        shop.commit(ORDER, at=LATER)

    assert shop.level("MUG") == (6, 0, 6)


STEPS = ("reserve", "commit", "release", "sweep")
HISTORIES: tuple[tuple[str, ...], ...] = (
    (),
    ("reserve",),
    ("reserve", "commit"),
    ("reserve", "sweep"),
    ("die reserving",),
)
PLACES = [
    (owner, method, after)
    for owner, method in (
        (Levels, "hold"),
        (Levels, "sell"),
        (Levels, "free"),
        (Levels, "free_all"),
        (Reservations, "_decide"),
        (Reservations, "_repeat_reply"),
        (Reservations, "_end_stale"),
    )
    for after in (False, True)
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[1]}-{'after' if place[2] else 'before'}")
def test_any_step_in_the_middle_of_any_other(shop: Shop, place: tuple[type, str, bool]) -> None:
    """After any history, any step interrupted by any other at this place, then killed or not: the books are right."""
    owner, method, after = place
    interrupted = 0
    for history, step in product(HISTORIES, STEPS):
        for other, killed in product(STEPS, (False, True)):
            order, sku = new_id(), f"SKU-{new_id()}"
            shop.store.adjust(sku, 5, "delivery", None, 0, None)
            attempt = partial(try_step, shop, order, sku)
            for past in history:
                attempt(past)

            def interrupt(other: str = other, killed: bool = killed, attempt: Callable[[str], None] = attempt) -> None:
                attempt(other)
                if killed:
                    raise Killed

            with between(owner, method, interrupt, after=after) as calls:
                attempt(step)
            if not calls:
                break  # after this history, this step does not come by this place: whatever else happens
            interrupted += 1
            shop.check(sku)
            attempt(step)
            shop.sweep(LATER + timedelta(hours=1))

            decided = shop.store.db["reservations"].find_one({"_id": order}) or {"status": "released"}
            sold = 3 if decided["status"] == "committed" else 0
            assert shop.level(sku) == (5 - sold, 0, 5 - sold), (history, step, other, killed, decided)
    assert interrupted >= len(STEPS) * 2


def try_step(shop: Shop, order: str, sku: str, step: str) -> None:
    """One step of an order for three units, which may be refused, or end where its process is killed."""
    with suppress(DomainError, Killed):
        if step == "reserve":
            shop.reserve(order, **{sku: 3})
        elif step == "die reserving":  # the units are held, and no reservation says for whom
            with between(Levels, "hold", die, after=True):
                shop.reserve(order, **{sku: 3})
        elif step == "commit":
            shop.commit(order, at=LATER)
        elif step == "release":
            shop.release(order)
        else:
            shop.sweep()


class StockMachine(RuleBasedStateMachine):
    """Any sequence of steps of a few orders on two SKUs, against a shopkeeper's notebook."""

    store: InventoryStore

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop(self.store)
        self.skus = [f"A-{new_id()}", f"B-{new_id()}"]
        self.orders = [new_id() for _ in range(4)]
        self.status: dict[str, str] = {}
        self.wanted: dict[str, tuple[int, int]] = {}
        self.delivered = dict.fromkeys(self.skus, 0)
        for sku in self.skus:
            self.count(sku, 6)

    def count(self, sku: str, delta: int) -> None:
        self.store.adjust(sku, delta, "count", None, 2, None)
        self.delivered[sku] += delta

    def free(self, sku: str) -> int:
        taken = sum(
            self.wanted[order][self.skus.index(sku)]
            for order, status in self.status.items()
            if status in ("held", "committed")
        )
        return self.delivered[sku] - taken

    @rule(order=st.integers(0, 3), quantities=st.tuples(st.integers(1, 4), st.integers(1, 4)))
    def reserve(self, order: int, quantities: tuple[int, int]) -> None:
        order_id = self.orders[order]
        wanted = self.wanted.get(order_id, quantities)
        fits = all(self.free(sku) >= quantity for sku, quantity in zip(self.skus, wanted, strict=True))
        known = self.status.get(order_id)
        try:
            reply = self.shop.reserve(order_id, **dict(zip(self.skus, wanted, strict=True)))
        except OutOfStock:
            assert known is None
            assert not fits
        except InvalidState:
            assert known in ("released", "expired")
        else:
            assert reply["status"] == (known or "held")
            if known is None:
                assert fits
                self.status[order_id], self.wanted[order_id] = "held", wanted

    @rule(order=st.integers(0, 3))
    def commit(self, order: int) -> None:
        order_id = self.orders[order]
        known = self.status.get(order_id)
        try:
            self.shop.commit(order_id, at=LATER)
        except OutOfStock:
            assert known == "expired"
        except DomainError:
            assert known in (None, "released")
        else:
            self.status[order_id] = "committed"

    @rule(order=st.integers(0, 3))
    def release(self, order: int) -> None:
        self.shop.release(self.orders[order])
        self.status[self.orders[order]] = "released"
        self.wanted.setdefault(self.orders[order], (0, 0))

    @rule()
    def expire(self) -> None:
        self.shop.sweep()
        for order_id, status in self.status.items():
            if status == "held":
                self.status[order_id] = "expired"

    @rule(sku=st.integers(0, 1), delta=st.integers(-3, 3).filter(bool))
    def adjust(self, sku: int, delta: int) -> None:
        free = self.free(self.skus[sku])
        try:
            self.count(self.skus[sku], delta)
        except OutOfStock:
            assert free < -delta
        else:
            assert free + delta >= 0

    @invariant()
    def the_books_agree(self) -> None:
        for index, sku in enumerate(self.skus):
            held = sum(self.wanted[order][index] for order, status in self.status.items() if status == "held")
            assert self.shop.level(sku) == (self.free(sku) + held, held, self.free(sku))


def test_any_sequence_of_steps_agrees_with_the_notebook(shop: Shop) -> None:
    StockMachine.store = shop.store
    run_state_machine_as_test(StockMachine, settings=settings(max_examples=25, stateful_step_count=20, deadline=None))
