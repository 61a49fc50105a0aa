"""Invariants of stock and reservations in every state, and at the end."""

from collections.abc import Sequence
from typing import Any

from tests.unit.inventory.model.checker import Outcome
from tests.unit.inventory.model.commands import ORDER, run
from tests.unit.inventory.model.memory import Memory


class Invariants:
    """Checks of the states of some commands on a memory that began with `received` units of each SKU."""

    def __init__(self, received: dict[str, int], commands: Sequence[str] = ()) -> None:
        self.received = received
        self.commands = commands
        self.checked: set[Any] = set()
        self.checked_ends: set[Any] = set()

    def check(self, memory: Memory, outcomes: Sequence[Outcome]) -> None:
        """In every state units are where the decisions say, and what a command has answered is true."""
        if memory.key not in self.checked:
            self.checked.add(memory.key)
            for sku in memory.levels:
                self._check_level(memory, sku)
        for number, end in outcomes:
            if end == "ok":
                self._check_answer(memory, self.commands[number])

    def check_end(self, memory: Memory, outcomes: Sequence[Outcome]) -> None:
        """Whatever the order does last, a final sweep leaves no hold."""
        if memory.key in self.checked_ends:
            return
        self.checked_ends.add(memory.key)
        for last in ((), ("commit",), ("release",), ("return lamp",)):
            after = run(memory, *last, "late sweep")
            self.check(after, ())
            assert not any(level["holds"] for level in after.levels.values()), after

    def _check_level(self, memory: Memory, sku: str) -> None:
        level = memory.levels[sku]
        takes = [(take["warehouse"], take["quantity"]) for hold in level["holds"] for take in hold["takes"]]
        for code, on_hand, reserved in level["warehouses"]:
            assert reserved == sum(quantity for warehouse, quantity in takes if warehouse == code), memory
            assert on_hand >= reserved >= 0, memory
        deducted = sum(self._deducted(memory, sku, each) for each in memory.reservations.values())
        assert sum(on_hand for _, on_hand, _ in level["warehouses"]) == self.received[sku] - deducted, memory

    def _deducted(self, memory: Memory, sku: str, reservation: Any) -> int:
        """Units that must have been deducted for the reservation: each of its lines is held or sold, never neither."""
        line = next((line for line in reservation["lines"] if line["sku"] == sku), None)
        if line is None or reservation["status"] == "released":
            return 0
        held = [hold["quantity"] for hold in memory.levels[sku]["holds"] if hold["token"] == reservation["token"]]
        if reservation["status"] == "held" or held:
            assert held == [line["quantity"]], memory
            return 0
        back = [back for done in reservation.get("returns", ()) for back in done["lines"] if back["sku"] == sku]
        return int(line["quantity"] - sum(each["quantity"] for each in back))

    def _check_answer(self, memory: Memory, command: str) -> None:
        """A command that succeeded has done it for every line, and no later step has undone it silently."""
        reservation = memory.reservations.get(ORDER, {"status": None, "reason": None})
        committed = reservation["status"] == "committed"
        was_committed = committed or (reservation["status"], reservation["reason"]) == ("released", "returned")
        if command == "commit":
            assert was_committed, memory
            assert committed or "release" in self.commands, memory
            tokens = [hold["token"] for level in memory.levels.values() for hold in level["holds"]]
            assert not committed or reservation["token"] not in tokens, memory
        elif command == "release":
            assert reservation["status"] == "released", memory
            assert reservation["reason"] != "expired", memory
        elif command.startswith("return"):
            assert was_committed, memory
            assert command in [done["return_id"] for done in reservation["returns"]], memory
