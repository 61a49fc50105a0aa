"""The read model of order lists: out-of-order and duplicate events, rebuild, permissions, paging."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from schemas.caller import Caller
from schemas.events.orders import OrderConfirmed, OrderPlaced
from services.chassis.common.errors import DomainError, Unauthenticated, ValidationFailed
from services.chassis.common.ids import new_id
from services.orders.domain.history import after, fold
from services.orders.domain.order import Order
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
        shuffled = random.Random(seed).sample(history * 2, len(history) * 2)
        shop.show(*shuffled)

        assert listed(shop) == [(order_id, "cancelled")]


def test_batch_with_duplicates_and_known_orders_is_stored(shop: Shop) -> None:
    orders = [shop.order()["id"] for _ in range(3)]
    events = [event for order_id in orders for event in shop.events(order_id)]
    confirmed = [event for event in events if isinstance(event, OrderConfirmed)]
    shop.service.project(confirmed[:1])

    shop.service.project_placed([event for event in events if isinstance(event, OrderPlaced)])
    assert listed(shop) == [(orders[0], "confirmed")]

    shop.service.project([*confirmed, *confirmed])
    assert sorted(listed(shop)) == sorted((order_id, "confirmed") for order_id in orders)


def test_older_state_does_not_replace_a_newer_one(shop: Shop) -> None:
    order_id = shop.order()["id"]
    events = [(event, event.meta.time) for event in shop.events(order_id)]

    shop.lists.put([fold(events)])
    shop.lists.put([fold(events[:1])])

    assert listed(shop) == [(order_id, "confirmed")]
    assert shop.lists.version(order_id) == len(events)


def test_newest_of_two_concurrent_first_states_stays(shop: Shop) -> None:
    """Both writers find no document and insert one; the refused one must not be the newer."""
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


def test_rebuild_equals_the_incremental_read_model(shop: Shop) -> None:
    for number in range(5):
        order_id = shop.order(key=f"key-{number}")["id"]
        if number % 2:
            shop.cancel(order_id=order_id, caller=ADMIN)
        shop.show(*shop.events(order_id))
    collection = shop.lists.db["orders"]
    incremental = list(collection.find().sort("_id"))
    collection.delete_one({"_id": incremental[0]["_id"]})
    collection.update_one(
        {"_id": incremental[1]["_id"]}, {"$set": {"summary": {"of": "an older shape"}, "status": "odd"}}
    )

    result = shop.rebuild_read_model()

    assert (result.done, result.next) == (5, None)
    assert list(collection.find().sort("_id")) == incremental


def test_rebuild_continues_by_cursor(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.orders.service.REBUILD_BATCH", 2)
    for number in range(3):
        shop.order(key=f"key-{number}")

    first = shop.rebuild_read_model()
    second = shop.rebuild_read_model(cursor=first.next)

    assert (first.done, second.done, second.next) == (2, 1, None)
    assert len(listed(shop)) == 3


def test_customer_lists_own_orders_and_administrator_all(shop: Shop) -> None:
    customer_order = shop.order(key="1", email=None, caller=GRACE.model_dump())["id"]
    guest_order = shop.order(key="2")["id"]
    shop.show(*shop.events(customer_order), *shop.events(guest_order))

    assert listed(shop, GRACE) == [(customer_order, "confirmed")]
    assert {order_id for order_id, _ in listed(shop)} == {customer_order, guest_order}
    assert listed(shop, user_id=GRACE.user_id) == [(customer_order, "confirmed")]
    assert listed(shop, email="ADA@example.com") == [(guest_order, "confirmed")]
    assert listed(shop, status="failed") == []
    with pytest.raises(Unauthenticated):
        listed(shop, Caller())
    for query in ({"email": "ada@example.com"}, {"user_id": new_id()}):
        with pytest.raises(ValidationFailed, match="is for administrators"):
            listed(shop, GRACE, **query)


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "total", "-total"])
def test_cursors_and_page_numbers_list_the_same_orders(shop: Shop, sort: str) -> None:
    for number in range(7):
        event = placed(line(unit_price=100 * (number % 3 + 1)))
        stored = shop.store.place(event, "pm_card_visa", None, _moment(number))
        shop.lists.put([stored.order])

    by_page = [entry for number in (1, 2, 3, 4) for entry in listed(shop, page=number, limit=2, sort=sort)]
    cursor, by_cursor = None, []
    while True:
        page = shop.list_orders(query={"limit": 2, "sort": sort, "cursor": cursor}, caller=ADMIN)
        by_cursor += [(item["id"], item["status"]) for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break

    assert by_cursor == by_page
    assert len(set(by_cursor)) == 7
    assert page["total"] == 7


def test_failed_order_is_listed_as_failed(shop: Shop) -> None:
    with pytest.raises(DomainError):
        shop.order(DECLINED_CARD, caller=GRACE.model_dump())
    [order_id] = shop.ids()

    shop.show(*shop.events(order_id))

    assert listed(shop, GRACE) == [(order_id, "failed")]
    assert after(None, placed(), _moment(0)).version == 1


def _moment(number: int):  # type: ignore[no-untyped-def]
    from datetime import UTC, datetime, timedelta

    return datetime(2026, 1, 31, 12, 0, tzinfo=UTC) + timedelta(minutes=number // 2)
