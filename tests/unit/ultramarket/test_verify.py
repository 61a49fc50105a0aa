"""Rules of `ultramarket verify`: what is wrong, and what is only in flight."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ultramarket.verify import runner
from ultramarket.verify.orders import order_breaches
from ultramarket.verify.provider import charge_breaches
from ultramarket.verify.results import Breach, CheckResult
from ultramarket.verify.stock import level_breaches, missing_holds, sold_units

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def order(**values: Any) -> Any:
    """A confirmed order of 15.00 USD with its captured payment."""
    fields = {"id": "o-1", "status": "confirmed", "total": 1500, "currency": "USD", "refunded": None, "settled": None}
    fields |= {"payment": "p-1", "payment_order": "o-1", "payment_status": "captured", "amount": 1500}
    fields |= {"payment_currency": "USD", "captured": 1500, "payment_refunded": 0}
    return SimpleNamespace(**fields | values)


def charge(**values: Any) -> Any:
    """A captured payment of 15.00 USD with its charge."""
    fields = {"id": "p-1", "has_payment": True, "charge": "c-1", "status": "captured", "amount": 1500}
    fields |= {"currency": "USD", "captured": 1500, "refunded": 0, "at_provider": "captured", "charge_amount": 1500}
    fields |= {"charge_currency": "USD", "charge_captured": 1500, "charge_refunded": 0}
    return SimpleNamespace(**fields | values)


def level(*holds: dict[str, Any], on_hand: int = 10, **values: Any) -> dict[str, Any]:
    """A level of one warehouse with these holds."""
    reserved = sum(hold["quantity"] for hold in holds)
    figures = {"on_hand": on_hand, "reserved": reserved, "available": on_hand - reserved}
    entry = {"warehouse": "main", **figures}
    return {"_id": "MUG", **figures, "warehouses": [entry], "holds": list(holds), "counted": 10} | values


def hold(order_id: str = "o-1", token: str = "t-1", quantity: int = 2, until: datetime = NOW) -> dict[str, Any]:
    takes = [{"warehouse": "main", "quantity": quantity}]
    return {"order_id": order_id, "token": token, "quantity": quantity, "takes": takes, "until": until}


def reservation(status: str = "held", token: str = "t-1", quantity: int = 2, **values: Any) -> dict[str, Any]:
    lines = [{"sku": "MUG", "quantity": quantity}]
    return {"status": status, "token": token, "lines": lines, "expires_at": NOW + timedelta(minutes=5)} | values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, None),
        ({"payment": None}, "confirmed without a payment"),
        ({"status": "failed", "payment": None}, None),
        ({"payment_order": "o-2"}, "its payment p-1 belongs to order o-2"),
        ({"amount": 1400}, "costs 1500 USD, its payment is 1400 USD"),
        ({"payment_currency": "EUR"}, "costs 1500 USD, its payment is 1500 EUR"),
        ({"payment_status": "authorized", "captured": 0}, "confirmed, its payment is authorized, 0 of 1500 captured"),
        ({"captured": 1}, "confirmed, its payment is captured, 1 of 1500 captured"),
        ({"status": "cancelled"}, "cancelled, its payment is captured, 1500 kept"),
        ({"status": "cancelled", "settled": True}, None),
        ({"status": "failed", "payment_status": "voided", "captured": 0}, None),
        ({"payment_status": "partially_refunded", "payment_refunded": 200}, "says 0 were refunded, its payment 200"),
        ({"payment_status": "partially_refunded", "payment_refunded": 200, "refunded": 200}, None),
        ({"status": "pending", "payment_status": "authorized", "captured": 0}, None),
    ],
)
def test_order_and_payment_are_compared(values: dict[str, Any], message: str | None) -> None:
    assert order_breaches(order(**values)) == ([message] if message else [])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, None),
        ({"has_payment": False}, "charge holds 1500 USD, and belongs to no payment"),
        ({"has_payment": False, "charge_refunded": 1500}, None),
        ({"charge": None}, "1500 captured, and the provider has no charge"),
        ({"charge": None, "captured": 0, "status": "declined"}, None),
        ({"at_provider": "authorized"}, "is captured, at the provider authorized"),
        ({"charge_amount": 1400}, "is 1500 USD, at the provider 1400 USD"),
        ({"charge_refunded": 100}, "1500 captured and 0 refunded, at the provider 1500 and 100"),
    ],
)
def test_payment_and_charge_are_compared(values: dict[str, Any], message: str | None) -> None:
    assert charge_breaches(charge(**values)) == ([message] if message else [])


@pytest.mark.parametrize(
    ("document", "reservations", "messages"),
    [
        (level(hold()), {"o-1": reservation()}, []),
        (level(hold(until=NOW - timedelta(minutes=1))), {}, []),
        (
            level(hold(until=NOW - timedelta(hours=1))),
            {"o-1": reservation("released")},
            ["2 held for order o-1, whose reservation has ended"],
        ),
        (
            level(hold(until=NOW - timedelta(hours=1))),
            {"o-1": reservation(token="t-2")},
            ["2 held for order o-1, whose reservation has ended"],
        ),
        (
            level(reserved=3),
            {},
            ["reserved is 3, not the sum of its warehouses", "10 available of 10 on hand and 3 reserved"],
        ),
        (level(on_hand=-1), {}, ["below zero in main"]),
    ],
)  # fmt: skip
def test_level_is_compared_with_its_holds(
    document: dict[str, Any], reservations: dict[str, Any], messages: list[str]
) -> None:
    assert level_breaches(document, reservations, NOW) == messages


def test_hold_without_its_units_is_found() -> None:
    document = level(hold())
    document["warehouses"][0]["reserved"] = 0

    assert "0 reserved in main, 2 held" in level_breaches(document, {"o-1": reservation()}, NOW)


def test_sold_units_are_those_of_committed_reservations() -> None:
    levels = {"MUG": level(hold("o-2", "t-2"))}
    returned = {"returns": [{"return_id": "r", "lines": [{"sku": "MUG", "quantity": 1}]}]}
    reservations = {
        "o-1": reservation("committed", **returned),
        "o-2": reservation("committed", "t-2"),
        "o-3": reservation("released", "t-3"),
    }

    assert sold_units(levels, reservations) == {"MUG": 1}, "what is still held is not deducted yet"


def test_reservation_without_its_hold_is_found() -> None:
    reservations = {"o-1": reservation(), "o-2": reservation(token="t-2"), "o-3": reservation(expires_at=NOW)}

    assert missing_holds({"MUG": level(hold())}, reservations, NOW) == [("o-2", "reserved, and nothing is held of MUG")]


def results_of(*passes: list[str]) -> Callable[[], CheckResult]:
    """A check that finds these ids wrong in its passes."""
    remaining = list(passes)

    def check() -> CheckResult:
        return CheckResult("a check", 3, [Breach(id_, "wrong") for id_ in remaining.pop(0)])

    return check


@pytest.mark.parametrize(
    ("passes", "wrong"),
    [
        ([[]], []),
        ([["a", "b"], ["b", "c"], []], []),
        ([["a"], ["a"], ["a"]], ["a"]),
        ([["a", "b"], ["b"], ["b", "c"]], ["b"]),
    ],
)
def test_only_what_stays_wrong_is_a_breach(passes: list[list[str]], wrong: list[str]) -> None:
    result = runner.settled(results_of(*passes), passes=3, pause=0)

    assert [breach.id for breach in result.breaches] == wrong
