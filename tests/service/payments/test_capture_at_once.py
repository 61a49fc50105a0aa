"""Charges that are authorised and captured in one call."""

import pytest

from schemas.events.payments import PaymentAuthorized
from services.chassis.common.errors import InvalidState
from tests.service.payments.conftest import Shop, SimulatedCrash


def test_charge_is_captured_in_one_call(shop: Shop) -> None:
    command, before = shop.command(capture=True), shop.charges()

    payments = [shop.processor.authorise(command) for _ in range(2)]

    assert {payment.status for payment in payments} == {"captured"}
    assert shop.now(payments[0]) == shop.at_bank(payments[0]) == ("captured", 1000, 0)
    assert shop.event_types(payments[0]) == ["payment_captured"]
    assert shop.charges() == before + 1
    shop.refund(payments[0], None)
    assert (shop.now(payments[0]), shop.at_bank(payments[0])[1:]) == (("refunded", 1000, 1000), (1000, 1000))


@pytest.mark.parametrize("token", ["pm_card_visa", "pm_sandbox_timeout", "pm_sandbox_error"])
def test_unknown_outcome_is_found_when_repeated(shop: Shop, token: str) -> None:
    command, before = shop.command(token, capture=True), shop.charges()
    shop.store.crashes = True
    with pytest.raises(SimulatedCrash):
        shop.processor.authorise(command)

    payment = shop.processor.authorise(command)

    assert shop.now(payment) == shop.at_bank(payment) == ("captured", 1000, 0)
    assert shop.event_types(payment) == ["payment_captured"]
    assert shop.charges() == before + 1


def test_declined_charge_captures_nothing(shop: Shop) -> None:
    payment = shop.processor.authorise(shop.command("pm_card_chargeDeclined", capture=True))

    assert (payment.status, payment.captured) == ("declined", 0)
    with pytest.raises(InvalidState):
        shop.processor.capture(payment.id, None)


def test_confirmed_payment_is_announced_to_its_order(shop: Shop) -> None:
    """The provider captures when the customer has confirmed; the order waits for `payment_authorized`."""
    payment = shop.processor.authorise(shop.command("pm_card_authenticationRequired", capture=True))
    assert payment.status == "requires_action"
    shop.bank.settle(str(payment.reference), "authorized")
    shop.bank.capture("by the provider", str(payment.reference), 1000)

    shop.processor.compare(payment.id)

    assert shop.now(payment) == ("captured", 1000, 0)
    assert shop.event_types(payment) == ["payment_action_required", PaymentAuthorized.type, "payment_captured"]


def test_reversed_charge_is_refunded(shop: Shop) -> None:
    payment = shop.processor.authorise(shop.command(capture=True))

    shop.reverse(payment)

    assert (shop.now(payment), shop.at_bank(payment)[1:]) == (("refunded", 1000, 1000), (1000, 1000))
