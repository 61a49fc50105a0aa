"""Crashes of a process at any call or record: another process resumes the order, which ends paid or compensated."""

from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from services.chassis.common import clock
from services.chassis.common.errors import DomainError
from services.orders.domain.history import fold
from services.orders.store import LEASE
from tests.service.orders.conftest import Shop, run_concurrently
from tests.support.fake_services import AUTHENTICATION_CARD, DECLINED_CARD, SimulatedCrash
from tests.support.orders import check_settled

PAID = "pm_card_visa"
TO_INVENTORY = [(0, PAID, True), (0, DECLINED_CARD, True), (1, DECLINED_CARD, True), (0, AUTHENTICATION_CARD, True)]
TO_PAYMENTS = [
    (0, PAID, True),
    (0, PAID, False),
    (1, PAID, False),
    (0, DECLINED_CARD, True),
    (0, AUTHENTICATION_CARD, True),
    (1, AUTHENTICATION_CARD, True),
]
CALLS = [*(("to_inventory", *call) for call in TO_INVENTORY), *(("to_payments", *call) for call in TO_PAYMENTS)]
"""Each call of an order to another service: its number, the card, and whether charges are captured at once."""
RECORDS = [
    (0, PAID, True),
    *((number, PAID, False) for number in range(2)),
    *((number, DECLINED_CARD, True) for number in range(2)),
    *((number, AUTHENTICATION_CARD, True) for number in range(3)),
]
"""Each record that is appended to an order after its placement: its number, the card, the policy."""
FAULTS = ("dies_before", "dies_after", "lost", "late", "down")


def buy(shop: Shop, card: str, key: str = "a-key") -> None:
    """Place an order for a cart of its own; the request may end without a reply."""
    try:
        shop.order(card, key, cart_id=f"cart-of-{key}")
    except (SimulatedCrash, DomainError):
        return


def settle(shop: Shop, card: str) -> None:
    shop.resume()
    for order_id in shop.ids():
        if shop.now(order_id).status == "awaiting_payment":
            shop.payments.customer_confirms(shop.now(order_id).placed.payment_id)
    shop.resume()


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(("dependency", "number", "card", "at_once"), CALLS)
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_at_any_call_leaves_a_consistent_order(
    shop: Shop, dependency: str, fault: str, number: int, card: str, at_once: bool
) -> None:
    shop.capture_at_once(at_once)
    client = getattr(shop, dependency)
    client.faults = ["none"] * number + [fault]
    buy(shop, card)

    settle(shop, card)

    assert client.faults == [], "the call that was to go wrong was not made"
    [order_id] = shop.ids()
    order = shop.now(order_id)
    check_settled(order, shop.inventory, shop.payments)
    assert order.status == ("failed" if card == DECLINED_CARD else "confirmed")


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(("number", "card", "at_once"), RECORDS)
@pytest.mark.parametrize("moment", ["append_before", "append_after"])
def test_crash_at_any_record_leaves_a_consistent_order(
    shop: Shop, moment: str, number: int, card: str, at_once: bool
) -> None:
    shop.capture_at_once(at_once)
    shop.store.crash_at = (moment, number)
    buy(shop, card)

    settle(shop, card)

    assert shop.store.crash_at is None, "the record at which the process was to die was not made"
    [order_id] = shop.ids()
    check_settled(shop.now(order_id), shop.inventory, shop.payments)
    types = [event.type for event in shop.events(order_id)]
    assert len(types) == len(set(types)), "something was recorded twice"


def test_crash_before_placement_leaves_no_order(shop: Shop) -> None:
    shop.store.crash_at = ("place_before", 0)
    buy(shop, "pm_card_visa")
    assert shop.ids() == []

    assert shop.order(key="a-key")["status"] == "confirmed"


def test_order_placed_before_a_crash_is_found_by_its_key(shop: Shop) -> None:
    shop.store.crash_at = ("place_after", 0)
    buy(shop, "pm_card_visa")
    [order_id] = shop.ids()
    shop.resume()

    again = shop.order(key="a-key")

    assert (again["id"], again["status"]) == (order_id, "confirmed")


@pytest.mark.usefixtures("no_waiting")
def test_failing_order_does_not_block_the_others(shop: Shop) -> None:
    """Orders are taken over in batches, oldest first: the failing one is first in each batch."""
    shop.to_inventory.faults = ["down"] * 3
    for number in range(3):
        shop.order(key=f"key-{number}", cart_id=f"cart-{number}")
    shop.to_inventory.faults = []
    failing, *others = shop.ids()
    reserve = shop.inventory.reserve
    shop.inventory.reserve = lambda order_id, lines: reserve(order_id, lines) if order_id != failing else {"odd": 1}  # type: ignore[method-assign]

    shop.expire_leases()
    shop.service.resume_sagas()

    assert [shop.now(order_id).status for order_id in others] == ["confirmed", "confirmed"]
    assert shop.now(failing).status == "pending"
    shop.inventory.reserve = reserve  # type: ignore[method-assign]
    shop.resume()
    assert shop.now(failing).status == "confirmed"


@pytest.mark.usefixtures("no_waiting")
def test_slow_order_does_not_delay_the_others(shop: Shop) -> None:
    shop.to_inventory.faults = ["down"] * 3
    for number in range(3):
        shop.order(key=f"key-{number}", cart_id=f"cart-{number}")
    shop.to_inventory.faults = []  # one is left when a request had no time for its first step
    slow, *others = shop.ids()
    others_are_confirmed = Event()
    reserve, authorise = shop.inventory.reserve, shop.payments.authorise

    def reserve_slowly(order_id: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
        if order_id == slow:
            assert others_are_confirmed.wait(30), "the others wait for the slow one"
        return reserve(order_id, lines)

    def charge_and_count(**charge: Any) -> dict[str, Any]:
        charged = authorise(**charge)
        if all(shop.payments.charged(shop.now(order_id).placed.payment_id) for order_id in others):
            others_are_confirmed.set()
        return charged

    shop.inventory.reserve = reserve_slowly  # type: ignore[method-assign]
    shop.payments.authorise = charge_and_count  # type: ignore[method-assign]
    shop.expire_leases()
    shop.service.resume_sagas()

    assert [shop.now(order_id).status for order_id in shop.ids()] == ["confirmed"] * 3


def test_expired_order_is_taken_over_by_one_process(shop: Shop) -> None:
    shop.to_inventory.faults = ["dies_before"] * 30
    for number in range(30):
        buy(shop, "pm_card_visa", f"key-{number}")
    assert shop.store.take_over() == []
    shop.expire_leases()

    batches = run_concurrently(8, lambda _: shop.store.take_over(limit=5))

    order_ids = [order_id for batch in batches for order_id in batch]
    assert sorted(order_ids) == sorted(shop.ids())
    assert max(len(batch) for batch in batches) <= 5


@pytest.mark.parametrize("minutes", [10, -10])
def test_lease_ends_by_the_database_clock(shop: Shop, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    shop.to_inventory.faults = ["dies_before"]
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(minutes=minutes))

    buy(shop, "pm_card_visa")
    taken_at_once = shop.store.take_over()
    shop.expire_leases(LEASE)

    assert taken_at_once == []
    assert shop.store.take_over() == shop.ids()


def test_frozen_process_changes_nothing_when_it_continues(shop: Shop) -> None:
    """Its lease expired while it was frozen, and another process has finished the order."""
    shop.to_inventory.faults = ["dies_before"]
    buy(shop, "pm_card_visa")
    [order_id] = shop.ids()
    outdated = shop.store.read(order_id)
    shop.resume()
    final = shop.now(order_id)

    result = shop.service._checkout().drive(outdated, until=float("inf"))

    assert result == final == fold((event, event.meta.time) for event in shop.events(order_id))
    check_settled(final, shop.inventory, shop.payments)


def test_concurrent_processes_make_each_step_once(shop: Shop) -> None:
    for number in range(10):
        shop.to_inventory.faults = ["dies_before"]
        buy(shop, "pm_card_visa", f"key-{number}")
    for order_id in shop.ids():
        stored = shop.store.read(order_id)

        run_concurrently(4, lambda _, stored=stored: shop.new_process()._checkout().drive(stored, until=float("inf")))  # type: ignore[misc]

        types = [event.type for event in shop.events(order_id)]
        assert types == ["order_placed", "order_stock_reserved", "order_payment_captured", "order_confirmed"]
    assert shop.inventory.stock == {"MUG": 0}
