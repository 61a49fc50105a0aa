"""Shares of captures and refunds to the minor unit, and the entries that they make."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.api.payments import Authorise
from services.payments.domain import Payment
from services.payments.domain.ledger import (
    ACCOUNTS,
    Entry,
    capture_entries,
    dispute_entries,
    failed_refund_entries,
    refund_entries,
)
from services.payments.domain.shares import NOTHING, Shares

PAYMENT = Payment("0197a000-0000-7000-8000-000000000002", "order", "ada", "sandbox", "captured", 1000, "USD")
SEEDS = st.integers(0, 2**32)
CASES = settings(max_examples=170, deadline=None, database=None)
BATCH = 100
"""Cases of each seed: six properties of 170 seeds are checked on 102,000 cases."""


def cases(seed: int) -> Iterator[tuple[Shares, Random]]:
    """Amounts in their shares, small, large and zero, and a generator for more."""
    random = Random(seed)
    for _ in range(BATCH):
        bounds = (random.choice((0, 3, 100, 10**7)) for _ in range(3))
        yield Shares(*(random.randint(0, bound) for bound in bounds)), random


def taken(entries: Iterable[Entry]) -> Counter[str]:
    """Debit less credit by account, of balanced entries."""
    totals: Counter[str] = Counter()
    for entry in entries:
        assert sum(one.debit for one in entry.postings) == sum(one.credit for one in entry.postings)
        for posting in entry.postings:
            assert posting.account in ACCOUNTS
            assert (posting.debit > 0) != (posting.credit > 0)
            totals[posting.account] += posting.debit - posting.credit
    return Counter({account: total for account, total in totals.items() if total})


@CASES
@given(SEEDS)
def test_shares_of_a_part_are_exact_and_proportional(seed: int) -> None:
    for whole, random in cases(seed):
        amount = random.randint(0, whole.total)

        part = whole.part(amount)

        assert part.total == amount
        for name in ("goods", "tax", "shipping"):
            share, exact = getattr(part, name), getattr(whole, name) * amount
            assert 0 <= share <= getattr(whole, name)
            assert abs(share * whole.total - exact) < max(whole.total, 1)


@CASES
@given(SEEDS)
def test_refunds_reverse_exactly_what_was_captured(seed: int) -> None:
    for whole, random in cases(seed):
        captured = left = whole.part(random.randint(0, whole.total))
        refunded = NOTHING

        while left.total:
            part = left.part(random.randint(1, left.total) if random.random() < 0.8 else left.total)
            left, refunded = left - part, refunded + part
            assert min(left.goods, left.tax, left.shipping) >= 0

        assert refunded == captured


@CASES
@given(SEEDS)
def test_refunds_by_line_and_by_amount_add_up(seed: int) -> None:
    """Lines of an order with 0, 2 or 3 decimals are refunded, or amounts, in any sequence."""
    for whole, random in cases(seed):
        payment = replace(PAYMENT, currency=random.choice(("JPY", "USD", "KWD")), amount=whole.total)
        captured = left = whole.part(random.choice((whole.total, random.randint(0, whole.total))))
        entries = list(capture_entries(payment, captured))

        for number in range(random.randint(1, 5)):
            amount = random.randint(0, left.total)
            requested = Shares(*(random.randint(0, max(1, bound)) for bound in astuple(whole)))
            by_line = random.random() < 0.6
            part = left.part(min(requested.total, left.total), requested) if by_line else left.part(amount)
            entries += refund_entries(payment, f"r{number}", part)
            assert min(astuple(part)) >= 0
            left -= part
            assert min(astuple(left)) >= 0
        entries += refund_entries(payment, "last", left.part(left.total))

        assert {entry.currency for entry in entries} <= {payment.currency}
        goods = captured.goods
        assert taken(entries) == ({"revenue": -goods, "refunds": goods} if goods else {})


def test_requested_shares_are_taken_as_they_are() -> None:
    whole = Shares(1000, 200, 100)

    assert whole.part(360, Shares(300, 60, 0)) == Shares(300, 60, 0)
    assert Shares(700, 10, 100).part(360, Shares(300, 60, 0)) == Shares(340, 10, 10)
    assert whole.part(100, Shares(300, 60, 40)) == Shares(75, 15, 10)


@CASES
@given(SEEDS)
def test_capture_posts_goods_tax_and_shipping(seed: int) -> None:
    for shares, _ in cases(seed):
        totals = taken(capture_entries(PAYMENT, shares))

        posted = {"provider_clearing": shares.total, "revenue": -shares.goods, "tax_payable": -shares.tax}
        posted["shipping_income"] = -shares.shipping
        assert totals == {account: amount for account, amount in posted.items() if amount}


@CASES
@given(SEEDS)
def test_full_refund_leaves_no_tax_shipping_or_clearing(seed: int) -> None:
    for shares, random in cases(seed):
        entries, left = list(capture_entries(PAYMENT, shares)), shares
        for number in range(random.randint(0, 4)):
            part = left.part(random.randint(0, left.total))
            entries += refund_entries(PAYMENT, f"r{number}", part)
            left -= part
        entries += refund_entries(PAYMENT, "last", left)

        assert taken(entries) == ({"revenue": -shares.goods, "refunds": shares.goods} if shares.goods else {})


@CASES
@given(SEEDS)
def test_failed_refund_and_won_dispute_are_reversed(seed: int) -> None:
    for shares, random in cases(seed):
        captured, fee = list(capture_entries(PAYMENT, shares)), random.randint(0, 5000)
        undone: list[Entry] = [*refund_entries(PAYMENT, "r", shares), *failed_refund_entries(PAYMENT, "r", shares)]
        undone += dispute_entries(PAYMENT, "d:1", shares.total, fee)
        undone += dispute_entries(PAYMENT, "d:2", -shares.total, -fee)

        assert taken((*captured, *undone)) == taken(captured)


def test_lost_dispute_costs_the_amount_and_the_fee() -> None:
    (entry,) = dispute_entries(PAYMENT, "d:1", 1000, 1500)

    assert entry.kind == "dispute"
    assert taken([entry]) == {"disputes": 1000, "fees": 1500, "provider_clearing": -2500}


def test_entry_of_nothing_is_not_made() -> None:
    assert list(capture_entries(PAYMENT, NOTHING)) == []


def test_shares_of_more_than_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="4 is no part of 3"):
        Shares(1, 1, 1).part(4)


def test_payment_knows_its_shares() -> None:
    payment = replace(PAYMENT, tax=100, shipping=50, captured=500, captured_tax=50, captured_shipping=25)
    payment = replace(payment, refunded=100, refunded_tax=10, refunded_shipping=5)

    assert payment.shares == Shares(850, 100, 50)
    assert payment.captured_shares == Shares(425, 50, 25)
    assert payment.refunded_shares == Shares(85, 10, 5)


@pytest.mark.parametrize(("tax", "shipping", "field"), [(1001, 0, "tax"), (600, 401, "shipping"), (-1, 0, "tax")])
def test_tax_and_shipping_are_parts_of_the_amount(tax: int, shipping: int, field: str) -> None:
    fields = {"payment_id": PAYMENT.id, "order_id": PAYMENT.id, "amount": 1000, "currency": "USD"}
    fields |= {"provider": "sandbox", "token": "pm_card_visa", "email": "ada@example.com"}

    assert Authorise.model_validate(fields | {"tax": 600, "shipping": 400}).shipping == 400
    with pytest.raises(ValidationError) as refused:
        Authorise.model_validate(fields | {"tax": tax, "shipping": shipping})
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]
