"""Late commits that are paused, and reserves that fail: a commit that succeeded has deducted its units, a failed step
holds nothing.
"""

from typing import Any
from unittest.mock import patch

import pytest
from pymongo.errors import AutoReconnect

from services.chassis.common.errors import ServiceUnavailable
from services.inventory.store.decisions import Decisions
from services.inventory.store.holds import Holds
from services.inventory.store.levels import Levels
from tests.service.inventory.conftest import LATER, Shop
from tests.service.inventory.test_interleavings import ORDER, SimulatedCrash, between, crash


def test_paused_late_commit_frees_no_later_hold(shop: Shop) -> None:
    """The outer commit pauses between its fence and freeing dead holds; the inner one decides and dies."""
    shop.stock(LAMP=6, MUG=6)
    shop.reserve(ORDER, LAMP=1, MUG=3)
    shop.sweep()

    def commit_and_die_before_selling() -> None:
        with between(Levels, "sell", crash), pytest.raises(SimulatedCrash):
            shop.commit(ORDER, at=LATER)

    with between(Holds, "free_fenced_before", commit_and_die_before_selling) as calls:
        assert shop.commit(ORDER, at=LATER)["status"] == "committed"

    assert calls
    assert (shop.level("LAMP"), shop.level("MUG")) == ((5, 0, 5), (3, 0, 3))


def test_late_commit_takes_units_of_an_earlier_fence(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()
    with between(Holds, "_place", crash, after=True), pytest.raises(SimulatedCrash):
        shop.commit(ORDER, at=LATER)
    assert shop.level("MUG") == (3, 3, 0)

    assert shop.commit(ORDER, at=LATER)["status"] == "committed"

    assert shop.level("MUG") == (0, 0, 0)


@pytest.mark.parametrize("error", [AutoReconnect("no answer"), ServiceUnavailable("in too much demand")])
@pytest.mark.parametrize("applied", [False, True])
def test_failed_reserve_frees_what_it_held(shop: Shop, error: Exception, applied: bool) -> None:
    shop.stock(LAMP=5, MUG=5)

    with failing_hold("MUG", error, applied), pytest.raises(type(error)) as raised:
        shop.reserve(ORDER, LAMP=1, MUG=3)

    assert raised.value is error
    assert (shop.level("LAMP"), shop.level("MUG")) == ((5, 0, 5), (5, 0, 5))


def test_failed_late_commit_frees_what_it_held(shop: Shop) -> None:
    shop.stock(LAMP=5, MUG=5)
    shop.reserve(ORDER, LAMP=1, MUG=3)
    shop.sweep()

    with failing_hold("MUG", AutoReconnect("no answer"), applied=True), pytest.raises(AutoReconnect):
        shop.commit(ORDER, at=LATER)

    assert (shop.level("LAMP"), shop.level("MUG")) == ((5, 0, 5), (5, 0, 5))
    assert shop.commit(ORDER, at=LATER)["status"] == "committed"


def test_first_error_is_raised_when_freeing_fails_too(shop: Shop) -> None:
    shop.stock(LAMP=5, MUG=5)
    error = AutoReconnect("no answer")

    def fail() -> None:
        raise AutoReconnect("still no answer")

    with (
        failing_hold("MUG", error, applied=False),
        between(Levels, "free", fail),
        pytest.raises(AutoReconnect) as raised,
    ):
        shop.reserve(ORDER, LAMP=1, MUG=3)

    assert raised.value is error
    assert shop.level("LAMP") == (5, 1, 4)
    shop.sweep()
    assert shop.level("LAMP") == (5, 0, 5)


def test_reserve_with_unknown_outcome_keeps_its_holds(shop: Shop) -> None:
    """The insert may have been done: only the decision can tell, so nothing is freed."""
    shop.stock(MUG=5)

    def fail() -> None:
        raise AutoReconnect("no answer")

    with between(Decisions, "insert", fail, after=True), pytest.raises(AutoReconnect):
        shop.reserve(ORDER, MUG=3)

    assert shop.level("MUG") == (5, 3, 2)
    shop.commit(ORDER)
    assert shop.level("MUG") == (2, 0, 2)


def failing_hold(sku: str, error: Exception, applied: bool) -> Any:
    """Raise `error` where the SKU is held, before or after the database has done it."""
    original = Levels.hold_in_one

    def hold_in_one(levels: Levels, line: Any, hold: Any) -> Any:
        if line.sku != sku:
            return original(levels, line, hold)
        if applied:
            original(levels, line, hold)
        raise error

    return patch.object(Levels, "hold_in_one", hold_in_one)
