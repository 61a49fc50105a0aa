"""Stripe's stored failures, lost replies, dashboard and banks: what is recorded is what Stripe's books show."""

import pytest

from services.chassis.common.errors import InvalidState
from services.chassis.common.ids import new_id
from services.payments.providers.interface import ProviderUnavailable
from tests.service.payments.conftest import StripeShop


@pytest.mark.parametrize("executes", [False, True])
def test_stored_500_of_a_charge_is_overcome(stripe_shop: StripeShop, executes: bool) -> None:
    stripe_shop.stripe.fail("/payment_intents", executes=executes)
    command = stripe_shop.command()

    payment = stripe_shop.processor.authorise(command)

    assert payment.status == "authorized"
    assert len(stripe_shop.stripe.intents) == 1
    first, second = payment.id, f"{payment.id}#2"
    assert stripe_shop.keys("/payment_intents") == ([first] if executes else [first, second])


def test_stored_500_is_overcome_before_search_finds_it(stripe_shop: StripeShop) -> None:
    stripe_shop.stripe.search_lags = True
    stripe_shop.stripe.fail("/payment_intents", executes=True)

    assert stripe_shop.pay().status == "authorized"

    assert len(stripe_shop.stripe.intents) == 1


@pytest.mark.parametrize("executes", [False, True])
def test_stored_500_of_a_capture_is_overcome(stripe_shop: StripeShop, executes: bool) -> None:
    payment = stripe_shop.pay()
    stripe_shop.stripe.fail("/capture", executes=executes)

    stripe_shop.processor.capture(payment.id, None)

    assert stripe_shop.now(payment) == ("captured", 1000, 0)
    assert stripe_shop.at_stripe(payment) == ("succeeded", 1000, 0)


@pytest.mark.parametrize("executes", [False, True])
def test_stored_500_of_a_void_is_overcome(stripe_shop: StripeShop, executes: bool) -> None:
    payment = stripe_shop.pay()
    stripe_shop.stripe.fail("/cancel", executes=executes)

    assert stripe_shop.reverse(payment).status == "voided"

    assert stripe_shop.at_stripe(payment)[0] == "canceled"


@pytest.mark.parametrize("executes", [False, True])
def test_stored_500_of_a_refund_is_overcome(stripe_shop: StripeShop, executes: bool) -> None:
    payment, refund_id = stripe_shop.paid(), new_id()
    stripe_shop.stripe.fail("/refunds", executes=executes)

    stripe_shop.processor.refund(payment.id, 300, None, refund_id, None)

    assert stripe_shop.now(payment) == ("partially_refunded", 1000, 300)
    assert stripe_shop.at_stripe(payment)[2] == 300
    assert stripe_shop.keys("/refunds") == ([refund_id] if executes else [refund_id, f"{refund_id}#2"])


def test_failing_stripe_leaves_the_attempt_pending(stripe_shop: StripeShop) -> None:
    payment, refund_id = stripe_shop.paid(), new_id()
    stripe_shop.stripe.fail("/refunds", times=3)

    with pytest.raises(ProviderUnavailable):
        stripe_shop.processor.refund(payment.id, 300, None, refund_id, None)
    assert stripe_shop.now(payment) == ("captured", 1000, 0)
    stripe_shop.processor.refund(payment.id, 300, None, refund_id, None)

    assert stripe_shop.at_stripe(payment)[2] == 300
    assert stripe_shop.keys("/refunds") == [refund_id, *(f"{refund_id}#{number}" for number in (2, 3, 4))]


def test_lost_reply_is_repeated_with_the_same_key(stripe_shop: StripeShop) -> None:
    stripe_shop.stripe.lose("/payment_intents", times=1)

    payment = stripe_shop.pay()

    assert payment.status == "authorized"
    assert stripe_shop.keys("/payment_intents") == [payment.id]
    assert len(stripe_shop.stripe.intents) == 1


def test_reversal_refunds_what_the_dashboard_left(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.paid()
    stripe_shop.stripe.refund_by_hand(str(payment.reference), 400)

    reversed_ = stripe_shop.reverse(payment)

    assert (reversed_.status, reversed_.refunded) == ("refunded", 1000)
    assert stripe_shop.at_stripe(payment)[2] == 1000
    refunds = {(refund.amount, refund.origin) for refund in stripe_shop.store.refunds_of(payment.id)}
    assert refunds == {(400, "provider"), (600, "reversal")}


def test_reversal_of_a_wholly_refunded_payment_ends(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.paid()
    stripe_shop.stripe.refund_by_hand(str(payment.reference), 1000)

    assert stripe_shop.reverse(payment).status == "refunded"

    assert [refund.origin for refund in stripe_shop.store.refunds_of(payment.id)] == ["provider"]


def test_reversal_of_a_disputed_charge_is_refused_at_rest(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.paid()
    dispute = stripe_shop.stripe.dispute(str(payment.reference))

    for _ in range(3):
        with pytest.raises(InvalidState) as refused:
            stripe_shop.reverse(payment)
        assert refused.value.details[0]["reason"] == "disputed"

    assert stripe_shop.now(payment) == ("captured", 1000, 0)
    assert stripe_shop.store.refunds_of(payment.id) == []
    stripe_shop.stripe.close_dispute(dispute["id"], won=True)
    assert stripe_shop.reverse(payment).status == "refunded"


def test_reversal_that_stripe_refuses_can_be_tried_again(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.paid()
    stripe_shop.stripe.refuses_refunds = True
    for _ in range(2):
        with pytest.raises(InvalidState) as refused:
            stripe_shop.reverse(payment)
    assert refused.value.details[0]["reason"] == "refused"
    stripe_shop.stripe.refuses_refunds = False

    assert stripe_shop.reverse(payment).status == "refunded"

    assert len(stripe_shop.keys("/refunds")) == 3


@pytest.mark.parametrize(
    ("status", "refusal"), [("processing", ProviderUnavailable), ("requires_capture", InvalidState)]
)
def test_refused_void_is_retried_while_stripe_works(
    stripe_shop: StripeShop, status: str, refusal: type[Exception]
) -> None:
    payment = stripe_shop.pay()
    stripe_shop.stripe.refuses_voids = True
    stripe_shop.stripe.intents[str(payment.reference)]["status"] = status

    with pytest.raises(refusal) as refused:
        stripe_shop.reverse(payment)

    details = refused.value.details  # type: ignore[attr-defined]
    assert [one["reason"] for one in details] == (["refused"] if refusal is InvalidState else [])
    stripe_shop.stripe.refuses_voids = False
    assert stripe_shop.reverse(payment).status == "voided"


def test_capture_in_the_dashboard_is_found_by_the_order(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.pay()
    stripe_shop.stripe.capture_by_hand(str(payment.reference), 1)

    with pytest.raises(InvalidState) as refused:
        stripe_shop.processor.capture_whole(payment.id)

    assert refused.value.details == [{"reason": "captured_in_part", "captured": 1, "amount": 1000}]
    assert stripe_shop.now(payment) == ("captured", 1, 0)


@pytest.mark.parametrize(("succeeds", "status"), [(True, "authorized"), (False, "declined")])
def test_open_payment_is_settled_without_a_webhook(stripe_shop: StripeShop, succeeds: bool, status: str) -> None:
    payment = stripe_shop.pay("pm_card_authenticationRequired")
    stripe_shop.stripe.confirm(str(payment.reference), succeeds)

    assert stripe_shop.processor.refresh(payment.id) is True

    assert stripe_shop.now(payment)[0] == status
    assert stripe_shop.processor.refresh(payment.id) is False


def test_charge_with_unknown_outcome_is_found(stripe_shop: StripeShop) -> None:
    command = stripe_shop.command()
    stripe_shop.stripe.lose("/payment_intents", times=3)
    with pytest.raises(ProviderUnavailable):
        stripe_shop.processor.authorise(command)
    assert stripe_shop.store.read(command.payment_id).status == "processing"

    assert stripe_shop.processor.refresh(command.payment_id) is True

    assert stripe_shop.store.read(command.payment_id).status == "authorized"
    assert len(stripe_shop.stripe.intents) == 1


@pytest.mark.parametrize(("currency", "amount", "at_stripe"), [("ISK", 500, 50_000), ("KWD", 5120, 5120)])
def test_amounts_are_converted_at_the_boundary(
    stripe_shop: StripeShop, currency: str, amount: int, at_stripe: int
) -> None:
    payment = stripe_shop.paid(amount, currency)
    stripe_shop.stripe.refund_by_hand(str(payment.reference), at_stripe // 2)
    stripe_shop.reverse(payment)

    assert stripe_shop.now(payment) == ("refunded", amount, amount)
    assert stripe_shop.at_stripe(payment) == ("succeeded", at_stripe, at_stripe)


def test_amount_that_stripe_does_not_take_is_declined(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.pay(amount=5124, currency="KWD")
    assert (payment.status, payment.decline_code) == ("declined", "amount_not_supported")
    assert stripe_shop.stripe.intents == {}
