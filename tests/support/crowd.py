"""Guests who buy while something goes wrong; each tries again with its key, as a good client does."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tests.support import books
from tests.support.records import Topic, first_occurrences
from tests.support.shop import Client, Reply, Shop, eventually, new_key, persistently

ENDED = ("confirmed", "failed", "cancelled")
ANSWER_SECONDS = 240.0
"""How long a guest tries for one answer: a restart of a server on a slow machine is well within it."""


@dataclass(frozen=True)
class Bought:
    """What became of one guest's order."""

    order_id: str
    status: str


class Crowd:
    """Guests who buy one `sku` with a good card, `at_once` at a time, until they are told to stop."""

    def __init__(self, shop: Shop, sku: str, at_once: int = 8) -> None:
        self.shop, self.sku, self.at_once = shop, sku, at_once
        self.statuses: list[int] = []
        """Every status that a guest was answered with, tries that had to be repeated included."""
        self._pool = ThreadPoolExecutor(at_once)
        self._buyers: list[Future[None]] = []
        self._bought: list[Bought] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> None:
        self._buyers = [self._pool.submit(self._keep_buying) for _ in range(self.at_once)]

    def done(self) -> int:
        """How many orders have come to their end."""
        with self._lock:
            return len(self._bought)

    def wait_for(self, orders: int) -> None:
        """Let the crowd buy so many more: it is then in the middle of the next ones."""
        goal = self.done() + orders
        reached = eventually(lambda: self.done() >= goal or self._failed(), ANSWER_SECONDS)
        assert reached, f"{self.done()} of {goal} orders after {ANSWER_SECONDS} s"
        if failed := self._failed():
            failed[0].result()

    def stop(self) -> list[Bought]:
        """What everybody got, once everybody has an answer."""
        self._stopping.set()
        try:
            for buyer in self._buyers:
                buyer.result(timeout=2 * ANSWER_SECONDS)
        finally:
            self._pool.shutdown()
        return self._bought

    def _failed(self) -> list[Future[None]]:
        return [buyer for buyer in self._buyers if buyer.done() and not self._stopping.is_set()]

    def _keep_buying(self) -> None:
        while not self._stopping.is_set():
            bought = self._buy()
            with self._lock:
                self._bought.append(bought)

    def _buy(self) -> Bought:
        guest = self.shop.guest()
        added = persistently(lambda: self._noted(guest.add(self.sku)), ANSWER_SECONDS)
        assert added.status == 201, added
        key = new_key()
        placed = persistently(lambda: self._noted(guest.order(key=key)), ANSWER_SECONDS)
        if placed.status in (402, 409):
            return Bought(placed.error["details"][0].get("order_id", ""), "failed")
        assert placed.status in (201, 202), placed
        order_id = str(placed.data["id"])
        return Bought(order_id, self._end_of(guest, order_id, placed.data["access_key"], placed.data["status"]))

    def _end_of(self, guest: Client, order_id: str, access_key: str, status: str) -> str:
        path, until = f"/orders/{order_id}", time.monotonic() + ANSWER_SECONDS
        while status not in ENDED and time.monotonic() < until:
            time.sleep(0.2)
            reply = persistently(
                lambda: self._noted(guest("GET", path, headers={"X-Order-Key": access_key})), ANSWER_SECONDS
            )
            status = str(reply.data["status"])
        return status

    def _noted(self, reply: Reply) -> Reply:
        with self._lock:
            self.statuses.append(reply.status)
        return reply


def check_books(shop: Shop, sku: str, stock: int, bought: list[Bought]) -> None:
    """Every order is confirmed and paid once: stock and cards are good, so no fault may cost anybody their order.

    Nothing is lost, held or left over.
    """
    assert eventually(lambda: books.unfinished_sagas() == 0), "an order's saga is still not at its end"
    orders = {order_id: status for order_id, status, _ in books.orders_with(sku)}
    assert bought
    assert {order_id: status for order_id, status in orders.items() if status != "confirmed"} == {}
    assert sorted(each.order_id for each in bought) == sorted(orders)
    assert {each.status for each in bought} == {"confirmed"}

    charges = sorted(books.bank_charges_of(list(orders)))
    kept = [(order_id, status, refunded) for order_id, status, captured, refunded in charges if captured > refunded]
    assert kept == [(order_id, "captured", 0) for order_id in sorted(orders)]
    assert books.orphaned_charges() == 0

    left = stock - len(orders)
    assert eventually(lambda: shop.level(sku) == (left, 0, left)), (
        f"stock {shop.level(sku)} after {len(orders)} of {stock} were sold"
    )


def check_topic(topic: Topic, sku: str) -> None:
    """Every event of every order is in Kafka, in order within the order."""
    versions = {order_id: version for order_id, _, version in books.orders_with(sku)}
    assert versions

    def complete(events: list[dict[str, object]]) -> bool:
        there = {(event["subject"], event["sequence"]) for event in events}
        return all((order, number) in there for order, last in versions.items() for number in range(1, last + 1))

    events = first_occurrences(topic.read_until(complete, 120))
    for order_id, last in versions.items():
        assert [event["sequence"] for event in events if event["subject"] == order_id] == list(range(1, last + 1))
