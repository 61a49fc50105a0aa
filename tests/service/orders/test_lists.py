"""The read model: whatever order the events come in and however often, the lists show what the orders are."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from schemas.api.orders import OrderQuery
from schemas.base import Caller
from schemas.events.orders import OrderConfirmed, OrderPlaced
from services.chassis.common.errors import DomainError, Unauthenticated, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.common.paging import encode_cursor
from services.orders.domain.order import Order, after, fold
from tests.service.orders.conftest import ADMIN, Shop
from tests.support.fake_services import DECLINED_CARD
from tests.support.orders import line, placed

GRACE = Caller(user_id=new_id(), roles=["CUSTOMER"], email="grace@example.com")


def listed(shop: Shop, caller: Caller = ADMIN, **query: object) -> list[tuple[str, str]]:
    page = shop.list_orders(query=query, caller=caller)
    return [(item["id"], item["status"]) for item in page["items"]]


def test_late_duplicate_unordered_events_show_current_order(shop: Shop) -> None:
    order_id = shop.order()["id"]
    shop.cancel(order_id=order_id, caller=ADMIN)
    history = shop.events(order_id)

    for seed in range(5):
        shop.lists.db["orders"].delete_many({})
        mixed = random.Random(seed).sample(history * 2, len(history) * 2)
        shop.show(*mixed)

        assert listed(shop) == [(order_id, "cancelled")]


def test_batch_with_duplicates_and_known_orders_is_stored(shop: Shop) -> None:
    orders = [shop.order()["id"] for _ in range(3)]
    said = [event for order_id in orders for event in shop.events(order_id)]
    confirmed = [event for event in said if isinstance(event, OrderConfirmed)]
    shop.service.project(confirmed[:1])

    shop.service.project_placed([event for event in said if isinstance(event, OrderPlaced)])
    assert listed(shop) == [(orders[0], "confirmed")]

    shop.service.project([*confirmed, *confirmed])
    assert sorted(listed(shop)) == sorted((order_id, "confirmed") for order_id in orders)


def test_an_older_state_does_not_replace_a_newer_one(shop: Shop) -> None:
    order_id = shop.order()["id"]
    events = [(event, event.meta.time) for event in shop.events(order_id)]

    shop.lists.put([fold(events)])
    shop.lists.put([fold(events[:1])])

    assert listed(shop) == [(order_id, "confirmed")]
    assert shop.lists.version(order_id) == len(events)


def test_newest_of_two_concurrent_first_states_stays(shop: Shop) -> None:
    """Both find no document and want to make it; the one that is refused must not be the newer."""
    history = [(event, event.meta.time) for event in shop.events(shop.order()["id"])]
    start = Barrier(2)

    def put(order: Order) -> None:
        start.wait()
        shop.lists.put([order])

    with ThreadPoolExecutor(2) as pool:
        for _ in range(150):
            shop.lists.db["orders"].delete_many({})
            list(pool.map(put, (fold(history[:1]), fold(history))))
            assert shop.lists.version(history[0][0].subject) == len(history)


def test_a_rebuild_makes_what_living_made(shop: Shop) -> None:
    for number in range(5):
        order_id = shop.order(key=f"key-{number}")["id"]
        if number % 2:
            shop.cancel(order_id=order_id, caller=ADMIN)
        shop.show(*shop.events(order_id))
    collection = shop.lists.db["orders"]
    living = list(collection.find().sort("_id"))
    collection.delete_one({"_id": living[0]["_id"]})
    collection.update_one({"_id": living[1]["_id"]}, {"$set": {"summary": {"of": "an older shape"}, "status": "odd"}})

    done = shop.rebuild_read_model()

    assert (done.done, done.next) == (5, None)
    assert list(collection.find().sort("_id")) == living


def test_a_rebuild_goes_on_portion_by_portion(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.orders.service.REBUILD_BATCH", 2)
    for number in range(3):
        shop.order(key=f"key-{number}")

    first = shop.rebuild_read_model()
    second = shop.rebuild_read_model(cursor=first.next)

    assert (first.done, second.done, second.next) == (2, 1, None)
    assert len(listed(shop)) == 3


def test_a_customer_sees_the_own_orders_and_an_administrator_all(shop: Shop) -> None:
    hers = shop.order(key="1", email=None, caller=GRACE.model_dump())["id"]
    guests = shop.order(key="2")["id"]
    shop.show(*shop.events(hers), *shop.events(guests))

    assert listed(shop, GRACE) == [(hers, "confirmed")]
    assert {order_id for order_id, _ in listed(shop)} == {hers, guests}
    assert listed(shop, user_id=GRACE.user_id) == [(hers, "confirmed")]
    assert listed(shop, email="ADA@example.com") == [(guests, "confirmed")]
    assert listed(shop, status="failed") == []
    with pytest.raises(Unauthenticated):
        listed(shop, Caller())
    for query in ({"email": "ada@example.com"}, {"user_id": new_id()}):
        with pytest.raises(ValidationFailed, match="is for administrators"):
            listed(shop, GRACE, **query)


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "total", "-total"])
def test_cursors_and_page_numbers_lead_through_the_same_list(shop: Shop, sort: str) -> None:
    for number in range(7):
        event = placed(line(unit_price=100 * (number % 3 + 1)))
        stored = shop.store.place(event, "pm_card_visa", None, _moment(number))
        shop.lists.put([stored.order])

    numbered = [entry for number in (1, 2, 3, 4) for entry in listed(shop, page=number, limit=2, sort=sort)]
    cursor, walked = None, []
    while True:
        page = shop.list_orders(query={"limit": 2, "sort": sort, "cursor": cursor}, caller=ADMIN)
        walked += [(item["id"], item["status"]) for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break

    assert walked == numbered
    assert len(set(walked)) == 7
    assert page["total"] == 7


@pytest.mark.parametrize(
    "position", [[], [1], ["yesterday", "x"], [None, "x"], [2**63, "x"], [1.5, "x"], [1, {"$gt": ""}], [1, 2, 3]]
)
def test_a_made_up_cursor_is_refused(shop: Shop, position: list[object]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        shop.lists.list(OrderQuery(cursor=encode_cursor(position)), ADMIN)

    assert refused.value.details[0]["field"] == "cursor"


def test_a_failed_order_is_shown_as_failed(shop: Shop) -> None:
    with pytest.raises(DomainError):
        shop.order(DECLINED_CARD, caller=GRACE.model_dump())
    [order_id] = shop.ids()

    shop.show(*shop.events(order_id))

    assert listed(shop, GRACE) == [(order_id, "failed")]
    assert after(None, placed(), _moment(0)).version == 1


def _moment(number: int):  # type: ignore[no-untyped-def]
    from datetime import UTC, datetime, timedelta

    return datetime(2026, 1, 31, 12, 0, tzinfo=UTC) + timedelta(minutes=number // 2)
