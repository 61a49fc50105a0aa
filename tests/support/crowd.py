"""Many guests who buy while something goes wrong, each as stubborn as a good client: it tries again with its key."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tests.support import books
from tests.support.records import Topic, first_occurrences
from tests.support.shop import Client, Reply, Shop, eventually, new_key, persistently

ENDED = ("confirmed", "failed", "cancelled")


@dataclass(frozen=True)
class Bought:
    """What became of one guest's order."""

    order_id: str
    status: str


class Crowd:
    """`orders` guests, `at_once` at a time, each buys one `sku`."""

    def __init__(self, shop: Shop, sku: str, orders: int, at_once: int = 8) -> None:
        self.shop, self.sku, self.orders = shop, sku, orders
        self._pool = ThreadPoolExecutor(at_once)
        self._futures: list[Future[Bought]] = []
        self.statuses: list[int] = []
        """Every status that a guest was answered with, tries that had to be repeated included."""
        self._lock = threading.Lock()

    def start(self) -> None:
        self._futures = [self._pool.submit(self._buy) for _ in range(self.orders)]

    def done(self) -> int:
        return sum(future.done() for future in self._futures)

    def wait_until(self, orders: int, seconds: float = 240) -> None:
        """Let the crowd buy until so many are done: the middle of it, for what is to go wrong."""
        assert eventually(lambda: self.done() >= orders, seconds), f"{self.done()} of {orders} orders after {seconds} s"

    def results(self) -> list[Bought]:
        """What everybody got, once everybody has an answer."""
        results = [future.result(timeout=180) for future in self._futures]
        self._pool.shutdown()
        return results

    def _buy(self) -> Bought:
        guest = self.shop.guest()
        added = persistently(lambda: self._noted(guest.add(self.sku)), 120)
        assert added.status == 201, added
        key = new_key()
        placed = persistently(lambda: self._noted(guest.order(key=key)), 120)
        if placed.status == 402 or placed.status == 409:
            return Bought(placed.error["details"][0].get("order_id", ""), "failed")
        assert placed.status in (201, 202), placed
        order_id = str(placed.data["id"])
        return Bought(order_id, self._end_of(guest, order_id, placed.data["access_key"], placed.data["status"]))

    def _end_of(self, guest: Client, order_id: str, access_key: str, status: str) -> str:
        path, until = f"/orders/{order_id}", time.monotonic() + 90
        while status not in ENDED and time.monotonic() < until:
            time.sleep(0.2)
            reply = persistently(lambda: self._noted(guest("GET", path, headers={"X-Order-Key": access_key})), 60)
            status = str(reply.data["status"])
        return status

    def _noted(self, reply: Reply) -> Reply:
        with self._lock:
            self.statuses.append(reply.status)
        return reply


def check_books(shop: Shop, sku: str, stock: int, bought: list[Bought]) -> None:
    """Every order is confirmed and paid once, or failed and not charged; nothing is lost, held or left over."""
    assert eventually(lambda: books.unfinished_sagas() == 0, 60), "an order's saga is still not at its end"
    orders = {order_id: status for order_id, status, _ in books.orders_with(sku)}
    confirmed = {order_id for order_id, status in orders.items() if status == "confirmed"}
    assert {each.order_id for each in bought if each.status == "confirmed"} == confirmed
    assert set(orders.values()) <= {"confirmed", "failed"}

    kept: dict[str, int] = {}
    for order_id, status, captured, refunded in books.bank_charges_of(list(orders)):
        if captured - refunded > 0:
            assert (status, refunded) == ("captured", 0)
            kept[order_id] = kept.get(order_id, 0) + 1
    assert kept == dict.fromkeys(confirmed, 1)
    assert books.orphaned_charges() == 0

    assert eventually(lambda: shop.level(sku) == (stock - len(confirmed), 0, stock - len(confirmed)), 20), (
        f"stock {shop.level(sku)} after {len(confirmed)} of {stock} were sold"
    )


def check_topic(topic: Topic, sku: str) -> None:
    """Every event of every order is in Kafka, in order within the order."""
    versions = {order_id: version for order_id, _, version in books.orders_with(sku)}

    def complete(events: list[dict[str, object]]) -> bool:
        there = {(event["subject"], event["sequence"]) for event in events}
        return all((order, number) in there for order, last in versions.items() for number in range(1, last + 1))

    events = first_occurrences(topic.read_until(complete, 60))
    for order_id, last in versions.items():
        assert [event["sequence"] for event in events if event["subject"] == order_id] == list(range(1, last + 1))
