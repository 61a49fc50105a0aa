"""Bounds and ids of captures and refunds, and the details of refusals."""

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


@pytest.mark.parametrize(
    ("status", "refunded", "wanted", "amount"),
    [
        ("captured", 0, None, 1000),
        ("captured", 0, 300, 300),
        ("partially_refunded", 900, 300, 100),
        ("refunded", 1000, 300, 0),
        ("voided", 0, 300, 0),
    ],
)
def test_order_refund_takes_at_most_what_is_left(status: str, refunded: int, wanted: int | None, amount: int) -> None:
    captured = 0 if status == "voided" else 1000
    payment = replace(CAPTURED, status=status, captured=captured, refunded=refunded)
    assert domain.amount_left_to_refund(payment, wanted) == amount


@pytest.mark.parametrize("status", ["processing", "requires_action", "authorized"])
def test_order_refund_of_an_uncaptured_payment_is_refused(status: str) -> None:
    with pytest.raises(InvalidState) as refused:
        domain.amount_left_to_refund(replace(PAYMENT, status=status), 300)
    assert refused.value.details == [{"status": status}]


def test_attempt_keys_count_up() -> None:
    assert domain.attempt_key("p:capture:5", 1) == "p:capture:5"
    assert domain.attempt_key("p:capture:5", 2) == "p:capture:5#2"
    assert domain.next_key("p:capture:5", 2) == "p:capture:5#2"
    assert domain.next_key("p:capture:5#2", 3) == "p:capture:5#3"


def test_refund_found_at_the_provider_has_one_id() -> None:
    assert domain.provider_refund_id(PAYMENT.id, "re_1") == domain.provider_refund_id(PAYMENT.id, "re_1")
    assert domain.provider_refund_id(PAYMENT.id, "re_1") != domain.provider_refund_id(PAYMENT.id, "re_2")
