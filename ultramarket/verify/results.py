"""Results of checks."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, order=True)
class Breach:
    """A broken invariant: the id of the thing (an order, a payment, a SKU) and a sentence."""

    id: str
    message: str


@dataclass
class CheckResult:
    """One check: how many things it examined, and what is wrong with which of them."""

    name: str
    examined: int = 0
    breaches: list[Breach] = field(default_factory=list)
    note: str = ""
    """What the check could not examine, if anything."""
    seconds: float = 0.0
    """Time that the check took, all of its passes."""

    def add(self, id_: Any, message: str) -> None:
        self.breaches.append(Breach(str(id_), message))

    def to_json(self) -> dict[str, Any]:
        return {
            "check": self.name,
            "examined": self.examined,
            "seconds": self.seconds,
            "breaches": [{"id": breach.id, "message": breach.message} for breach in self.breaches],
            **({"note": self.note} if self.note else {}),
        }
