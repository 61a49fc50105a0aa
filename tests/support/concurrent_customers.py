"""Concurrent guest customers that keep ordering during a fault and retry with the same idempotency key."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tests.support import database
from tests.support.records import Topic, first_occurrences
from tests.support.shop import Client, Reply, Shop, eventually, new_key, persistently

FINAL_STATUSES = ("confirmed", "failed", "cancelled")
ANSWER_SECONDS = 240.0
"""How long a guest retries one request: longer than a server restart on a slow machine."""


@dataclass(frozen=True)
class OrderOutcome:
    """The order of one guest and its final status."""

    order_id: str
    status: str


class ConcurrentCustomers:
    """Guests who order one `sku` with a valid card, `at_once` at a time, until `stop`."""

    def __init__(self, shop: Shop, sku: str, at_once: int = 8) -> None:
        self.shop, self.sku, self.at_once = shop, sku, at_once
        self.statuses: list[int] = []
        """The HTTP status of every reply, including those that were retried."""
        self._pool = ThreadPoolExecutor(at_once)
        self._futures: list[Future[None]] = []
        self._outcomes: list[OrderOutcome] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> None:
        self._futures = [self._pool.submit(self._order_repeatedly) for _ in range(self.at_once)]

    def done(self) -> int:
        """The number of orders that have reached a final status."""
        with self._lock:
            return len(self._outcomes)

    def wait_for(self, orders: int) -> None:
        """Wait until so many more orders are done; the next ones are then in progress."""
        goal = self.done() + orders
        reached = eventually(lambda: self.done() >= goal or self._failed(), ANSWER_SECONDS)
        assert reached, f"{self.done()} of {goal} orders after {ANSWER_SECONDS} s"
        if failed := self._failed():
            failed[0].result()

    def stop(self) -> list[OrderOutcome]:
        """Let every guest finish its order; the outcomes of all orders."""
        self._stopping.set()
        try:
            for future in self._futures:
                future.result(timeout=2 * ANSWER_SECONDS)
        finally:
            self._pool.shutdown()
        return self._outcomes

    def _failed(self) -> list[Future[None]]:
        return [future for future in self._futures if future.done() and not self._stopping.is_set()]

    def _order_repeatedly(self) -> None:
        while not self._stopping.is_set():
            outcome = self._order_once()
            with self._lock:
                self._outcomes.append(outcome)

    def _order_once(self) -> OrderOutcome:
        guest = self.shop.guest()
        added = persistently(lambda: self._record_status(guest.add(self.sku)), ANSWER_SECONDS)
        assert added.status == 201, added
        key = new_key()
        placed = persistently(lambda: self._record_status(guest.order(key=key)), ANSWER_SECONDS)
        if placed.status in (402, 409):
            return OrderOutcome(placed.error["details"][0].get("order_id", ""), "failed")
        assert placed.status in (201, 202), placed
        order_id = str(placed.data["id"])
        return OrderOutcome(
            order_id, self._final_status(guest, order_id, placed.data["access_key"], placed.data["status"])
        )

    def _final_status(self, guest: Client, order_id: str, access_key: str, status: str) -> str:
        path, until = f"/orders/{order_id}", time.monotonic() + ANSWER_SECONDS
        while status not in FINAL_STATUSES and time.monotonic() < until:
            time.sleep(0.2)
            reply = persistently(
                lambda: self._record_status(guest("GET", path, headers={"X-Order-Key": access_key})), ANSWER_SECONDS
            )
            status = str(reply.data["status"])
        return status

    def _record_status(self, reply: Reply) -> Reply:
        with self._lock:
            self.statuses.append(reply.status)
        return reply


def check_consistency(shop: Shop, sku: str, stock: int, outcomes: list[OrderOutcome]) -> None:
    """Every order is confirmed and paid once: stock and cards are good, so no fault may cost a customer their order.

    No charge is orphaned, no stock is lost or still reserved.

    Nothing is lost, held or left over.
    """
    assert eventually(lambda: database.unfinished_sagas() == 0), "an order's saga has not ended"
    orders = {order_id: status for order_id, status, _ in database.orders_with(sku)}
    assert outcomes
    assert {order_id: status for order_id, status in orders.items() if status != "confirmed"} == {}
    assert sorted(outcome.order_id for outcome in outcomes) == sorted(orders)
    assert {outcome.status for outcome in outcomes} == {"confirmed"}

    charges = sorted(database.bank_charges_of(list(orders)))
    kept_charges = [
        (order_id, status, refunded) for order_id, status, captured, refunded in charges if captured > refunded
    ]
    assert kept_charges == [(order_id, "captured", 0) for order_id in sorted(orders)]
    assert database.orphaned_charges() == 0

    left = stock - len(orders)
    assert eventually(lambda: shop.level(sku) == (left, 0, left)), (
        f"stock {shop.level(sku)} after {len(orders)} of {stock} were sold"
    )


def check_topic(topic: Topic, sku: str) -> None:
    """Every event of every order is in Kafka, in order within the order."""
    versions = {order_id: version for order_id, _, version in database.orders_with(sku)}
    assert versions

    def complete(events: list[dict[str, object]]) -> bool:
        received = {(event["subject"], int(str(event["sequence"]))) for event in events}
        return all((order, number) in received for order, last in versions.items() for number in range(1, last + 1))

    events = first_occurrences(topic.read_until(complete, 120))
    for order_id, last in versions.items():
        assert [int(str(event["sequence"])) for event in events if event["subject"] == order_id] == list(
            range(1, last + 1)
        )
