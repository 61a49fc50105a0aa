"""Promising the money: every card of the sandbox, once each, whatever happens in between."""

import pytest

from services.chassis.common.errors import IdempotencyKeyReused, ValidationFailed
from services.payments.providers.interface import ProviderUnavailable
from tests.service.payments.conftest import Shop, at_once


@pytest.mark.parametrize(
    ("token", "status", "decline_code"),
    [
        ("pm_card_visa", "authorized", None),
        ("pm_card_mastercard", "authorized", None),
        ("pm_card_chargeDeclined", "declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "declined", "insufficient_funds"),
        ("pm_card_authenticationRequired", "requires_action", None),
        ("pm_sandbox_timeout", "authorized", None),
        ("pm_sandbox_error", "authorized", None),
        ("pm_sandbox_slow", "authorized", None),
        ("pm_sandbox_dispute", "authorized", None),
        ("pm_nobody_knows", "declined", "no_such_card"),
    ],
)
def test_each_card_does_what_its_name_says(shop: Shop, token: str, status: str, decline_code: str | None) -> None:
    payment = shop.pay(token)

    assert (payment.status, payment.decline_code, payment.captured) == (status, decline_code, 0)
    assert payment.token is None
    assert (payment.client_secret is not None) == (status == "requires_action")
    heard = {"requires_action": "payment_action_required"}.get(status, f"payment_{status}")
    assert shop.said(payment) == [heard]


def test_asked_twice_it_is_one_charge_and_one_event(shop: Shop) -> None:
    command, before = shop.command(), shop.charges()

    first, second = shop.till.authorise(command), shop.till.authorise(command)

    assert first == second
    assert shop.charges() == before + 1
    assert shop.said(first) == ["payment_authorized"]


@pytest.mark.parametrize("token", ["pm_card_visa", "pm_sandbox_timeout"])
def test_asked_eight_times_at_once_it_is_one_charge(shop: Shop, token: str) -> None:
    command, before = shop.command(token), shop.charges()

    answers = at_once(8, lambda _: shop.till.authorise(command))

    assert {answer.status for answer in answers} == {"authorized"}
    assert shop.charges() == before + 1
    assert shop.said(answers[0]) == ["payment_authorized"]


@pytest.mark.parametrize("token", ["pm_card_visa", "pm_card_authenticationRequired", "pm_card_chargeDeclined"])
def test_dead_after_the_banks_answer_the_same_answer_comes_again(shop: Shop, token: str) -> None:
    command, before = shop.command(token), shop.charges()
    shop.dying(lambda: shop.till.authorise(command))

    payment = shop.till.authorise(command)

    assert payment.status in ("authorized", "requires_action", "declined")
    assert shop.charges() == before + (payment.status != "declined")
    assert len(shop.said(payment)) == 1


def test_payment_id_with_other_amount_is_refused(shop: Shop) -> None:
    command = shop.command()
    payment = shop.till.authorise(command)

    with pytest.raises(IdempotencyKeyReused):
        shop.till.authorise(command.model_copy(update={"amount": 1}))

    assert shop.now(payment) == ("authorized", 0, 0)


def test_a_provider_that_the_shop_does_not_have_is_refused(shop: Shop) -> None:
    with pytest.raises(ValidationFailed) as refused:
        shop.till.authorise(shop.command(provider="stripe"))
    assert refused.value.details == [{"field": "payment_method.provider", "message": "must be one of: sandbox"}]


def test_payment_stays_processing_during_provider_outage(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    command, before = shop.command(), shop.charges()

    def away(*_: object) -> None:
        raise ProviderUnavailable

    with monkeypatch.context() as outage:
        outage.setattr(shop.sandbox, "authorise", away)
        with pytest.raises(ProviderUnavailable):
            shop.till.authorise(command)
    assert shop.store.read(command.payment_id).status == "processing"
    assert shop.charges() == before

    assert shop.till.authorise(command).status == "authorized"


def test_zero_amount_is_authorised_captured_and_refunded(shop: Shop) -> None:
    payment = shop.pay(amount=0)

    shop.till.capture(payment.id, None)
    assert shop.now(payment) == ("captured", 0, 0)

    assert shop.reverse(payment).status == "refunded"
