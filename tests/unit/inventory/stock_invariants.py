"""What holds for stock and reservations in every state, and at the end."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.unit.inventory.model_checker import Outcome
from tests.unit.inventory.stock_memory import Memory


class Invariants:
    """Checks of a memory that began with `received` units of each SKU."""

    def __init__(self, received: dict[str, int], run: Callable[..., Memory]) -> None:
        self.received = received
        self.run = run
        self.checked: set[Any] = set()
        self.checked_ends: set[Any] = set()

    def check(self, memory: Memory, outcomes: Sequence[Outcome]) -> None:
        """Units are where the decisions say, in every state."""
        if memory.key in self.checked:
            return
        self.checked.add(memory.key)
        for sku, level in memory.levels.items():
            taken = [(take["warehouse"], take["quantity"]) for hold in level["holds"] for take in hold["takes"]]
            for code, on_hand, reserved in level["warehouses"]:
                assert reserved == sum(quantity for warehouse, quantity in taken if warehouse == code)
                assert on_hand >= reserved >= 0
            deducted = sum(self._deducted(memory, sku, each) for each in memory.reservations.values())
            assert sum(on_hand for _, on_hand, _ in level["warehouses"]) == self.received[sku] - deducted, memory_text(memory)

    def _deducted(self, memory: Memory, sku: str, reservation: Any) -> int:
        line = next((line for line in reservation["lines"] if line["sku"] == sku), None)
        if line is None or reservation["status"] == "released":
            return 0
        of_token = [hold["quantity"] for hold in memory.levels[sku]["holds"] if hold["token"] == reservation["token"]]
        if reservation["status"] == "held" or of_token:
            assert of_token == [line["quantity"]], memory_text(memory)
            return 0
        back = [back for done in reservation.get("returns", ()) for back in done["lines"] if back["sku"] == sku]
        return int(line["quantity"] - sum(each["quantity"] for each in back))

    def check_end(self, memory: Memory, outcomes: Sequence[Outcome]) -> None:
        """Whatever comes last, a final sweep leaves no hold."""
        if memory.key in self.checked_ends:
            return
        self.checked_ends.add(memory.key)
        for last in ((), ("commit",), ("release",), ("return lamp",)):
            after = self.run(memory, *last, "late sweep")
            self.check(after, ())
            assert not any(level["holds"] for level in after.levels.values()), memory_text(after)


def memory_text(memory: Memory) -> str:
    return f"{memory.levels} {memory.reservations}"
