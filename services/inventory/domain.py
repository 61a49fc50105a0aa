"""Rules of stock: allocation to warehouses, and transitions of a reservation."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from services.chassis.common.errors import Conflict, InvalidState, NotFound, OutOfStock

Status = Literal["held", "committed", "released"]
Reason = Literal["", "released", "expired", "returned", "abandoned"]


@dataclass(frozen=True)
class Line:
    """A quantity of a SKU."""

    sku: str
    quantity: int


@dataclass(frozen=True)
class Stock:
    """The available units of a SKU in one warehouse."""

    warehouse: str
    available: int


@dataclass(frozen=True)
class Take:
    """A quantity taken from one warehouse."""

    warehouse: str
    quantity: int


@dataclass(frozen=True)
class Allocation:
    """A line with the warehouses that its units are taken from, or returned to."""

    sku: str
    takes: tuple[Take, ...]

    @property
    def quantity(self) -> int:
        return sum(take.quantity for take in self.takes)

    @property
    def line(self) -> Line:
        return Line(self.sku, self.quantity)


@dataclass(frozen=True)
class ReservationState:
    """State of a reservation, and the reason if it is over."""

    status: Status
    reason: Reason = ""


def merge_lines(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Merge lines to one per SKU, ordered by SKU, so that concurrent orders lock SKUs in the same order."""
    quantities: dict[str, int] = {}
    for line in lines:
        quantities[line.sku] = quantities.get(line.sku, 0) + line.quantity
    return tuple(Line(sku, quantity) for sku, quantity in sorted(quantities.items()))


def allocate(sku: str, requested: int, stocks: Sequence[Stock]) -> tuple[Take, ...]:
    """Choose the warehouses to take `requested` units from: `stocks` come by priority, the first choice first.

    One parcel if any warehouse has them all; otherwise each gives what it has, in order of priority.
    Raises `OutOfStock` when all together have less.
    """
    for stock in stocks:
        if stock.available >= requested:
            return (Take(stock.warehouse, requested),)
    takes, missing = [], requested
    for stock in stocks:
        quantity = min(stock.available, missing)
        if quantity > 0:
            takes.append(Take(stock.warehouse, quantity))
            missing -= quantity
    if missing:
        raise OutOfStock.of(sku, requested, requested - missing)
    return tuple(takes)


def check_repeated(state: ReservationState, stored: Sequence[Line], requested: Sequence[Line]) -> None:
    """Whether a repeated reserve may be answered with the existing reservation.

    Raises `InvalidState` when it is over (what was given back is not taken again by a late repetition), `Conflict`
    when other lines were reserved under this order.
    """
    if state.status == "released":
        raise InvalidState(f"The reservation of this order is over: {state.reason or 'released'}")
    if tuple(stored) != tuple(requested):
        raise Conflict("Other lines are reserved for this order")


def check_present(reserved: Collection[str], order_ids: Sequence[str]) -> None:
    """Raises `NotFound` for the first of the orders that has no reservation."""
    for order_id in order_ids:
        if order_id not in reserved:
            raise NotFound("Nothing is reserved for this order", [{"order_id": order_id}])


def on_confirmation(state: ReservationState) -> Literal["retake", "nothing"]:
    """The action for a confirmed order that is not held any more: expired units are taken again. One that was
    committed is done, and one that was released since was cancelled.
    """
    is_cancelled = state.status == "released" and state.reason in ("released", "returned")
    return "nothing" if state.status == "committed" or is_cancelled else "retake"


def on_commit(state: ReservationState) -> Literal["sell", "settle", "retake"]:
    """The action of a commit: sell the reserved units, confirm an earlier sale, or take expired units again."""
    if state.status == "held":
        return "sell"
    if state.status == "committed":
        return "settle"
    if state.reason == "expired":
        return "retake"
    raise InvalidState(f"The reservation of this order is over: {state.reason or 'released'}")


def on_release(state: ReservationState) -> Literal["free", "return_units", "nothing"]:
    """The action of a release: free the reservation, return sold units, or nothing if it was released before.

    A hold that has run out is released too, so that no late commit takes its units afresh.
    """
    if state.status == "committed":
        return "return_units"
    return "free" if state.status == "held" or state.reason == "expired" else "nothing"


def check_returnable(state: ReservationState) -> None:
    """Raises `InvalidState` unless the order is committed: of another one nothing is sold, or all is back already."""
    if state.status == "held":
        raise InvalidState("The reservation of this order is not committed")
    if state.status == "released":
        raise InvalidState(f"The reservation of this order is over: {state.reason or 'released'}")


def remaining(sold: Sequence[Allocation], returned: Iterable[Allocation]) -> tuple[Allocation, ...]:
    """Sold lines without earlier returns; lines that came back as a whole are left out."""
    back: dict[tuple[str, str], int] = {}
    for line in returned:
        for take in line.takes:
            back[line.sku, take.warehouse] = back.get((line.sku, take.warehouse), 0) + take.quantity
    left = []
    for line in sold:
        takes = tuple(
            Take(take.warehouse, take.quantity - back.get((line.sku, take.warehouse), 0)) for take in line.takes
        )
        left.append(Allocation(line.sku, tuple(take for take in takes if take.quantity > 0)))
    return tuple(line for line in left if line.takes)


def allocate_return(left: Sequence[Allocation], requested: Sequence[Line]) -> tuple[Allocation, ...]:
    """Choose the warehouses that returned units go to: those that they were taken from, in the same order.

    Raises `InvalidState` when more of a SKU would be returned than is left of what was sold.
    """
    by_sku = {line.sku: line for line in left}
    back = []
    for line in requested:
        sold = by_sku.get(line.sku, Allocation(line.sku, ()))
        if line.quantity > sold.quantity:
            raise InvalidState(
                f"Of {line.sku} {sold.quantity} can be returned",
                [{"sku": line.sku, "requested": line.quantity, "returnable": sold.quantity}],
            )
        back.append(Allocation(line.sku, _first_units(sold.takes, line.quantity)))
    return tuple(back)


def _first_units(takes: Sequence[Take], quantity: int) -> tuple[Take, ...]:
    chosen = []
    for take in takes:
        part = min(take.quantity, quantity)
        if part:
            chosen.append(Take(take.warehouse, part))
        quantity -= part
    return tuple(chosen)
