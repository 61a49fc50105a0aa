"""The provider's fees: posted once for each of its balance transactions, when they are known."""

import pytest
from sqlalchemy import text

from schemas.api.ledger import EntriesQuery
from services.chassis.common.ids import new_id
from services.payments.domain import Payment
from services.payments.processor import PaymentProcessor
from services.payments.provider_calls import ProviderCalls
from services.payments.providers.resilience import Caller
from services.payments.providers.sandbox import SandboxProvider
from tests.service.payments.conftest import Shop, StripeShop, balances

FEE = 59


def fees(shop: Shop | StripeShop, payment: Payment) -> list[tuple[int, int, str]]:
    """(debit, credit, currency) of the payment's postings to `fees`."""
    query = EntriesQuery(payment_id=payment.id, account="fees", kind="fee")
    lines = shop.store.ledger_lines(query)["items"]
    return [(line["debit"]["amount"], line["credit"]["amount"], line["currency"]) for line in lines]


def test_fee_is_posted_with_the_capture(stripe_shop: StripeShop) -> None:
    stripe_shop.stripe.fee = FEE

    payment = stripe_shop.paid()

    assert balances(stripe_shop.store, payment) == {"provider_clearing": 1000 - FEE, "revenue": -1000, "fees": FEE}


def test_fee_that_is_known_later_is_posted_once(stripe_shop: StripeShop) -> None:
    stripe_shop.stripe.fee, stripe_shop.stripe.balance_lags = FEE, True
    payment = stripe_shop.paid()
    stripe_shop.processor.compare(payment.id)
    assert fees(stripe_shop, payment) == []

    stripe_shop.stripe.balance_lags = False
    for _ in range(3):
        stripe_shop.processor.compare(payment.id)

    assert fees(stripe_shop, payment) == [(FEE, 0, "USD")]


def test_fee_of_a_lost_capture_reply_is_posted_once(stripe_shop: StripeShop) -> None:
    stripe_shop.stripe.fee = FEE
    payment = stripe_shop.pay()
    stripe_shop.stripe.lose("/capture", times=1)
    stripe_shop.processor.capture(payment.id, None)

    stripe_shop.processor.compare(payment.id)

    assert fees(stripe_shop, payment) == [(FEE, 0, "USD")]


def test_fee_of_a_capture_in_the_dashboard_is_posted(stripe_shop: StripeShop) -> None:
    stripe_shop.stripe.fee = FEE
    payment = stripe_shop.pay()
    stripe_shop.stripe.capture_by_hand(str(payment.reference), 1000)

    stripe_shop.processor.compare(payment.id)

    assert fees(stripe_shop, payment) == [(FEE, 0, "USD")]


@pytest.mark.parametrize(("currency", "fee", "posted"), [("EUR", 59, 59), ("JPY", 59, 59), ("KWD", 590, 590)])
def test_fee_is_in_the_currency_of_the_balance(stripe_shop: StripeShop, currency: str, fee: int, posted: int) -> None:
    stripe_shop.stripe.fee, stripe_shop.stripe.balance_currency = fee, currency.lower()

    payment = stripe_shop.paid()

    assert fees(stripe_shop, payment) == [(posted, 0, currency)]


def test_fee_for_a_refund_and_its_return_are_posted(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.paid()
    for amount, fee in ((300, 20), (200, -7)):
        stripe_shop.processor.refund(payment.id, amount, None, new_id(), None)
        refund = list(stripe_shop.stripe.refunds.values())[-1]
        refund["balance_transaction"] = stripe_shop.stripe._movement(-amount, fee, "usd")

    stripe_shop.processor.compare(payment.id)

    assert sorted(fees(stripe_shop, payment)) == [(0, 7, "USD"), (20, 0, "USD")]
    assert balances(stripe_shop.store, payment)["provider_clearing"] == 500 - 13


def test_fee_of_a_dispute_is_posted_with_the_dispute(stripe_shop: StripeShop) -> None:
    stripe_shop.stripe.fee = FEE
    payment = stripe_shop.paid()
    stripe_shop.stripe.dispute(str(payment.reference))

    for _ in range(2):
        stripe_shop.processor.compare(payment.id)

    assert balances(stripe_shop.store, payment)["fees"] == FEE + 1500
    assert fees(stripe_shop, payment) == [(FEE, 0, "USD")]


@pytest.mark.parametrize(("basis_points", "expected"), [(0, []), (290, [(29, 0, "USD")])])
def test_sandbox_charges_its_configured_fee(
    shop: Shop, basis_points: int, expected: list[tuple[int, int, str]]
) -> None:
    sandbox = SandboxProvider(shop.bank, "secret", 0.05, basis_points)
    processor = PaymentProcessor(ProviderCalls(shop.store, {"sandbox": sandbox}, {"sandbox": Caller("sandbox")}))
    payment = processor.authorise(shop.command())
    processor.capture(payment.id, None)

    processor.compare(payment.id)

    assert fees(shop, payment) == expected


def test_crashed_capture_posts_its_fee_once(shop: Shop) -> None:
    shop.sandbox._fee_basis_points = 100
    payment = shop.pay()
    shop.crash_during(lambda: shop.processor.capture(payment.id, None))

    shop.processor.finish(payment.id)
    shop.processor.compare(payment.id)

    assert fees(shop, payment) == [(10, 0, "USD")]


def test_fee_is_posted_in_the_transaction_of_the_capture(shop: Shop) -> None:
    shop.sandbox._fee_basis_points = 100
    payment = shop.paid()

    with shop.store.reading() as connection:
        query = text("select count(distinct transaction_id::text) from ledger_entries where payment_id = :id")
        assert connection.execute(query, {"id": payment.id}).scalar_one() == 1
