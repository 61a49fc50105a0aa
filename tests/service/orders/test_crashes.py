"""A process that dies between any two lines: another one goes on, and the order ends whole or undone."""

import pytest

from services.chassis.common import clock
from services.chassis.common.errors import DomainError
from services.orders.domain.order import fold
from services.orders.store import LEASE
from tests.service.orders.conftest import Shop, at_once
from tests.support.fake_services import AUTHENTICATION_CARD, DECLINED_CARD, SimulatedCrash
from tests.support.orders import check_settled

CARDS = ("pm_card_visa", DECLINED_CARD, AUTHENTICATION_CARD)
CALLS = [
    (partner, number, card) for partner in ("to_inventory", "to_payments") for number in range(2) for card in CARDS
]
CALLS.remove(("to_payments", 1, DECLINED_CARD))
"""Each call to a partner that an order makes, by its number: a declined card is not asked for twice."""
RECORDS = [(number, card) for card, records in zip(CARDS, (4, 3, 5), strict=True) for number in range(records)]
"""Each record that is appended to an order after its first."""
BAD = ("dies_before", "dies_after", "lost", "late", "down")


def buy(shop: Shop, card: str, key: str = "a-key") -> None:
    """A customer whose request may end without an answer."""
    try:
        shop.order(card, key)
    except (SimulatedCrash, DomainError):
        return


def settle(shop: Shop, card: str) -> None:
    shop.resume()
    for order_id in shop.ids():
        if shop.now(order_id).status == "awaiting_payment":
            shop.payments.customer_confirms(shop.now(order_id).placed.payment_id)
    shop.resume()


@pytest.mark.parametrize(("partner", "number", "card"), CALLS)
@pytest.mark.parametrize("bad", BAD)
def test_bad_luck_at_any_call_leaves_no_order_half_done(
    shop: Shop, partner: str, bad: str, number: int, card: str
) -> None:
    line = getattr(shop, partner)
    line.faults = ["none"] * number + [bad]
    buy(shop, card)

    settle(shop, card)

    assert line.faults == [], "the call that was to go wrong was not made"
    [order_id] = shop.ids()
    order = shop.now(order_id)
    check_settled(order, shop.inventory, shop.payments)
    assert order.status == ("failed" if card == DECLINED_CARD else "confirmed")


@pytest.mark.parametrize(("number", "card"), RECORDS)
@pytest.mark.parametrize("moment", ["append_before", "append_after"])
def test_a_death_around_any_record_leaves_no_order_half_done(shop: Shop, moment: str, number: int, card: str) -> None:
    shop.store.dies_at = (moment, number)
    buy(shop, card)

    settle(shop, card)

    assert shop.store.dies_at is None, "the record at which the process was to die was not made"
    [order_id] = shop.ids()
    check_settled(shop.now(order_id), shop.inventory, shop.payments)
    types = [event.type for event in shop.events(order_id)]
    assert len(types) == len(set(types)), "something was recorded twice"


def test_crash_before_placement_leaves_no_order(shop: Shop) -> None:
    shop.store.dies_at = ("place_before", 0)
    buy(shop, "pm_card_visa")
    assert shop.ids() == []

    assert shop.order(key="a-key")["status"] == "confirmed"


def test_crash_after_placement_is_found_by_its_key(shop: Shop) -> None:
    shop.store.dies_at = ("place_after", 0)
    buy(shop, "pm_card_visa")
    [order_id] = shop.ids()
    shop.resume()

    again = shop.order(key="a-key")

    assert (again["id"], again["status"]) == (order_id, "confirmed")


def test_one_broken_order_does_not_keep_the_others_waiting(shop: Shop) -> None:
    """Orders are taken over in portions, oldest first: the broken one is in front each time."""
    shop.to_inventory.faults = ["down"] * 3
    for number in range(3):
        shop.order(key=f"key-{number}")
    broken, *others = shop.ids()
    reserve = shop.inventory.reserve
    shop.inventory.reserve = lambda order_id, lines: reserve(order_id, lines) if order_id != broken else {"odd": 1}  # type: ignore[method-assign]

    shop.time_passes()
    shop.service.resume_sagas()

    assert [shop.now(order_id).status for order_id in others] == ["confirmed", "confirmed"]
    assert shop.now(broken).status == "pending"
    shop.inventory.reserve = reserve  # type: ignore[method-assign]
    shop.resume()
    assert shop.now(broken).status == "confirmed"


def test_expired_order_is_taken_over_by_one_process(shop: Shop) -> None:
    shop.to_inventory.faults = ["dies_before"] * 30
    for number in range(30):
        buy(shop, "pm_card_visa", f"key-{number}")
    assert shop.store.take_over(clock.now()) == []

    portions = at_once(8, lambda _: shop.store.take_over(clock.now() + LEASE * 2, limit=5))

    taken = [order_id for portion in portions for order_id in portion]
    assert sorted(taken) == sorted(shop.ids())
    assert max(len(portion) for portion in portions) <= 5


def test_a_frozen_process_that_wakes_up_changes_nothing(shop: Shop) -> None:
    """It slept through its lease; another one has carried the order to its end."""
    shop.to_inventory.faults = ["dies_before"]
    buy(shop, "pm_card_visa")
    [order_id] = shop.ids()
    asleep = shop.store.read(order_id)
    shop.resume()
    ended = shop.now(order_id)

    woken = shop.service._checkout().drive(asleep, until=float("inf"))

    assert woken == ended == fold((event, event.meta.time) for event in shop.events(order_id))
    check_settled(ended, shop.inventory, shop.payments)


def test_two_at_once_on_the_same_order_make_each_step_once(shop: Shop) -> None:
    for number in range(10):
        shop.to_inventory.faults = ["dies_before"]
        buy(shop, "pm_card_visa", f"key-{number}")
    for order_id in shop.ids():
        stored = shop.store.read(order_id)

        at_once(4, lambda _, stored=stored: shop.another()._checkout().drive(stored, until=float("inf")))  # type: ignore[misc]

        types = [event.type for event in shop.events(order_id)]
        assert types == ["order_placed", "order_stock_reserved", "order_payment_authorized", "order_stock_committed",
                         "order_payment_captured", "order_confirmed"]  # fmt: skip
    assert shop.inventory.stock == {"MUG": 0}
