"""The rules of stock: which warehouses an order is taken from, and what may become of a reservation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from services.chassis.common.errors import Conflict, InvalidState, OutOfStock

Status = Literal["held", "committed", "released"]
Reason = Literal["", "released", "expired", "returned", "abandoned"]


@dataclass(frozen=True)
class Line:
    """So many units of one SKU."""

    sku: str
    quantity: int


@dataclass(frozen=True)
class Stock:
    """What one warehouse can give of a SKU."""

    warehouse: str
    available: int


@dataclass(frozen=True)
class Take:
    """So many units from one warehouse."""

    warehouse: str
    quantity: int


@dataclass(frozen=True)
class Standing:
    """How a reservation stands, and why if it is over."""

    status: Status
    reason: Reason = ""


def merged(lines: Iterable[Line]) -> tuple[Line, ...]:
    """One line per SKU, ordered by SKU, so that two orders for the same things ask for them in the same order."""
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    return tuple(Line(sku, quantity) for sku, quantity in sorted(wanted.items()))


def allocate(sku: str, wanted: int, stocks: Sequence[Stock]) -> tuple[Take, ...]:
    """Choose the warehouses to take `wanted` units from: `stocks` come by priority, the first choice first.

    One parcel if any warehouse has them all; otherwise each gives what it has, in order of priority.
    Raises `OutOfStock` when all together have less.
    """
    for stock in stocks:
        if stock.available >= wanted:
            return (Take(stock.warehouse, wanted),)
    takes, missing = [], wanted
    for stock in stocks:
        quantity = min(stock.available, missing)
        if quantity > 0:
            takes.append(Take(stock.warehouse, quantity))
            missing -= quantity
    if missing:
        raise OutOfStock.of(sku, wanted, wanted - missing)
    return tuple(takes)


def check_repeated(standing: Standing, known: Sequence[Line], asked: Sequence[Line]) -> None:
    """Whether a reserve for an order that has a reservation may be answered with it.

    Raises `InvalidState` when it is over (what was given back is not taken again by a late repetition), `Conflict`
    when other lines were reserved under this order.
    """
    if standing.status == "released":
        raise InvalidState(f"The reservation of this order is over: {standing.reason or 'released'}")
    if tuple(known) != tuple(asked):
        raise Conflict("Other lines are reserved for this order")


def on_commit(standing: Standing) -> Literal["sell", "settle", "retake"]:
    """What a commit does: sell what is held; make sure of what was sold before; or, when the hold has run out, take
    the units afresh. Raises `InvalidState` when the reservation was given back.
    """
    if standing.status == "held":
        return "sell"
    if standing.status == "committed":
        return "settle"
    if standing.reason == "expired":
        return "retake"
    raise InvalidState(f"The reservation of this order is over: {standing.reason or 'released'}")


def on_release(standing: Standing) -> Literal["free", "give_back", "nothing"]:
    """What a release does: free the hold, put sold units back, or nothing when it was done before.

    A hold that has run out is released too, so that no late commit takes its units afresh.
    """
    if standing.status == "committed":
        return "give_back"
    return "free" if standing.status == "held" or standing.reason == "expired" else "nothing"
