"""The ledger in PostgreSQL: written with the payment, balanced at each commit, never changed."""

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from nameko.testing.services import worker_factory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from schemas.api.ledger import AccountsQuery, EntriesQuery, LedgerAccount, LedgerLine
from schemas.base import Page
from services.chassis.common import clock
from services.chassis.common.ids import new_id
from services.chassis.dynamic_config import config
from services.chassis.messaging.signatures import Signature, jsonable
from services.payments.domain import Payment, RefundParts
from services.payments.domain.ledger import Entry, Posting
from services.payments.providers.installed import Installed
from services.payments.service import PaymentsService
from tests.service.payments.conftest import CrashingStore, Shop, balances

POSTING = (
    "insert into ledger_postings (id, entry_id, account, currency, debit, credit) values (:i, :e, :a, :cur, :d, :c)"
)
COMMISSION = "payments.vendor_commission_percent"
POTTER, SMITH = new_id(), new_id()
ADMIN = {"user_id": new_id(), "roles": ["ADMIN"]}


@pytest.fixture
def call(payment_store: CrashingStore, shop: Shop) -> Any:
    service = worker_factory(PaymentsService, store=payment_store, providers=Installed({"sandbox": shop.sandbox}))

    def rpc(method: str, **kwargs: Any) -> Any:
        contract = Signature(getattr(PaymentsService, method))
        return jsonable(getattr(service, method)(*contract.arguments([], kwargs)))

    return rpc


def paid(shop: Shop, amount: int = 1000, captured: int | None = None, **values: Any) -> Payment:
    payment = shop.processor.authorise(shop.command(amount=amount, **values))
    return shop.processor.capture(payment.id, captured)


@pytest.mark.parametrize("currency", ["JPY", "USD", "KWD"])
def test_capture_is_posted_with_its_shares(shop: Shop, currency: str) -> None:
    payment = paid(shop, currency=currency, tax=160, shipping=90)

    assert balances(shop.store, payment) == {
        "provider_clearing": 1000,
        "revenue": -750,
        "tax_payable": -160,
        "shipping_income": -90,
    }


def test_partial_capture_shares_tax_and_shipping_out(shop: Shop) -> None:
    payment = paid(shop, captured=333, tax=160, shipping=90)

    assert balances(shop.store, payment) == {
        "provider_clearing": 333,
        "revenue": -250,
        "tax_payable": -53,
        "shipping_income": -30,
    }


def test_refunds_take_back_what_was_captured(shop: Shop) -> None:
    payment = paid(shop, tax=160, shipping=91)
    for amount in (1, 333, 7):
        shop.refund(payment, amount)
    shop.reverse(payment)

    assert balances(shop.store, payment) == {"revenue": -749, "refunds": 749}


def test_refund_of_lines_takes_back_their_own_parts(shop: Shop) -> None:
    payment = paid(shop, tax=160, shipping=90)
    parts = RefundParts(tax=0, shipping=40)

    shop.processor.refund_order(payment.id, new_id(), 440, "lines_cancelled", parts)
    shop.refund(payment, 100)

    assert balances(shop.store, payment) == {
        "provider_clearing": 460,
        "revenue": -750,
        "refunds": 462,
        "tax_payable": -131,
        "shipping_income": -41,
    }
    shop.reverse(payment)
    assert balances(shop.store, payment) == {"revenue": -750, "refunds": 750}


def test_crashed_refund_of_lines_has_its_parts(shop: Shop) -> None:
    payment, refund_id, parts = paid(shop, tax=160, shipping=90), new_id(), RefundParts(tax=160, shipping=0)
    shop.crash_during(lambda: shop.processor.refund_order(payment.id, refund_id, 500, "lines_cancelled", parts))

    shop.processor.finish(payment.id)

    assert "tax_payable" not in balances(shop.store, payment)
    assert balances(shop.store, payment)["refunds"] == 340


def owed(shop: Shop, payment: Payment) -> dict[str, int]:
    """Credit less debit of `vendor_payable` by vendor, of one payment."""
    lines = shop.store.ledger_lines(EntriesQuery(payment_id=payment.id, account="vendor_payable"))["items"]
    totals: Counter[str] = Counter()
    for line in lines:
        totals[line["vendor_id"]] += line["credit"]["amount"] - line["debit"]["amount"]
    return {vendor: total for vendor, total in totals.items() if total}


def test_vendors_are_owed_their_goods_from_the_capture_on(shop: Shop) -> None:
    command = shop.command(tax=100, shipping=100, vendors={POTTER: 500, SMITH: 200})
    payment = shop.processor.authorise(command, 1000)
    assert owed(shop, payment) == {}

    shop.processor.capture(payment.id, None)

    assert owed(shop, payment) == {POTTER: 450, SMITH: 180}
    assert balances(shop.store, payment) == {
        "provider_clearing": 1000,
        "revenue": -170,
        "vendor_payable": -630,
        "tax_payable": -100,
        "shipping_income": -100,
    }


def test_refunds_take_back_what_vendors_are_owed(shop: Shop) -> None:
    payment = paid(shop, tax=100, shipping=100, vendors={POTTER: 500, SMITH: 200})
    parts = RefundParts(tax=30, shipping=0, vendors={SMITH: 70})

    shop.crash_during(lambda: shop.processor.refund_order(payment.id, new_id(), 100, "lines_cancelled", parts))
    shop.processor.finish(payment.id)
    assert owed(shop, payment) == {POTTER: 500, SMITH: 130}
    shop.refund(payment, 450)
    assert owed(shop, payment) == {POTTER: 250, SMITH: 65}
    shop.reverse(payment)

    assert balances(shop.store, payment) == {"revenue": -800, "refunds": 800}


def test_partial_capture_owes_vendors_their_part(shop: Shop) -> None:
    payment = paid(shop, captured=500, vendors={POTTER: 600})

    assert owed(shop, payment) == {POTTER: 300}


def test_posting_to_vendors_names_the_vendor(payment_store: CrashingStore) -> None:
    with pytest.raises(DBAPIError, match="vendor_of_payable"):
        write(payment_store, new_id(), [("revenue", "USD", 5, 0), ("vendor_payable", "USD", 0, 5)])


def test_accounts_and_entries_of_a_vendor(call: Any, shop: Shop) -> None:
    vendor = new_id()
    payment = paid(shop, vendors={vendor: 600, POTTER: 100})
    paid(shop, vendors={vendor: 50})

    accounts = call("ledger_accounts", query={"vendor_id": vendor}, caller=ADMIN)["items"]
    entries = call("ledger_entries", query={"vendor_id": vendor, "payment_id": payment.id}, caller=ADMIN)["items"]

    assert [(item["account"], item["balance"]["amount"]) for item in accounts] == [("vendor_payable", -650)]
    assert [(item["vendor_id"], item["kind"], item["credit"]["amount"]) for item in entries] == [
        (vendor, "vendor_share", 600)
    ]


@pytest.fixture
def commission() -> Iterator[None]:
    """A commission of 12.5 %, which an administrator has set."""
    versions = itertools.count(1)
    config.state().apply({COMMISSION: (12.5, next(versions))}, {})
    yield
    config.state().apply({COMMISSION: (None, next(versions))}, {})


@pytest.mark.usefixtures("commission")
def test_commission_is_a_runtime_setting(call: Any, shop: Shop) -> None:
    command = shop.command(vendors={POTTER: 800})
    call("authorise", **command.model_dump())
    call("capture", payment_id=command.payment_id)

    assert owed(shop, shop.store.read(command.payment_id)) == {POTTER: 700}


def test_refund_at_the_bank_is_posted(shop: Shop) -> None:
    payment = paid(shop, tax=100)
    shop.bank.refund(new_id(), payment.reference or "", 400)
    shop.reverse(payment)

    assert balances(shop.store, payment) == {"revenue": -900, "refunds": 900}


def test_crashed_refund_is_posted_once(shop: Shop) -> None:
    payment = paid(shop)
    shop.crash_during(lambda: shop.refund(payment, 300))
    assert balances(shop.store, payment)["provider_clearing"] == 1000

    shop.processor.finish(payment.id)

    assert balances(shop.store, payment)["provider_clearing"] == 700


def test_void_posts_nothing(shop: Shop) -> None:
    payment = shop.pay()
    shop.reverse(payment)
    assert balances(shop.store, payment) == {}


def write(store: CrashingStore, entry_id: str, lines: list[tuple[str, str, int, int]], is_new: bool = True) -> None:
    """Write an entry with these (account, currency, debit, credit) past the service's own code."""
    insert = "insert into ledger_entries (id, reference, kind, payment_id, order_id) values (:e, :e, 'sale', :e, :e)"
    with store.transaction() as session:
        if is_new:
            session.execute(text(insert), {"e": entry_id})
        for account, currency, debit, credit in lines:
            values = {"i": new_id(), "e": entry_id, "a": account, "cur": currency, "d": debit, "c": credit}
            session.execute(text(POSTING), values)


def count(store: CrashingStore, entry_id: str) -> int:
    with store.reading() as connection:
        query = text("select count(*) from ledger_entries where id = :e")
        return int(connection.execute(query, {"e": entry_id}).scalar_one())


def entry(*postings: Posting, reference: str | None = None) -> Entry:
    return Entry(reference or new_id(), "sale", new_id(), new_id(), "USD", postings)


@pytest.mark.parametrize(
    "postings",
    [
        (),
        (Posting("revenue", credit=5),),
        (Posting("provider_clearing", debit=5), Posting("revenue", credit=4)),
        (Posting("provider_clearing", debit=5), Posting("revenue", debit=5)),
        (Posting("provider_clearing", debit=5), Posting("cash", credit=5)),
        (Posting("provider_clearing", debit=5, credit=5), Posting("revenue", debit=5, credit=5)),
        (Posting("provider_clearing", debit=-5), Posting("revenue", credit=-5)),
    ],
)
def test_unbalanced_entry_is_impossible(payment_store: CrashingStore, postings: tuple[Posting, ...]) -> None:
    entry_id = new_id()

    with pytest.raises(DBAPIError):
        write(payment_store, entry_id, [(one.account, "USD", one.debit, one.credit) for one in postings])

    assert count(payment_store, entry_id) == 0


def test_entry_must_balance_in_each_currency(payment_store: CrashingStore) -> None:
    with pytest.raises(DBAPIError, match="not balanced"):
        write(payment_store, new_id(), [("revenue", "USD", 0, 5), ("provider_clearing", "EUR", 5, 0)])


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger_entries set kind = 'refund'",
        "delete from ledger_entries",
        "truncate ledger_entries cascade",
        "update ledger_postings set debit = 1",
        "delete from ledger_postings where false",
        "truncate ledger_postings",
    ],
)
def test_ledger_only_grows(payment_store: CrashingStore, statement: str) -> None:
    with pytest.raises(DBAPIError, match="the ledger only grows"), payment_store.transaction() as session:
        session.execute(text(statement))


def test_nothing_is_posted_to_an_entry_later(shop: Shop) -> None:
    payment = paid(shop)
    with shop.store.reading() as connection:
        query = text("select id from ledger_entries where payment_id = :p limit 1")
        entry_id = connection.execute(query, {"p": payment.id}).scalar_one()

    with pytest.raises(DBAPIError, match="is complete"):
        write(shop.store, entry_id, [("revenue", "USD", 0, 5), ("provider_clearing", "USD", 5, 0)], is_new=False)


def test_what_happened_is_posted_once(payment_store: CrashingStore) -> None:
    once = entry(Posting("provider_clearing", debit=5), Posting("revenue", credit=5))
    with payment_store.transaction() as session:
        payment_store.post(session, [once])
    with pytest.raises(DBAPIError), payment_store.transaction() as session:
        payment_store.post(session, [once])


def test_accounts_are_a_trial_balance(call: Any, shop: Shop) -> None:
    paid(shop, currency="KWD", tax=100)
    page = call("ledger_accounts", query={"currency": "KWD"}, caller=ADMIN)

    Page[LedgerAccount].model_validate(page)
    assert page["total"] == len(page["items"])
    assert sum(item["balance"]["amount"] for item in page["items"]) == 0
    assert {item["currency"] for item in page["items"]} == {"KWD"}
    receivable = next(item for item in page["items"] if item["account"] == "customer_receivable")
    assert receivable["debit"] == receivable["credit"]


def test_trial_balance_is_by_day(shop: Shop) -> None:
    paid(shop)
    today = clock.now().date()

    def debit(**days: Any) -> int:
        query = AccountsQuery.model_validate({"currency": "USD"} | days)
        accounts = shop.store.ledger_accounts(query)["items"]
        return sum(item["debit"]["amount"] for item in accounts)

    everything = debit()
    assert everything > 0
    assert debit(date=str(today)) == debit(**{"from": str(today), "to": str(today)}) == everything
    assert debit(date=str(today - timedelta(days=1))) == debit(to=str(today - timedelta(days=1))) == 0
    assert debit(**{"from": str(today + timedelta(days=1))}) == 0


def test_entries_of_a_payment_are_listed(call: Any, shop: Shop) -> None:
    payment = paid(shop, tax=100)
    page = call("ledger_entries", query={"payment_id": payment.id, "limit": 2, "page": 2}, caller=ADMIN)

    Page[LedgerLine].model_validate(page)
    assert (page["total"], len(page["items"]), page["page"]) == (5, 2, 2)
    assert {item["payment_id"] for item in page["items"]} == {payment.id}
    everything = call("ledger_entries", query={"payment_id": payment.id}, caller=ADMIN)["items"]
    assert Counter(item["kind"] for item in everything) == {"sale": 3, "capture": 2}
    only = call("ledger_entries", query={"order_id": payment.order_id, "account": "tax_payable"}, caller=ADMIN)["items"]
    assert [item["credit"] for item in only] == [{"amount": 100, "currency": "USD"}]
