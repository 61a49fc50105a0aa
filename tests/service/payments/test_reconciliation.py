"""Random payment operations and crashes: the payments table and the provider's charges agree in the end."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from services.chassis.common.errors import DomainError
from services.chassis.common.ids import new_id
from services.payments.domain import Payment
from tests.service.payments.conftest import CrashingStore, Shop, SimulatedCrash

AMOUNTS = st.one_of(st.none(), st.integers(1, 1200))


def payment_machine(store: CrashingStore, compared: list[str]) -> type[RuleBasedStateMachine]:
    """The state machine on this store; `compared` gets the id of each payment whose amounts were compared."""

    class PaymentMachine(RuleBasedStateMachine):
        """Random payments, captures, refunds and reversals, with occasional crashes."""

        payments = Bundle("payments")

        @initialize()
        def open(self) -> None:
            self.shop = Shop(store)
            self.opened: list[Payment] = []
            self.unanswered: list[Callable[[], Any]] = []

        def attempt(self, work: Callable[[], Any], crashes: bool) -> None:
            store.crashes = crashes
            try:
                with suppress(DomainError):  # refused by a rule
                    work()
            except SimulatedCrash:
                self.unanswered.append(work)
            finally:
                store.crashes = False

        @rule(target=payments, token=st.sampled_from(["pm_card_visa", "pm_card_authenticationRequired"]))
        def pay(self, token: str) -> Payment:
            payment = self.shop.pay(token)
            self.opened.append(payment)
            return payment

        @rule(payment=payments, amount=AMOUNTS, crashes=st.booleans())
        def capture(self, payment: Payment, amount: int | None, crashes: bool) -> None:
            self.attempt(lambda: self.shop.processor.capture(payment.id, amount), crashes)

        @rule(payment=payments, amount=AMOUNTS, crashes=st.booleans())
        def refund(self, payment: Payment, amount: int | None, crashes: bool) -> None:
            refund_id = new_id()
            self.attempt(lambda: self.shop.refund(payment, amount, refund_id), crashes)

        @rule(payment=payments, crashes=st.booleans())
        def reverse(self, payment: Payment, crashes: bool) -> None:
            self.attempt(lambda: self.shop.reverse(payment), crashes)

        @rule()
        def repeat_unanswered(self) -> None:
            while self.unanswered:
                self.attempt(self.unanswered.pop(0), crashes=False)

        @invariant()
        def amounts_are_bounded(self) -> None:
            for payment in self.opened:
                _, captured, refunded = self.shop.now(payment)
                _, captured_at_bank, refunded_at_bank = self.shop.at_bank(payment)
                assert 0 <= refunded_at_bank <= captured_at_bank <= payment.amount
                assert captured <= captured_at_bank
                assert refunded <= refunded_at_bank

        @invariant()
        def amounts_agree_when_nothing_is_unanswered(self) -> None:
            if not self.unanswered:
                for payment in self.opened:
                    assert self.shop.now(payment)[1:] == self.shop.at_bank(payment)[1:]
                    compared.append(payment.id)

        def teardown(self) -> None:
            self.repeat_unanswered()
            self.amounts_agree_when_nothing_is_unanswered()
            self.shop.check_consistency()

    return PaymentMachine


@pytest.mark.timeout(1500)
def test_payments_agree_with_provider_charges(payment_store: CrashingStore) -> None:
    compared: list[str] = []

    run_state_machine_as_test(
        payment_machine(payment_store, compared),
        settings=settings(
            max_examples=25,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert len(set(compared)) >= 10, "hardly any sequence opened a payment"
