"""Concurrent requests over HTTP: no unit is sold twice, no customer is charged twice."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.support import database
from tests.support.shop import Reply, Shop, new_key, outcome, persistently


def test_order_sent_fifty_times_is_one_order_and_one_charge(shop: Shop) -> None:
    sku = shop.product(stock=100)
    guest = shop.guest()
    guest.add(sku)
    key, start = new_key(), Barrier(50)

    def buy(_: int) -> Reply:
        start.wait()
        return outcome(lambda: guest.order(key=key))

    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(buy, range(50)))

    assert [reply.status for reply in replies] == [201] * 50
    assert len({reply.raw for reply in replies}) == 1
    assert shop.settled_level(sku) == (99, 0, 99)
    assert len(database.orders_with(sku)) == 1
    charges = database.bank_charges_of([replies[0].data["id"]])
    assert [(status, captured) for _, status, captured, _ in charges] == [
        ("captured", replies[0].data["total"]["amount"])
    ]


def test_cart_ordered_under_ten_keys_is_one_order(shop: Shop) -> None:
    sku = shop.product(stock=100)
    guest = shop.guest()
    guest.add(sku)
    start = Barrier(10)

    def buy(_: int) -> Reply:
        key = new_key()
        start.wait()
        return outcome(lambda: guest.order(key=key))

    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(buy, range(10)))

    ordered = [reply.data["id"] for reply in replies if reply.status == 201]
    refused = [reply for reply in replies if reply.status != 201]
    assert len(refused) == 9
    assert {reply.code for reply in refused} <= {"CONFLICT", "VALIDATION_ERROR"}, "bought already, or empty by now"
    assert {reply.error["details"][0]["order_id"] for reply in refused if reply.status == 409} <= set(ordered)
    assert shop.settled_level(sku) == (99, 0, 99)


def test_key_reused_for_another_order_is_refused(shop: Shop) -> None:
    sku = shop.product()
    guest = shop.guest()
    guest.add(sku)
    key = new_key()
    first = guest.order(key=key)

    again = guest.order(key=key)
    other = guest.order(key=key, note="something else")

    assert (first.status, again.status) == (201, 201)
    assert again.raw == first.raw
    assert (other.status, other.code) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_order_without_key_is_refused(shop: Shop) -> None:
    guest = shop.guest()
    guest.add(shop.product())

    refused = guest("POST", "/orders", {})

    assert (refused.status, refused.code) == (400, "IDEMPOTENCY_KEY_REQUIRED")


def test_repeated_stock_adjustment_is_applied_once(shop: Shop) -> None:
    sku, key = shop.product(stock=0), new_key()
    body = {"delta": 7, "reason": "delivery"}

    with ThreadPoolExecutor(10) as pool:
        replies = list(
            pool.map(
                lambda _: persistently(lambda: shop.admin("POST", f"/inventory/{sku}/adjust", body, key=key)),
                range(10),
            )
        )

    assert {reply.status for reply in replies} == {200}
    assert shop.settled_level(sku) == (7, 0, 7)
