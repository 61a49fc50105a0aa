"""Authorisation: every card of the sandbox, idempotency, crashes and outages."""

import pytest

from services.chassis.common.errors import IdempotencyKeyReused, ValidationFailed
from services.payments.providers.interface import ProviderUnavailable
from tests.service.payments.conftest import Shop, run_concurrently


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
def test_each_sandbox_card_has_its_outcome(shop: Shop, token: str, status: str, decline_code: str | None) -> None:
    payment = shop.pay(token)

    assert (payment.status, payment.decline_code, payment.captured) == (status, decline_code, 0)
    assert payment.token is None
    assert (payment.client_secret is not None) == (status == "requires_action")
    event_type = {"requires_action": "payment_action_required"}.get(status, f"payment_{status}")
    assert shop.event_types(payment) == [event_type]


def test_repeated_authorisation_is_one_charge_and_event(shop: Shop) -> None:
    command, before = shop.command(), shop.charges()

    first, second = shop.processor.authorise(command), shop.processor.authorise(command)

    assert first == second
    assert shop.charges() == before + 1
    assert shop.event_types(first) == ["payment_authorized"]


@pytest.mark.parametrize("token", ["pm_card_visa", "pm_sandbox_timeout"])
def test_concurrent_authorisations_are_one_charge(shop: Shop, token: str) -> None:
    command, before = shop.command(token), shop.charges()

    results = run_concurrently(8, lambda _: shop.processor.authorise(command))

    assert {result.status for result in results} == {"authorized"}
    assert shop.charges() == before + 1
    assert shop.event_types(results[0]) == ["payment_authorized"]


@pytest.mark.parametrize("token", ["pm_card_visa", "pm_card_authenticationRequired", "pm_card_chargeDeclined"])
def test_crash_after_authorisation_returns_the_same_result(shop: Shop, token: str) -> None:
    command, before = shop.command(token), shop.charges()
    shop.crash_during(lambda: shop.processor.authorise(command))

    payment = shop.processor.authorise(command)

    assert payment.status in ("authorized", "requires_action", "declined")
    assert shop.charges() == before + (payment.status != "declined")
    assert len(shop.event_types(payment)) == 1


def test_payment_id_with_other_amount_is_refused(shop: Shop) -> None:
    command = shop.command()
    payment = shop.processor.authorise(command)

    with pytest.raises(IdempotencyKeyReused):
        shop.processor.authorise(command.model_copy(update={"amount": 1}))

    assert shop.now(payment) == ("authorized", 0, 0)


def test_provider_that_is_not_enabled_is_refused(shop: Shop) -> None:
    with pytest.raises(ValidationFailed) as refused:
        shop.processor.authorise(shop.command(provider="stripe"))
    assert refused.value.details == [{"field": "payment_method.provider", "message": "must be one of: sandbox"}]


def test_payment_stays_processing_during_provider_outage(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    command, before = shop.command(), shop.charges()

    def unavailable(*_: object) -> None:
        raise ProviderUnavailable

    with monkeypatch.context() as outage:
        outage.setattr(shop.sandbox, "authorise", unavailable)
        with pytest.raises(ProviderUnavailable):
            shop.processor.authorise(command)
    assert shop.store.read(command.payment_id).status == "processing"
    assert shop.charges() == before

    assert shop.processor.authorise(command).status == "authorized"


def test_zero_amount_is_authorised_captured_and_refunded(shop: Shop) -> None:
    payment = shop.pay(amount=0)

    shop.processor.capture(payment.id, None)
    assert shop.now(payment) == ("captured", 0, 0)

    assert shop.reverse(payment).status == "refunded"
