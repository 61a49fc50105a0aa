"""The store's interfaces, one step per atomic operation."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from services.inventory.domain import Allocation, Line, Stock
from services.inventory.store.decisions import Decisions
from services.inventory.store.levels import Document, Hold, Levels
from services.inventory.store.returns import Returns

Step = Callable[..., Any]
"""`step(name, *arguments)` carries out an operation of `Memory`."""


class SteppedLevels(Levels):
    """`Levels` whose updates of several SKUs are one step for each SKU."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def hold_in_one(self, line: Line, hold: Hold) -> Allocation | None:
        return self.step("hold_in_one", line, hold)  # type: ignore[no-any-return]

    def stocks(self, sku: str) -> list[Stock]:
        return self.step("stocks", sku)  # type: ignore[no-any-return]

    def hold_in(self, allocation: Allocation, hold: Hold) -> bool:
        return bool(self.step("hold_in", allocation, hold))

    def is_held(self, sku: str, order_id: str) -> bool:
        return bool(self.step("is_held", sku, order_id))

    def held_skus(self, order_id: str) -> list[str]:
        return list(self.step("held_skus", order_id))

    def free(self, skus: Iterable[str], order_id: str, token: str, reason: str = "released") -> None:
        for sku in skus:
            self.step("free", sku, order_id, token)

    def free_fenced_before(self, skus: Iterable[str], order_id: str, fence: int) -> None:
        for sku in skus:
            self.step("free_fenced_before", sku, order_id, fence)

    def free_all(self, skus: Iterable[str], order_id: str) -> None:
        for sku in skus:
            self.step("free_all", sku, order_id)

    def sell(self, skus: Iterable[str], order_id: str, token: str) -> None:
        for sku in skus:
            self.step("sell", sku, order_id, token)

    def sell_all(self, lines: Iterable[tuple[str, str, str]]) -> None:
        sold = list(lines)
        for line in sold:
            self.step("sell", *line)

    def extend(self, skus: Iterable[str], order_id: str, token: str, until: datetime) -> None:
        for sku in skus:
            self.step("extend_hold", sku, order_id, token, until)

    def stale_holds(self, now: datetime, limit: int) -> list[tuple[str, Document]]:
        return list(self.step("stale_holds", now, limit))


class SteppedDecisions(Decisions):
    """`Decisions`, one step for each method."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def find(self, order_id: str) -> Document | None:
        return self.step("find", order_id)  # type: ignore[no-any-return]

    def insert(self, reservation: Document) -> bool:
        return bool(self.step("insert", reservation))

    def commit_held(self, order_id: str, now: datetime) -> Document | None:
        return self.step("commit_held", order_id, now)  # type: ignore[no-any-return]

    def commit_all_held(self, order_ids: Sequence[str], now: datetime) -> None:
        for order_id in order_ids:
            self.step("commit_all_held", [order_id], now)

    def find_all(self, order_ids: Sequence[str]) -> list[Document]:
        return list(self.step("find_all", list(order_ids)))

    def overdue(self, now: datetime, limit: int) -> list[Document]:
        return list(self.step("overdue", now, limit))

    def extend(self, order_id: str, until: datetime, session: object = None) -> bool:
        return bool(self.step("extend", order_id, until))

    def expire(self, order_id: str, now: datetime) -> Document | None:
        return self.step("expire", order_id, now)  # type: ignore[no-any-return]

    def in_transaction(self, work: Callable[[Any], Any]) -> Any:
        return work(None)

    def decide(self, *arguments: Any, **none: Any) -> Document | None:
        return self.step("decide", *arguments)  # type: ignore[no-any-return]

    def fence(self, order_id: str, now: datetime) -> Document:
        return self.step("fence", order_id, now)  # type: ignore[no-any-return]


class SteppedReturns(Returns):
    """`Returns` whose transaction is one step."""

    def put_back(self, *arguments: Any) -> Document | None:
        return self.decisions.step("put_back", *arguments)  # type: ignore[attr-defined,no-any-return]
