"""The double-entry ledger: accounts and postings."""

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from schemas.base import Currency, Cursor, Id, Moment, Money, Schema

MAX_TOTAL: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly."""

Account = Literal[
    "customer_receivable",
    "provider_clearing",
    "revenue",
    "tax_payable",
    "shipping_income",
    "refunds",
    "fees",
    "disputes",
    "vendor_payable",
]
EntryKind = Literal[
    "sale",
    "capture",
    "credit_note",
    "refund",
    "credit_note_failed",
    "refund_failed",
    "dispute",
    "dispute_won",
    "fee",
    "vendor_share",
    "vendor_refund",
    "vendor_refund_failed",
]


def _day(text: Any) -> date:
    if isinstance(text, date):
        return text
    try:
        day = date.fromisoformat(text) if isinstance(text, str) and len(text) == 10 else None
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year <= 2100:
        raise ValueError("must be a day between 2000 and 2100, such as 2026-01-31")
    return day


Day = Annotated[date, BeforeValidator(_day)]
"""A day in UTC."""
_Page = Annotated[int, Field(ge=1, le=10_000)]
_Limit = Annotated[int, Field(ge=1, le=100)]


def _not_before_from(last: date, others: ValidationInfo) -> date:
    first = others.data.get("from_")
    if first is not None and last < first:
        raise ValueError("must not be before from")
    return last


def _no_other_days(day: date, others: ValidationInfo) -> date:
    if others.data.get("from_") is not None or others.data.get("to") is not None:
        raise ValueError("can't be combined with from and to")
    return day


class _Period(Schema):
    """Days in UTC, both included."""

    from_: Day | None = Field(None, alias="from")
    to: Annotated[Day, AfterValidator(_not_before_from)] | None = None

    @property
    def is_dated(self) -> bool:
        return self.from_ is not None or self.to is not None


class AccountsQuery(_Period):
    """Trial balance: the sums of all time, those at the end of a `date`, or the movements `from` a day `to` a day."""

    date: Annotated[Day, AfterValidator(_no_other_days)] | None = None
    currency: Currency | None = None
    vendor_id: Id | None = None
    """What is owed to this vendor."""
    page: _Page = 1
    limit: _Limit = 100
    cursor: Cursor | None = None

    @property
    def is_dated(self) -> bool:
        return super().is_dated or self.date is not None


class EntriesQuery(_Period):
    """Postings of the ledger, the newest first."""

    payment_id: Id | None = None
    order_id: Id | None = None
    account: Account | None = None
    currency: Currency | None = None
    kind: EntryKind | None = None
    vendor_id: Id | None = None
    page: _Page = 1
    limit: _Limit = 20
    cursor: Cursor | None = None


class Total(BaseModel):
    """A sum in minor units of one currency; unlike a price it has no bound but JSON's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    amount: Annotated[int, Field(ge=-MAX_TOTAL, le=MAX_TOTAL)]
    currency: Currency


class LedgerAccount(Schema):
    """An account in one currency. `balance` is debit less credit."""

    account: Account
    currency: Currency
    debit: Total
    credit: Total
    balance: Total


class LedgerLine(Schema):
    """A posting of an entry: a debit or a credit of one account. The lines of one `entry_id` are balanced."""

    id: str
    entry_id: str
    at: Moment
    account: Account
    debit: Money
    credit: Money
    currency: Currency
    vendor_id: str | None = None
    """Of `vendor_payable`."""
    payment_id: str
    order_id: str
    kind: EntryKind
