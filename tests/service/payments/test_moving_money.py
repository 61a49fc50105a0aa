"""Captures, refunds and reversals: idempotency, bounds, concurrency, and crashes after the provider's reply."""

import pytest

from services.chassis.common.errors import IdempotencyKeyReused, InvalidState, NotFound, ValidationFailed
from services.chassis.common.ids import new_id
from services.payments.domain import Payment
from tests.service.payments.conftest import Shop, run_concurrently


def test_repeated_capture_takes_the_amount_once(shop: Shop) -> None:
    payment = shop.pay()

    for _ in range(2):
        shop.processor.capture(payment.id, None)

    assert shop.now(payment) == shop.at_bank(payment) == ("captured", 1000, 0)
    assert shop.event_types(payment) == ["payment_authorized", "payment_captured"]


def test_concurrent_captures_take_the_amount_once(shop: Shop) -> None:
    payment = shop.pay()

    outcomes = run_concurrently(8, lambda _: shop.processor.capture(payment.id, None))

    assert outcomes == [shop.store.read(payment.id)] * 8
    assert shop.now(payment) == shop.at_bank(payment) == ("captured", 1000, 0)
    assert shop.event_types(payment).count("payment_captured") == 1


def test_capture_of_another_amount_is_refused(shop: Shop) -> None:
    payment = shop.pay()

    shop.processor.capture(payment.id, 400)
    shop.processor.capture(payment.id, 400)
    with pytest.raises(InvalidState):
        shop.processor.capture(payment.id, 500)

    assert shop.now(payment) == ("captured", 400, 0)
    assert shop.at_bank(payment)[1] == 400


@pytest.mark.parametrize("amount", [0, 1001])
def test_capture_outside_the_authorised_amount_is_refused(shop: Shop, amount: int) -> None:
    payment = shop.pay()
    with pytest.raises(ValidationFailed):
        shop.processor.capture(payment.id, amount)
    with pytest.raises(ValidationFailed):
        shop.processor.capture(payment.id, 1000, "EUR")
    assert shop.at_bank(payment) == ("authorized", 0, 0)


@pytest.mark.parametrize("token", ["pm_card_chargeDeclined", "pm_card_authenticationRequired"])
def test_unauthorised_payment_cannot_be_captured(shop: Shop, token: str) -> None:
    payment = shop.pay(token)
    with pytest.raises(InvalidState):
        shop.processor.capture(payment.id, None)


def test_crash_after_capture_is_recorded_by_the_next_capture(shop: Shop) -> None:
    payment = shop.pay()
    shop.crash_during(lambda: shop.processor.capture(payment.id, None))
    assert shop.now(payment)[0] == "authorized"
    assert shop.at_bank(payment) == ("captured", 1000, 0)

    shop.processor.capture(payment.id, None)

    assert shop.now(payment) == ("captured", 1000, 0)


def test_crash_after_capture_refuses_another_amount(shop: Shop) -> None:
    payment = shop.pay()
    shop.crash_during(lambda: shop.processor.capture(payment.id, None))

    with pytest.raises(InvalidState):
        shop.processor.capture(payment.id, 400)

    shop.processor.capture(payment.id, 1000)
    assert shop.now(payment) == ("captured", 1000, 0)


def test_crash_after_capture_reversal_refunds(shop: Shop) -> None:
    payment = shop.pay()
    shop.crash_during(lambda: shop.processor.capture(payment.id, None))

    assert shop.reverse(payment).status == "refunded"

    assert shop.now(payment) == ("refunded", 1000, 1000)
    assert shop.at_bank(payment)[1:] == (1000, 1000)
    assert shop.event_types(payment) == ["payment_authorized", "payment_captured", "payment_refunded"]


def test_partial_refunds_add_up_to_the_whole_amount(shop: Shop) -> None:
    payment = shop.paid()

    shop.refund(payment, 300)
    assert shop.now(payment) == ("partially_refunded", 1000, 300)
    shop.refund(payment, 200)
    with pytest.raises(ValidationFailed) as refused:
        shop.refund(payment, 501)
    assert refused.value.details[0]["message"] == "must be between 1 and 500, what is left of it"
    shop.refund(payment, None)

    assert shop.now(payment) == ("refunded", 1000, 1000)
    assert [refund["amount"]["amount"] for refund in shop.store.resource(payment.id)["refunds"]] == [300, 200, 500]
    with pytest.raises(InvalidState):
        shop.refund(payment, 1)


def test_refund_id_is_refunded_once(shop: Shop) -> None:
    payment, other, refund_id = shop.paid(), shop.paid(), new_id()

    outcomes = run_concurrently(6, lambda _: shop.refund(payment, 300, refund_id))

    assert outcomes == [None] * 6
    assert shop.now(payment) == ("partially_refunded", 1000, 300)
    for payment_, amount in ((payment, 301), (other, 300), (payment, None)):
        with pytest.raises(IdempotencyKeyReused):
            shop.refund(payment_, amount, refund_id)


def test_concurrent_refunds_never_exceed_the_captured_amount(shop: Shop) -> None:
    payment = shop.paid()

    outcomes = run_concurrently(8, lambda _: shop.refund(payment, 300))

    assert outcomes.count(None) == 3
    assert shop.now(payment) == ("partially_refunded", 1000, 900)


def test_crash_after_refund_is_recorded_by_its_repetition(shop: Shop) -> None:
    payment, refund_id = shop.paid(), new_id()
    shop.crash_during(lambda: shop.refund(payment, 300, refund_id))
    assert shop.at_bank(payment)[2] == 300
    assert shop.store.resource(payment.id)["refunds"][0]["status"] == "pending"

    shop.refund(payment, 300, refund_id)

    assert shop.now(payment) == ("partially_refunded", 1000, 300)
    assert shop.store.resource(payment.id)["refunds"][0]["status"] == "succeeded"


def test_crash_after_refund_next_change_records_it(shop: Shop) -> None:
    payment = shop.paid()
    shop.crash_during(lambda: shop.refund(payment, 300))

    assert shop.reverse(payment).status == "refunded"

    assert shop.now(payment) == ("refunded", 1000, 1000)
    assert [refund["amount"]["amount"] for refund in shop.store.resource(payment.id)["refunds"]] == [300, 700]


def test_pending_refund_of_another_payment_is_left(shop: Shop) -> None:
    interrupted, other = shop.paid(), shop.paid()
    shop.crash_during(lambda: shop.refund(interrupted, 300))

    shop.refund(other, 100)

    assert shop.now(other) == ("partially_refunded", 1000, 100)
    assert shop.store.resource(interrupted.id)["refunds"][0]["status"] == "pending"
    shop.reverse(interrupted)


def test_refused_refund_fails_and_blocks_no_other(shop: Shop) -> None:
    payment, refund_id = shop.paid(), new_id()
    shop.bank.refund("by-hand", payment.reference or "", 900)  # in the provider's dashboard

    for _ in range(2):
        with pytest.raises(InvalidState) as refused:
            shop.refund(payment, 300, refund_id)
    assert [(one["reason"], one["refund_id"]) for one in refused.value.details] == [("refused", refund_id)]
    assert shop.now(payment) == ("partially_refunded", 1000, 900)
    assert shop.refunds(payment) == [(300, "failed", "person"), (900, "succeeded", "provider")]

    shop.refund(payment, 100)
    assert shop.now(payment) == ("refunded", 1000, 1000)


@pytest.mark.parametrize("token", ["pm_card_visa", "pm_card_authenticationRequired"])
def test_concurrent_reversals_void_once(shop: Shop, token: str) -> None:
    payment = shop.pay(token)

    results = run_concurrently(4, lambda _: shop.reverse(payment))

    assert {result.status for result in results} == {"voided"}
    assert shop.at_bank(payment) == ("voided", 0, 0)
    assert shop.event_types(payment).count("payment_voided") == 1


def test_crash_after_void_is_recorded_by_the_next_reversal(shop: Shop) -> None:
    payment = shop.pay()
    shop.crash_during(lambda: shop.reverse(payment))

    assert shop.reverse(payment).status == "voided"


def test_concurrent_reversals_refund_once(shop: Shop) -> None:
    payment = shop.paid()
    shop.refund(payment, 250)

    results = run_concurrently(6, lambda _: shop.reverse(payment))

    assert {(result.status, result.refunded) for result in results} == {("refunded", 1000)}
    assert shop.at_bank(payment)[1:] == (1000, 1000)


def test_payment_reversed_before_authorise_stays_voided(shop: Shop) -> None:
    command, before = shop.command(), shop.charges()
    fields = command.model_dump(include={"order_id", "provider", "amount", "currency"})
    voided = Payment(id=command.payment_id, customer_id=None, status="voided", **fields)

    assert shop.reverse(voided).status == "voided"
    assert shop.processor.authorise(command).status == "voided"
    assert shop.charges() == before


def test_reversal_during_authorisation_voids_the_payment(shop: Shop) -> None:
    command = shop.command("pm_sandbox_timeout")
    fields = command.model_dump(include={"order_id", "provider", "amount", "currency"})
    voided = Payment(id=command.payment_id, customer_id=None, status="voided", **fields)
    operations = [lambda: shop.processor.authorise(command), lambda: shop.reverse(voided)] * 3

    run_concurrently(6, lambda index: operations[index]())

    assert shop.store.read(command.payment_id).status == "voided"


def test_reversal_of_a_declined_payment_changes_nothing(shop: Shop) -> None:
    payment = shop.pay("pm_card_chargeDeclined")
    assert shop.reverse(payment).status == "declined"


def test_concurrent_capture_and_reversal_take_no_money(shop: Shop) -> None:
    payment = shop.pay()
    operations = [lambda: shop.processor.capture(payment.id, None), lambda: shop.reverse(payment)] * 3

    run_concurrently(6, lambda index: operations[index]())

    status, captured, refunded = shop.now(payment)
    assert (status, captured - refunded) in (("voided", 0), ("refunded", 0))


def test_unknown_payment_is_not_found(shop: Shop) -> None:
    for work in (
        lambda: shop.processor.capture(new_id(), None),
        lambda: shop.processor.refund(new_id(), None, None, new_id(), None),
        lambda: shop.store.resource(new_id()),
    ):
        with pytest.raises(NotFound):
            work()
