"""Amounts of captures and refunds, access to payments, and idempotency."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import Idempotency
from services.chassis.common.errors import IdempotencyKeyReused, InvalidState, NotFound, ValidationFailed
from services.payments import domain
from services.payments.domain import Payment, Refund

ORDER = "0197a000-0000-7000-8000-000000000001"
PAYMENT = Payment("0197a000-0000-7000-8000-000000000002", ORDER, "ada", "sandbox", "authorized", 1000, "USD")
CAPTURED = replace(PAYMENT, status="captured", captured=1000)


def test_whole_amount_is_captured_by_default() -> None:
    assert domain.amount_to_capture(PAYMENT, None) == 1000
    assert domain.amount_to_capture(PAYMENT, 400) == 400
    assert domain.amount_to_capture(replace(PAYMENT, amount=0), None) == 0


@pytest.mark.parametrize("amount", [-1, 0, 1001])
def test_capture_outside_the_authorised_amount_is_refused(amount: int) -> None:
    with pytest.raises(ValidationFailed) as refused:
        domain.amount_to_capture(PAYMENT, amount)
    assert refused.value.details == [{"field": "amount", "message": "must be between 1 and 1000"}]


@pytest.mark.parametrize("status", ["processing", "requires_action", "captured", "declined", "voided", "refunded"])
def test_only_an_authorised_payment_can_be_captured(status: str) -> None:
    with pytest.raises(InvalidState) as refused:
        domain.amount_to_capture(replace(PAYMENT, status=status), None)
    assert refused.value.details == [{"status": status}]
    assert status in refused.value.message


@pytest.mark.parametrize("status", ["processing", "requires_action", "authorized", "declined", "voided", "refunded"])
def test_only_a_captured_payment_can_be_refunded(status: str) -> None:
    with pytest.raises(InvalidState) as refused:
        domain.amount_to_refund(replace(CAPTURED, status=status), None)
    assert status in refused.value.message


@given(captured=st.integers(1, 10**12), parts=st.lists(st.one_of(st.none(), st.integers(-5, 10**12)), max_size=6))
def test_refunds_never_exceed_the_captured_amount(captured: int, parts: list[int | None]) -> None:
    payment = replace(CAPTURED, amount=captured, captured=captured)

    for part in parts:
        try:
            amount = domain.amount_to_refund(payment, part)
        except (ValidationFailed, InvalidState):
            continue
        refunded = payment.refunded + amount
        payment = replace(payment, refunded=refunded, status=domain.status_after_refund(captured, refunded))

    assert 0 <= payment.refunded <= captured
    assert (payment.status == "refunded") == (payment.refunded == captured)


def test_amount_must_have_the_payments_currency() -> None:
    domain.check_currency(PAYMENT, None)
    domain.check_currency(PAYMENT, "USD")
    with pytest.raises(ValidationFailed) as refused:
        domain.check_currency(PAYMENT, "EUR")
    assert refused.value.details == [{"field": "amount.currency", "message": "must be USD"}]


def test_payment_is_visible_to_its_customer_and_administrators() -> None:
    domain.check_owner(PAYMENT, "ada", False)
    domain.check_owner(PAYMENT, "root", True)
    for other_user in ("bob", None):
        with pytest.raises(NotFound):
            domain.check_owner(PAYMENT, other_user, False)
    with pytest.raises(NotFound):
        domain.check_owner(replace(PAYMENT, customer_id=None), None, False)


@pytest.mark.parametrize("other", [{"amount": 1}, {"currency": "EUR"}, {"order_id": "another"}, {"provider": "stripe"}])
def test_payment_id_is_bound_to_order_and_amount(other: dict[str, object]) -> None:
    domain.check_same_payment(PAYMENT, replace(PAYMENT, status="processing", token="pm_card_visa"))
    with pytest.raises(IdempotencyKeyReused):
        domain.check_same_payment(PAYMENT, replace(PAYMENT, **other))  # type: ignore[arg-type]


def test_refund_id_is_bound_to_payment_and_amount() -> None:
    refund = Refund("r1", PAYMENT.id, 300, None, "succeeded", requested=300)
    domain.check_same_refund(refund, PAYMENT.id, 300)
    for payment_id, amount in ((PAYMENT.id, 301), ("another", 300), (PAYMENT.id, None)):
        with pytest.raises(IdempotencyKeyReused):
            domain.check_same_refund(refund, payment_id, amount)


def test_refund_of_the_rest_is_another_than_of_an_amount() -> None:
    rest = Refund("r1", PAYMENT.id, 300, None, "succeeded", requested=None)
    domain.check_same_refund(rest, PAYMENT.id, None)
    with pytest.raises(IdempotencyKeyReused):
        domain.check_same_refund(rest, PAYMENT.id, 300)


def test_idempotency_key_has_one_refund_id() -> None:
    key = Idempotency(owner="user:ada", key="k1", fingerprint="f")

    assert domain.refund_id_of(key, None) == domain.refund_id_of(key, None)
    assert domain.refund_id_of(key, None) != domain.refund_id_of(key.model_copy(update={"owner": "user:bob"}), None)
    assert domain.refund_id_of(key, "chosen") == "chosen"
    with pytest.raises(ValidationFailed):
        domain.refund_id_of(None, None)
