"""Entries of the double-entry ledger: the postings of each change of a payment.

Debits and credits of an entry are equal. Assets (`customer_receivable`, `provider_clearing`) and costs (`refunds`,
`fees`, `disputes`) grow by debits; revenue, income and liabilities (`revenue`, `shipping_income`, `tax_payable`,
`vendor_payable`) by credits.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, get_args

from schemas.api.ledger import Account
from services.payments.domain.payment import Payment
from services.payments.domain.shares import Shares
from services.payments.domain.vendor_shares import VendorShares

NO_VENDORS: Final[VendorShares] = MappingProxyType({})
ACCOUNTS: Final[tuple[str, ...]] = get_args(Account)


@dataclass(frozen=True)
class Posting:
    """A debit or a credit of one account, in minor units; the other side is 0."""

    account: str
    debit: int = 0
    credit: int = 0
    vendor_id: str | None = None
    """Of `vendor_payable`: an account of each vendor."""

    @property
    def reversed(self) -> "Posting":
        return Posting(self.account, self.credit, self.debit, self.vendor_id)


@dataclass(frozen=True)
class Entry:
    """Postings that belong together; `reference` names what happened, which is posted once."""

    reference: str
    kind: str
    payment_id: str
    order_id: str
    currency: str
    postings: tuple[Posting, ...]


def capture_entries(payment: Payment, shares: Shares, vendors: VendorShares = NO_VENDORS) -> Iterator[Entry]:
    """The customer owes the sale, and pays it through the provider; the shop owes vendors their part of the revenue."""
    sold = _credits(("revenue", shares.goods), ("tax_payable", shares.tax), ("shipping_income", shares.shipping))
    owed = Posting("customer_receivable", debit=shares.total)
    paid = (Posting("provider_clearing", debit=shares.total), Posting("customer_receivable", credit=shares.total))
    yield from _entry(payment, f"sale:{payment.id}", "sale", (owed, *sold))
    yield from _entry(payment, f"capture:{payment.id}", "capture", paid)
    yield from _entry(payment, f"vendor_share:{payment.id}", "vendor_share", _vendor_postings(vendors))


def refund_entries(
    payment: Payment, refund_id: str, shares: Shares, vendors: VendorShares = NO_VENDORS
) -> Iterator[Entry]:
    """The shop owes the refund to the customer, and pays it through the provider. Tax and shipping are taken back, and
    what vendors were owed for the goods.
    """
    credited = _credits(("refunds", shares.goods), ("tax_payable", shares.tax), ("shipping_income", shares.shipping))
    given_back = (*(one.reversed for one in credited), Posting("customer_receivable", credit=shares.total))
    paid = (Posting("customer_receivable", debit=shares.total), Posting("provider_clearing", credit=shares.total))
    yield from _entry(payment, f"credit_note:{refund_id}", "credit_note", given_back)
    yield from _entry(payment, f"refund:{refund_id}", "refund", paid)
    taken_back = tuple(one.reversed for one in _vendor_postings(vendors))
    yield from _entry(payment, f"vendor_refund:{refund_id}", "vendor_refund", taken_back)


def failed_refund_entries(
    payment: Payment, refund_id: str, shares: Shares, vendors: VendorShares = NO_VENDORS
) -> Iterator[Entry]:
    """A refund that came back to the provider after it had been recorded: what it posted, reversed."""
    for entry in refund_entries(payment, refund_id, shares, vendors):
        yield from _entry(
            payment, f"{entry.reference}:failed", f"{entry.kind}_failed", tuple(one.reversed for one in entry.postings)
        )


def dispute_entries(payment: Payment, reference: str, withdrawn: int, fee: int) -> Iterator[Entry]:
    """The amount that the provider withdraws for a dispute, with its fee; negative amounts are given back."""
    amounts = (*_signed("disputes", withdrawn), *_signed("fees", fee), *_signed("provider_clearing", -withdrawn - fee))
    yield from _entry(payment, f"dispute:{reference}", "dispute" if withdrawn + fee > 0 else "dispute_won", amounts)


def fee_entry(payment: Payment, reference: str, fee: int, currency: str) -> Iterator[Entry]:
    """The provider's fee for a charge or refund, in the currency of its balance; a negative one is given back."""
    amounts = (*_signed("fees", fee), *_signed("provider_clearing", -fee))
    yield from _entry(replace(payment, currency=currency), f"fee:{payment.provider}:{reference}", "fee", amounts)


def _entry(payment: Payment, reference: str, kind: str, postings: tuple[Posting, ...]) -> Iterator[Entry]:
    """The entry, or none when nothing is posted, such as for an order that costs nothing."""
    moved = tuple(posting for posting in postings if posting.debit or posting.credit)
    if moved:
        yield Entry(reference, kind, payment.id, payment.order_id, payment.currency, moved)


def _vendor_postings(vendors: VendorShares) -> tuple[Posting, ...]:
    """The revenue that is owed to vendors, by vendor."""
    owed = sum(share.payable for share in vendors.values())
    credits = (Posting("vendor_payable", credit=share.payable, vendor_id=name) for name, share in vendors.items())
    return (Posting("revenue", debit=owed), *credits)


def _credits(*amounts: tuple[str, int]) -> tuple[Posting, ...]:
    return tuple(Posting(account, credit=amount) for account, amount in amounts if amount)


def _signed(account: str, amount: int) -> tuple[Posting, ...]:
    """A debit of a positive amount, a credit of a negative one."""
    if not amount:
        return ()
    return (Posting(account, debit=amount) if amount > 0 else Posting(account, credit=-amount),)
