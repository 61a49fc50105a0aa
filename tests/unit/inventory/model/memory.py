"""Stock in memory: the atomic operations of `Levels`, `Decisions` and `Returns.put_back` on plain dicts.

Documents are replaced, never changed, so that a copy of a `Memory` is cheap. That each operation does what MongoDB does
is tested in `tests/service/inventory/test_model_conformance.py`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

from services.inventory.domain import Allocation, Line, Stock, Take
from services.inventory.store.decisions import new_release
from services.inventory.store.levels import Document, Hold


def freeze(value: Any) -> Any:
    """A hashable copy of a value made of dicts, lists, tuples and scalars."""
    if isinstance(value, Doc):
        return value.key
    if isinstance(value, Mapping):
        return tuple(sorted((name, freeze(item)) for name, item in value.items()))
    return tuple(map(freeze, value)) if isinstance(value, list | tuple) else value


class Doc(dict[str, Any]):
    """A document that is never changed after it was made."""

    numbers: ClassVar[dict[Any, int]] = {}

    @cached_property
    def key(self) -> Any:
        """Equal for equal documents, and quick to compare."""
        content = tuple((name, freeze(self[name])) for name in sorted(self))
        return "document", self.numbers.setdefault(content, len(self.numbers))


class Memory:
    """Levels by SKU, `{warehouses: [{warehouse, on_hand, reserved}], holds}`, and reservations by order."""

    def __init__(self, levels: dict[str, Doc], reservations: dict[str, Doc]) -> None:
        self.levels = levels
        self.reservations = reservations

    @classmethod
    def with_stock(cls, **skus: Mapping[str, int]) -> "Memory":
        return cls({sku: _level([(code, units, 0) for code, units in by.items()], ()) for sku, by in skus.items()}, {})

    def copy(self) -> "Memory":
        return Memory(dict(self.levels), dict(self.reservations))

    @property
    def key(self) -> Any:
        levels = tuple(level.key for level in self.levels.values())
        return levels, tuple(self.reservations[order].key for order in sorted(self.reservations))

    # ---- levels ----

    def stocks(self, sku: str) -> list[Stock]:
        level = self.levels.get(sku, {"warehouses": ()})
        return [Stock(code, on_hand - reserved) for code, on_hand, reserved in level["warehouses"]]

    def hold_in_one(self, line: Line, hold: Hold) -> Allocation | None:
        for stock in self.stocks(line.sku):
            if stock.available >= line.quantity:
                allocation = Allocation(line.sku, (Take(stock.warehouse, line.quantity),))
                self.hold_in(allocation, hold)
                return allocation
        return None

    def hold_in(self, allocation: Allocation, hold: Hold) -> bool:
        available = {stock.warehouse: stock.available for stock in self.stocks(allocation.sku)}
        if any(available.get(take.warehouse, 0) < take.quantity for take in allocation.takes):
            return False
        placed = Doc(hold.of(allocation.quantity) | {"takes": [vars(take) for take in allocation.takes]})
        self._move(allocation.sku, allocation.takes, 0, 1, (*self.levels[allocation.sku]["holds"], placed))
        return True

    def is_held(self, sku: str, order_id: str) -> bool:
        return sku in self.held_skus(order_id)

    def held_skus(self, order_id: str) -> list[str]:
        return [sku for sku, level in self.levels.items() if any(h["order_id"] == order_id for h in level["holds"])]

    def free(self, sku: str, order_id: str, token: str) -> None:
        self._end(sku, lambda hold: hold["order_id"] == order_id and hold["token"] == token)

    def free_fenced_before(self, sku: str, order_id: str, fence: int) -> None:
        self._end(sku, lambda hold: hold["order_id"] == order_id and hold["fence"] < fence)

    def free_all(self, sku: str, order_id: str) -> None:
        self._end(sku, lambda hold: hold["order_id"] == order_id)

    def sell(self, sku: str, order_id: str, token: str) -> None:
        self._end(sku, lambda hold: hold["order_id"] == order_id, sold=token)

    def extend_hold(self, sku: str, order_id: str, token: str, until: datetime) -> None:
        level = self.levels.get(sku)
        if level is None or not any(h["order_id"] == order_id and h["token"] == token for h in level["holds"]):
            return
        holds = [
            Doc({**h, "until": until}) if h["order_id"] == order_id and h["token"] == token else h
            for h in level["holds"]
        ]
        self.levels[sku] = _level(level["warehouses"], holds)

    def stale_holds(self, now: datetime, limit: int) -> list[tuple[str, Document]]:
        return [(sku, hold) for sku, level in self.levels.items() for hold in level["holds"] if hold["until"] <= now]

    def _end(self, sku: str, ends: Callable[[Document], bool], sold: str | None = None) -> None:
        """End the holds that meet the condition: the one with the token `sold` is deducted, the others are freed."""
        for hold in self.levels[sku]["holds"] if sku in self.levels else ():
            if ends(hold):
                left = tuple(other for other in self.levels[sku]["holds"] if other is not hold)
                takes = [Take(**take) for take in hold["takes"]]
                self._move(sku, takes, -1 if hold["token"] == sold else 0, -1, left)

    def _move(self, sku: str, takes: Iterable[Take], on_hand: int, reserved: int, holds: Sequence[Document]) -> None:
        units = {take.warehouse: take.quantity for take in takes}
        moved = [
            (code, there + on_hand * units.get(code, 0), held + reserved * units.get(code, 0))
            for code, there, held in self.levels[sku]["warehouses"]
        ]
        self.levels[sku] = _level(moved, holds)

    # ---- reservations ----

    def find(self, order_id: str) -> Document | None:
        return self.reservations.get(order_id)

    def insert(self, reservation: Document) -> bool:
        if reservation["_id"] in self.reservations:
            return False
        self.reservations[reservation["_id"]] = Doc(reservation)
        return True

    def commit_held(self, order_id: str, now: datetime) -> Document | None:
        reservation = self.reservations.get(order_id)
        if reservation is None or reservation["status"] != "held":
            return None
        return self._set(reservation, status="committed", changed_at=now)

    def overdue(self, now: datetime, limit: int) -> list[Document]:
        return [one for one in self.reservations.values() if one["status"] == "held" and one["expires_at"] <= now]

    def extend(self, order_id: str, until: datetime) -> bool:
        reservation = self.reservations.get(order_id)
        if reservation is None or reservation["status"] != "held":
            return False
        self.reservations[order_id] = Doc({**reservation, "expires_at": until})
        return True

    def expire(self, order_id: str, now: datetime) -> Document | None:
        reservation = self.reservations.get(order_id)
        if reservation is None or reservation["status"] != "held":
            return None
        return self._set(reservation, status="released", reason="expired", changed_at=now)

    def commit_all_held(self, order_ids: Sequence[str], now: datetime) -> None:
        for order_id in order_ids:
            self.commit_held(order_id, now)

    def find_all(self, order_ids: Sequence[str]) -> list[Document]:
        return [self.reservations[order_id] for order_id in order_ids if order_id in self.reservations]

    def decide(
        self, known: Document, status: str, reason: str, now: datetime, values: Document | None = None
    ) -> Document | None:
        reservation = self.reservations.get(known["_id"])
        if reservation is None or reservation["revision"] != known["revision"]:
            return None
        return self._set(reservation, status=status, reason=reason, changed_at=now, **(values or {}))

    def fence(self, order_id: str, now: datetime) -> Document:
        reservation = self.reservations.get(order_id)
        if reservation is not None:
            return self._set(reservation)
        self.insert(new_release(order_id, "abandoned", now))
        return self.reservations[order_id]

    def put_back(
        self,
        known: Document,
        back: Sequence[Allocation],
        status: str,
        reason: str,
        now: datetime,
        values: Document | None = None,
    ) -> Document | None:
        decided = self.decide(known, status, reason, now, values)
        if decided:
            for line in back:
                self.sell(line.sku, decided["_id"], decided["token"])
                self._move(line.sku, line.takes, 1, 0, self.levels[line.sku]["holds"])
        return decided

    def _set(self, reservation: Document, **values: Any) -> Document:
        changed = Doc({**reservation, **values, "revision": reservation["revision"] + 1})
        self.reservations[reservation["_id"]] = changed
        return changed


def _level(warehouses: Sequence[tuple[str, int, int]], holds: Sequence[Document]) -> Doc:
    return Doc(warehouses=tuple(warehouses), holds=tuple(holds))
