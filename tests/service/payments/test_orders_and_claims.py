"""Requests of the orders service, and concurrent operations on one payment."""

import time
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from services.chassis.common.errors import IdempotencyKeyReused, InvalidState, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.payments.domain import Payment
from services.payments.processor import PaymentProcessor
from services.payments.provider_calls import ProviderCalls
from services.payments.providers.resilience import Caller
from tests.service.payments.conftest import Shop, run_concurrently

ORDER_REASON = "lines_cancelled"


def refund_order(shop: Shop, payment: Payment, amount: int, refund_id: str | None = None) -> Payment:
    return shop.processor.refund_order(payment.id, refund_id or new_id(), amount, ORDER_REASON)


def test_order_needs_the_whole_amount_captured(shop: Shop) -> None:
    payment = shop.pay()
    shop.processor.capture(payment.id, 1)

    with pytest.raises(InvalidState) as refused:
        shop.processor.capture_whole(payment.id)

    assert refused.value.details == [{"reason": "captured_in_part", "captured": 1, "amount": 1000}]
    assert shop.reverse(payment).status == "refunded"


def test_order_capture_is_repeatable(shop: Shop) -> None:
    payment = shop.pay()
    for _ in range(2):
        assert shop.processor.capture_whole(payment.id).captured == 1000


def test_order_lines_are_refunded_once_per_id(shop: Shop) -> None:
    payment, refund_id = shop.paid(), new_id()

    states = run_concurrently(4, lambda _: refund_order(shop, payment, 300, refund_id).refunded)

    assert states == [300] * 4
    assert shop.at_bank(payment) == ("captured", 1000, 300)
    with pytest.raises(IdempotencyKeyReused):
        refund_order(shop, payment, 301, refund_id)


def test_order_refund_takes_what_is_left(shop: Shop) -> None:
    payment = shop.paid()
    refund_order(shop, payment, 800)

    assert refund_order(shop, payment, 300).refunded == 1000
    before = shop.refunds(payment)
    assert refund_order(shop, payment, 300).status == "refunded"

    assert shop.refunds(payment) == before == [(200, "succeeded", "order"), (800, "succeeded", "order")]
    assert shop.reverse(payment).refunded == 1000


def test_reversal_refunds_what_order_refunds_left(shop: Shop) -> None:
    payment = shop.paid()
    refund_order(shop, payment, 300)

    assert shop.reverse(payment).refunded == 1000

    assert shop.refunds(payment) == [(300, "succeeded", "order"), (700, "succeeded", "reversal")]


def test_order_refund_counts_refunds_at_the_bank(shop: Shop) -> None:
    payment = shop.paid()
    shop.bank.refund("by-hand", payment.reference or "", 900)

    assert refund_order(shop, payment, 300).refunded == 1000

    assert shop.refunds(payment) == [(100, "succeeded", "order"), (900, "succeeded", "provider")]


def test_uncaptured_payment_has_no_order_refund(shop: Shop) -> None:
    payment = shop.pay()
    with pytest.raises(InvalidState) as refused:
        refund_order(shop, payment, 300)
    assert refused.value.details == [{"status": "authorized"}]
    assert refund_order(shop, shop.reverse(payment), 300).status == "voided"


def test_reversal_after_a_refund_at_the_bank_ends(shop: Shop) -> None:
    payment = shop.paid()
    shop.bank.refund("by-hand-2", payment.reference or "", 400)

    for _ in range(2):
        assert shop.reverse(payment).refunded == 1000

    assert shop.refunds(payment) == [(400, "succeeded", "provider"), (600, "succeeded", "reversal")]
    assert shop.audited("payment.refund", payment) == [{"refunded": (400, 1000)}]
    assert shop.event_types(payment)[-2:] == ["payment_refunded", "payment_refunded"]


def test_refused_reversal_leaves_no_refund_and_no_audit(shop: Shop) -> None:
    payment = shop.paid()
    shop.bank.dispute(payment.reference or "")

    for _ in range(3):
        with pytest.raises(InvalidState) as refused:
            shop.reverse(payment)

    assert [(one["reason"], bool(one["message"])) for one in refused.value.details] == [("disputed", True)]
    assert shop.refunds(payment) == []
    assert shop.audited("payment.refund", payment) == []


def test_key_of_a_refund_of_the_rest_takes_no_amount(shop: Shop) -> None:
    payment, refund_id = shop.paid(), new_id()
    shop.refund(payment, None, refund_id)
    shop.refund(payment, None, refund_id)
    with pytest.raises(IdempotencyKeyReused):
        shop.refund(payment, 1000, refund_id)


def test_fifty_refunds_at_once_take_no_more_than_captured(shop: Shop) -> None:
    payment = shop.paid()
    shop.calls.wait = 60

    outcomes = run_concurrently(50, lambda _: shop.refund(payment, 30))

    assert outcomes.count(None) == 33
    assert shop.now(payment) == ("partially_refunded", 1000, 990)
    assert shop.at_bank(payment) == ("captured", 1000, 990)


def test_second_operation_waits_a_bounded_time(shop: Shop) -> None:
    payment = shop.pay()
    shop.calls.wait = 0.1
    with shop.calls.claimed(payment.id), pytest.raises(ServiceUnavailable):
        shop.processor.capture(payment.id, None)
    assert shop.processor.capture(payment.id, None).status == "captured"


def test_claim_of_a_dead_process_expires(shop: Shop) -> None:
    payment = shop.pay()
    shop.store.claim_payment(payment.id, lease=0.3)  # its process dies

    assert shop.processor.capture(payment.id, None).status == "captured"


def test_process_that_lost_its_claim_records_nothing(shop: Shop) -> None:
    payment = shop.pay()
    slow = shop.store.claim_payment(payment.id, lease=0)
    assert slow is not None
    shop.processor.operations.records.plan(slow, "capture", f"{payment.id}:capture:1000", 1000)
    shop.bank.capture(f"{payment.id}:capture:1000", payment.reference or "", 1000)

    assert shop.reverse(payment).status == "refunded"  # by another process, meanwhile
    with pytest.raises(ServiceUnavailable):
        shop.processor.operations.records.capture(slow, 1000)

    assert shop.now(payment) == ("refunded", 1000, 1000)


def test_no_transaction_is_open_during_provider_calls(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    payment, open_transactions = shop.paid(), []
    refund = shop.sandbox.refund
    query = text(
        "select count(*) from pg_locks where locktype = 'relation' and mode = 'RowExclusiveLock' "
        "and relation = 'payments'::regclass"
    )

    def watched(*arguments: Any) -> str:
        with shop.store.reading() as connection:
            open_transactions.append(connection.execute(query).scalar_one())
        return refund(*arguments)

    monkeypatch.setattr(shop.sandbox, "refund", watched)
    shop.refund(payment, 300)

    assert open_transactions == [0]


def test_slow_calls_on_one_payment_do_not_hold_another(shop: Shop) -> None:
    payments = [shop.pay() for _ in range(6)]
    shop.sandbox.capture = slowed(shop.sandbox.capture)  # type: ignore[method-assign]

    began = time.monotonic()
    run_concurrently(6, lambda index: shop.processor.capture(payments[index].id, None))

    assert time.monotonic() - began < 6 * 0.3


def slowed(work: Any) -> Any:
    def slow(*arguments: Any) -> Any:
        time.sleep(0.3)
        return work(*arguments)

    return slow


@contextmanager
def another_process(shop: Shop) -> Any:
    """A processor of another process, with its own breaker."""
    yield PaymentProcessor(ProviderCalls(shop.store, {"sandbox": shop.sandbox}, {"sandbox": Caller("sandbox")}))


def test_two_processes_race_on_one_payment(shop: Shop) -> None:
    payment = shop.pay()
    with another_process(shop) as other:
        operations = [
            lambda: shop.processor.capture(payment.id, None),
            lambda: other.reverse(payment, "order_cancelled"),
            lambda: other.capture(payment.id, None),
            lambda: shop.refund(payment, 100),
        ]
        run_concurrently(4, lambda index: operations[index]())
        final = shop.reverse(payment)

    assert final.captured == final.refunded
    assert shop.now(payment)[1:] == shop.at_bank(payment)[1:]
