"""Taking and giving back: twice, at once, and over a death between the bank's answer and our record."""

import pytest

from services.chassis.common.errors import IdempotencyKeyReused, InvalidState, NotFound, ValidationFailed
from services.chassis.common.ids import new_id
from services.payments.domain import Payment
from tests.service.payments.conftest import Shop, at_once


def test_repeated_capture_takes_the_amount_once(shop: Shop) -> None:
    payment = shop.pay()

    for _ in range(2):
        shop.till.capture(payment.id, None)

    assert shop.now(payment) == shop.at_bank(payment) == ("captured", 1000, 0)
    assert shop.said(payment) == ["payment_authorized", "payment_captured"]


def test_taken_at_once_by_eight_it_is_taken_once(shop: Shop) -> None:
    payment = shop.pay()

    outcomes = at_once(8, lambda _: shop.till.capture(payment.id, None))

    assert outcomes == [shop.store.read(payment.id)] * 8
    assert shop.now(payment) == shop.at_bank(payment) == ("captured", 1000, 0)
    assert shop.said(payment).count("payment_captured") == 1


def test_a_part_is_taken_and_another_amount_comes_too_late(shop: Shop) -> None:
    payment = shop.pay()

    shop.till.capture(payment.id, 400)
    shop.till.capture(payment.id, 400)
    with pytest.raises(InvalidState):
        shop.till.capture(payment.id, 500)

    assert shop.now(payment) == ("captured", 400, 0)
    assert shop.at_bank(payment)[1] == 400


@pytest.mark.parametrize("amount", [0, 1001])
def test_no_other_amount_is_taken_than_was_promised(shop: Shop, amount: int) -> None:
    payment = shop.pay()
    with pytest.raises(ValidationFailed):
        shop.till.capture(payment.id, amount)
    with pytest.raises(ValidationFailed):
        shop.till.capture(payment.id, 1000, "EUR")
    assert shop.at_bank(payment) == ("authorized", 0, 0)


@pytest.mark.parametrize("token", ["pm_card_chargeDeclined", "pm_card_authenticationRequired"])
def test_what_was_not_promised_can_not_be_taken(shop: Shop, token: str) -> None:
    payment = shop.pay(token)
    with pytest.raises(InvalidState):
        shop.till.capture(payment.id, None)


def test_dead_after_the_capture_the_next_try_finds_it_done(shop: Shop) -> None:
    payment = shop.pay()
    shop.dying(lambda: shop.till.capture(payment.id, None))
    assert shop.now(payment)[0] == "authorized"
    assert shop.at_bank(payment) == ("captured", 1000, 0)

    shop.till.capture(payment.id, None)

    assert shop.now(payment) == ("captured", 1000, 0)


def test_crash_after_capture_refuses_another_amount(shop: Shop) -> None:
    payment = shop.pay()
    shop.dying(lambda: shop.till.capture(payment.id, None))

    with pytest.raises(InvalidState):
        shop.till.capture(payment.id, 400)

    shop.till.capture(payment.id, 1000)
    assert shop.now(payment) == ("captured", 1000, 0)


def test_crash_after_capture_reversal_refunds(shop: Shop) -> None:
    payment = shop.pay()
    shop.dying(lambda: shop.till.capture(payment.id, None))

    assert shop.reverse(payment).status == "refunded"

    assert shop.now(payment) == ("refunded", 1000, 1000)
    assert shop.at_bank(payment)[1:] == (1000, 1000)
    assert shop.said(payment) == ["payment_authorized", "payment_captured", "payment_refunded"]


def test_refunds_in_parts_add_up_and_end_with_the_whole(shop: Shop) -> None:
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


def test_a_refund_is_given_once_per_id(shop: Shop) -> None:
    payment, other, refund_id = shop.paid(), shop.paid(), new_id()

    outcomes = at_once(6, lambda _: shop.refund(payment, 300, refund_id))

    assert outcomes == [None] * 6
    assert shop.now(payment) == ("partially_refunded", 1000, 300)
    for asked, amount in ((payment, 301), (other, 300)):
        with pytest.raises(IdempotencyKeyReused):
            shop.refund(asked, amount, refund_id)


def test_refunds_at_once_never_give_back_more_than_was_taken(shop: Shop) -> None:
    payment = shop.paid()

    outcomes = at_once(8, lambda _: shop.refund(payment, 300))

    assert outcomes.count(None) == 3
    assert shop.now(payment) == ("partially_refunded", 1000, 900)


def test_dead_after_a_refund_the_next_try_finds_it_done(shop: Shop) -> None:
    payment, refund_id = shop.paid(), new_id()
    shop.dying(lambda: shop.refund(payment, 300, refund_id))
    assert shop.at_bank(payment)[2] == 300
    assert shop.store.resource(payment.id)["refunds"][0]["status"] == "pending"

    shop.refund(payment, 300, refund_id)

    assert shop.now(payment) == ("partially_refunded", 1000, 300)
    assert shop.store.resource(payment.id)["refunds"][0]["status"] == "succeeded"


def test_crash_after_refund_next_change_records_it(shop: Shop) -> None:
    payment = shop.paid()
    shop.dying(lambda: shop.refund(payment, 300))

    assert shop.reverse(payment).status == "refunded"

    assert shop.now(payment) == ("refunded", 1000, 1000)
    assert [refund["amount"]["amount"] for refund in shop.store.resource(payment.id)["refunds"]] == [300, 700]


def test_refused_refund_fails_and_blocks_no_other(shop: Shop) -> None:
    payment, refund_id = shop.paid(), new_id()
    reference = shop.store.read(payment.id).reference or ""
    shop.bank.refund("by-hand", reference, 900)  # somebody at the bank's counter

    for _ in range(2):
        with pytest.raises(InvalidState) as refused:
            shop.refund(payment, 300, refund_id)
    assert refused.value.details == [{"refund_id": refund_id}]
    assert shop.store.resource(payment.id)["refunds"][0]["status"] == "failed"

    shop.refund(payment, 100)
    assert shop.now(payment) == ("partially_refunded", 1000, 100)
    with shop.store.transaction() as session:  # what was given by hand is recorded by hand
        shop.store.change(session, payment, refunded=1000)


@pytest.mark.parametrize("token", ["pm_card_visa", "pm_card_authenticationRequired"])
def test_a_promise_is_given_up_once(shop: Shop, token: str) -> None:
    payment = shop.pay(token)

    answers = at_once(4, lambda _: shop.reverse(payment))

    assert {answer.status for answer in answers} == {"voided"}
    assert shop.at_bank(payment) == ("voided", 0, 0)
    assert shop.said(payment).count("payment_voided") == 1


def test_dead_after_the_void_the_next_try_finds_it_done(shop: Shop) -> None:
    payment = shop.pay()
    shop.dying(lambda: shop.reverse(payment))

    assert shop.reverse(payment).status == "voided"


def test_reversed_at_once_the_money_goes_back_once(shop: Shop) -> None:
    payment = shop.paid()
    shop.refund(payment, 250)

    answers = at_once(6, lambda _: shop.reverse(payment))

    assert {(answer.status, answer.refunded) for answer in answers} == {("refunded", 1000)}
    assert shop.at_bank(payment)[1:] == (1000, 1000)


def test_payment_reversed_before_authorise_stays_voided(shop: Shop) -> None:
    command, before = shop.command(), shop.charges()
    fields = command.model_dump(include={"order_id", "provider", "amount", "currency"})
    planned = Payment(id=command.payment_id, customer_id=None, status="voided", **fields)

    assert shop.reverse(planned).status == "voided"
    assert shop.till.authorise(command).status == "voided"
    assert shop.charges() == before


def test_reversed_while_it_is_tried_nothing_stays_promised(shop: Shop) -> None:
    command = shop.command("pm_sandbox_timeout")
    fields = command.model_dump(include={"order_id", "provider", "amount", "currency"})
    planned = Payment(id=command.payment_id, customer_id=None, status="voided", **fields)
    works = [lambda: shop.till.authorise(command), lambda: shop.reverse(planned)] * 3

    at_once(6, lambda index: works[index]())

    assert shop.store.read(command.payment_id).status == "voided"


def test_a_decline_has_nothing_to_undo(shop: Shop) -> None:
    payment = shop.pay("pm_card_chargeDeclined")
    assert shop.reverse(payment).status == "declined"


def test_concurrent_capture_and_reversal_take_no_money(shop: Shop) -> None:
    payment = shop.pay()
    works = [lambda: shop.till.capture(payment.id, None), lambda: shop.reverse(payment)] * 3

    at_once(6, lambda index: works[index]())

    status, captured, refunded = shop.now(payment)
    assert (status, captured - refunded) in (("voided", 0), ("refunded", 0))


def test_a_payment_that_is_not_there(shop: Shop) -> None:
    for work in (
        lambda: shop.till.capture(new_id(), None),
        lambda: shop.till.refund(new_id(), None, None, new_id(), None),
        lambda: shop.store.resource(new_id()),
    ):
        with pytest.raises(NotFound):
            work()
