"""Vendors' shares of the goods to the minor unit, and what is owed to them after any sequence of refunds."""

from collections import Counter
from dataclasses import astuple, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.api.payments import RefundedParts, RefundOrder
from services.payments.domain import Payment, ledger, vendor_shares
from services.payments.domain.shares import Shares
from services.payments.domain.vendor_shares import VendorShare

PAYMENT = Payment("0197a000-0000-7000-8000-000000000002", "order", "ada", "sandbox", "captured", 1000, "USD")
SEEDS = st.integers(0, 2**32)
CASES = settings(max_examples=100, deadline=None, database=None)
VENDORS = ("potter", "smith")


def order_of(random: Random) -> tuple[Shares, dict[str, VendorShare]]:
    """An order's parts, and the shares of its vendors less a commission."""
    bound = random.choice((3, 100, 10**7))
    goods = {vendor: random.randint(0, bound) for vendor in VENDORS}
    shares = Shares(sum(goods.values()) + random.randint(0, bound), random.randint(0, bound), random.randint(0, bound))
    return shares, vendor_shares.less_commission(goods, random.choice((0, 1, 1250, 10_000)))


def balances(entries: list[ledger.Entry]) -> Counter[tuple[str, str | None]]:
    """Debit less credit by account and vendor, of balanced entries."""
    totals: Counter[tuple[str, str | None]] = Counter()
    for entry in entries:
        assert sum(one.debit for one in entry.postings) == sum(one.credit for one in entry.postings)
        for posting in entry.postings:
            totals[posting.account, posting.vendor_id] += posting.debit - posting.credit
    return Counter({account: total for account, total in totals.items() if total})


@CASES
@given(SEEDS)
def test_refunds_in_any_sequence_leave_nothing_owed(seed: int) -> None:
    """Refunds by line, with the vendors' goods, and by amount; orders with 0, 2 and 3 decimals."""
    random = Random(seed)
    for _ in range(20):
        shares, sold = order_of(random)
        payment = replace(PAYMENT, currency=random.choice(("JPY", "USD", "KWD")))
        left = shares.part(random.choice((shares.total, random.randint(0, shares.total))))
        owed = vendor_shares.part(sold, shares.goods, left.goods)
        captured, entries = left, list(ledger.capture_entries(payment, left, owed))

        for number in range(random.randint(0, 4)):
            requested = Shares(*(random.randint(0, max(1, bound)) for bound in astuple(shares)))
            goods = {vendor: random.randint(0, max(1, requested.goods)) for vendor in VENDORS}
            by_line = random.random() < 0.6
            amount = min(requested.total, left.total)
            part = left.part(amount, requested if by_line else None)
            vendors = vendor_shares.part(owed, left.goods, part.goods, goods if by_line else None)
            entries += ledger.refund_entries(payment, f"r{number}", part, vendors)
            left, owed = left - part, vendor_shares.subtract(owed, vendors)
            assert all(0 <= share.payable <= share.goods for share in owed.values())
            assert sum(share.goods for share in owed.values()) <= left.goods
        last = vendor_shares.part(owed, left.goods, left.goods)
        entries += ledger.refund_entries(payment, "last", left, last)

        assert last == owed
        expected = {("revenue", None): -captured.goods, ("refunds", None): captured.goods} if captured.goods else {}
        assert balances(entries) == expected


@CASES
@given(SEEDS)
def test_failed_refund_is_owed_again(seed: int) -> None:
    shares, sold = order_of(Random(seed))
    captured = list(ledger.capture_entries(PAYMENT, shares, sold))
    undone = [
        *ledger.refund_entries(PAYMENT, "r", shares, sold),
        *ledger.failed_refund_entries(PAYMENT, "r", shares, sold),
    ]

    assert balances([*captured, *undone]) == balances(captured)


def test_vendors_are_owed_their_goods_less_the_commission() -> None:
    shares = vendor_shares.less_commission({"potter": 1999, "smith": 0}, 1250)

    assert shares == {"potter": VendorShare(1999, 1749)}
    assert balances(list(ledger.capture_entries(PAYMENT, Shares(2500, 200, 300), shares))) == {
        ("provider_clearing", None): 3000,
        ("revenue", None): -751,
        ("vendor_payable", "potter"): -1749,
        ("tax_payable", None): -200,
        ("shipping_income", None): -300,
    }


def test_refund_of_a_line_takes_from_its_vendor_only() -> None:
    left = {"potter": VendorShare(1000, 900), "smith": VendorShare(500, 450)}

    assert vendor_shares.part(left, 2000, 300, {"smith": 300}) == {"smith": VendorShare(300, 270)}
    assert vendor_shares.part(left, 2000, 300, {}) == {}
    assert vendor_shares.part(left, 2000, 400) == {"potter": VendorShare(200, 180), "smith": VendorShare(100, 90)}


def test_parts_of_a_refund_are_within_its_amount() -> None:
    fields = {"payment_id": PAYMENT.id, "refund_id": PAYMENT.id, "amount": 100}

    parts = RefundedParts(tax=10, shipping=10, vendors={"potter": 80})
    assert RefundOrder(**fields, parts=parts).parts == parts
    with pytest.raises(ValidationError, match="they must not exceed it"):
        RefundOrder(**fields, parts=parts.model_copy(update={"vendors": {"potter": 81}}))
