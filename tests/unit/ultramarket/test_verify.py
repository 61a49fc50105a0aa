"""Rules of `ultramarket verify`: what is wrong, and what is only in flight."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from ultramarket.verify import event_log, runner
from ultramarket.verify.event_log import Sequences, check_orders_in_kafka, ledger_reference
from ultramarket.verify.merging import pairs
from ultramarket.verify.orders import order_breaches
from ultramarket.verify.provider import charge_breaches
from ultramarket.verify.read_models import search_difference
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


@pytest.mark.parametrize(
    ("left", "right"),
    [("", ""), ("abc", ""), ("", "abc"), ("abc", "abc"), ("ac", "b"), ("b", "ac"), ("abd", "bcd"), ("d", "abcd")],
)
def test_sorted_streams_are_paired_by_id(left: str, right: str) -> None:
    paired = list(pairs(left, str, right, str))

    assert [id_ for id_, _, _ in paired] == sorted({*left, *right})
    assert [(a, b) for _, a, b in paired] == [
        (id_ if id_ in left else None, id_ if id_ in right else None) for id_ in sorted({*left, *right})
    ]


@pytest.mark.parametrize(
    ("numbers", "first", "message"),
    [
        ([1, 2, 3], 1, None),
        ([1, 2, 1, 2, 2, 3, 3], 1, None),
        ([1, 2], 1, "Kafka has its events up to 2 of 3"),
        ([], 1, "Kafka has its events up to 0 of 3"),
        ([1, 3, 2], 1, "version 3 comes in Kafka before version 2"),
        ([2, 1, 3], 1, "Kafka has its events from 2 on, not from 1"),
        ([2, 3], 2, None),
        ([3], 2, "Kafka has its events from 3 on, not from 2"),
        ([1, 2, 3, 4], 1, None),
    ],
)
def test_events_in_kafka_are_complete_and_in_order(numbers: list[int], first: int, message: str | None) -> None:
    sequences = Sequences()
    for number in numbers:
        sequences.add("o-1", number)

    assert sequences.breach("o-1", first, 3) == message


@pytest.mark.parametrize(
    ("event_type", "data", "reference"),
    [
        ("payment_captured", {}, "capture:p-1"),
        ("payment_refunded", {"refund_id": "r-1"}, "refund:r-1"),
        ("payment_refund_failed", {"refund_id": "r-1"}, "refund:r-1:failed"),
        ("payment_authorized", {}, None),
    ],
)
def test_event_of_a_payment_names_its_ledger_entry(event_type: str, data: Any, reference: str | None) -> None:
    assert ledger_reference({"type": event_type, "subject": "p-1", "data": data}) == reference


@pytest.mark.parametrize(
    ("versions", "since", "messages", "note"),
    [
        ([(1, 3)], None, [], ""),
        ([(1, 4)], None, ["Kafka has its events up to 3 of 4"], ""),
        ([(2, 3)], NOW, [], "from 2026-01-31 12:00:00 on: Kafka's retention has deleted older records"),
        ([(None, 3)], NOW, [], "from 2026-01-31 12:00:00 on: Kafka's retention has deleted older records"),
    ],
)
def test_expired_records_are_not_missed(
    monkeypatch: pytest.MonkeyPatch, versions: Any, since: datetime | None, messages: list[str], note: str
) -> None:
    class Records:
        def __init__(self, *_: Any) -> None: ...

        def complete_since(self) -> datetime | None:
            return since

        def read(self) -> list[bytes]:
            events = [
                {"source": "/orders", "type": "t", "subject": "o-1", "data": {}, "sequence": number}
                for number in ((1, 2, 3) if since is None else (2, 3))
            ]
            return [b"not json", b"[]", b"", *map(orjson.dumps, events)]

    class Rows:
        kafka_bootstrap = ""

        def rows(self, _query: str, since: datetime | None) -> list[Any]:
            return [SimpleNamespace(id="o-1", first=first, last=last) for first, last in versions]

    stores: Any = Rows()
    monkeypatch.setattr(event_log, "Topic", Records)
    monkeypatch.setattr(event_log, "PUBLISH_SECONDS", 0)

    result = check_orders_in_kafka(stores)

    assert [breach.message for breach in result.breaches] == messages
    assert result.note == note


PRODUCT = {"_id": "p-1", "version": 3, "status": "active", "rating_sequence": 2, "variants": [{"sku": "MUG"}]}
INDEXED = {"version": 3, "status": "active", "rating_sequence": 2, "levels": {"MUG": [5, 4]}}


@pytest.mark.parametrize(
    ("changes", "available", "difference"),
    [
        ({}, 5, None),
        ({}, 2, None),
        ({"version": 2}, 5, "indexed at version 2 of 3"),
        ({"version": 4, "status": "archived"}, 5, None),
        ({"status": "archived"}, 5, "indexed as archived, it is active"),
        ({"rating_sequence": 1}, 5, "indexed with rating 1 of 2"),
        ({"rating_sequence": 3}, 5, None),
        ({}, 0, "MUG is indexed with 5 available, and has 0"),
        ({"levels": {}}, 5, "MUG is indexed with 0 available, and has 5"),
        ({"levels": {"MUG": [0, 9]}}, 5, None),
    ],
)
def test_search_document_is_compared_with_its_product(
    changes: dict[str, Any], available: int, difference: str | None
) -> None:
    levels = {"MUG": {"available": available, "version": 7}}

    assert search_difference(PRODUCT, INDEXED | changes, levels) == difference
