"""Bounds and ids of captures and refunds, and the details of refusals."""

import uuid
from dataclasses import replace

import pytest

from services.chassis.common.errors import InvalidState, ValidationFailed
from services.payments import domain
from services.payments.domain import Payment

PAYMENT = Payment("0197a000-0000-7000-8000-000000000002", "order", "ada", "sandbox", "authorized", 1000, "USD")
CAPTURED = replace(PAYMENT, status="captured", captured=1000)


def test_one_cent_can_be_captured_and_refunded() -> None:
    assert domain.amount_to_capture(PAYMENT, 1) == 1
    assert domain.amount_to_refund(CAPTURED, 1) == 1


def test_whole_payment_is_refunded_by_default() -> None:
    assert domain.amount_to_refund(CAPTURED, None) == 1000
    assert domain.amount_to_refund(CAPTURED, 400) == 400
    assert domain.amount_to_refund(CAPTURED, 1000) == 1000
    assert domain.amount_to_refund(replace(CAPTURED, refunded=300), None) == 700


@pytest.mark.parametrize("amount", [-1, 0, 701])
def test_refund_outside_the_remainder_names_the_bounds(amount: int) -> None:
    with pytest.raises(ValidationFailed) as refused:
        domain.amount_to_refund(replace(CAPTURED, refunded=300), amount)

    assert refused.value.details == [{"field": "amount", "message": "must be between 1 and 700, what is left of it"}]


def test_refused_refund_names_the_payment_status() -> None:
    with pytest.raises(InvalidState) as refused:
        domain.amount_to_refund(PAYMENT, None)

    assert refused.value.details == [{"status": "authorized"}]


@pytest.mark.parametrize(
    ("refunded", "status"), [(1, "partially_refunded"), (999, "partially_refunded"), (1000, "refunded")]
)
def test_payment_is_refunded_when_nothing_is_left(refunded: int, status: str) -> None:
    assert domain.status_after_refund(1000, refunded) == status


def test_refund_without_id_and_key_names_the_field() -> None:
    with pytest.raises(ValidationFailed) as refused:
        domain.refund_id_of(None, None)

    assert refused.value.details == [{"field": "refund_id", "message": "is needed when there is no Idempotency-Key"}]


def test_reversal_has_one_id_for_the_remainder() -> None:
    first, again = domain.reversal_id(CAPTURED), domain.reversal_id(replace(CAPTURED, status="partially_refunded"))

    assert first == again == str(uuid.uuid5(uuid.UUID(PAYMENT.id), "reversal:0"))
    assert domain.reversal_id(replace(CAPTURED, refunded=300)) != first
    assert domain.reversal_id(replace(CAPTURED, id="0197a000-0000-7000-8000-000000000003")) != first
