"""Whatever is asked in whatever order, and wherever we die: in the end our books say what the bank's say."""

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


def machine(store: CrashingStore) -> type[RuleBasedStateMachine]:
    class Counter(RuleBasedStateMachine):
        """A shop's counter: people pay, take, give back and undo; now and then the process dies."""

        payments = Bundle("payments")

        @initialize()
        def open(self) -> None:
            self.shop = Shop(store)
            self.opened: list[Payment] = []
            self.unanswered: list[Callable[[], Any]] = []

        def do(self, work: Callable[[], Any], dies: bool) -> None:
            store.dies = dies
            try:
                with suppress(DomainError):  # a rule said no
                    work()
            except SimulatedCrash:
                self.unanswered.append(work)
            finally:
                store.dies = False

        @rule(target=payments, token=st.sampled_from(["pm_card_visa", "pm_card_authenticationRequired"]))
        def pay(self, token: str) -> Payment:
            payment = self.shop.pay(token)
            self.opened.append(payment)
            return payment

        @rule(payment=payments, amount=AMOUNTS, dies=st.booleans())
        def capture(self, payment: Payment, amount: int | None, dies: bool) -> None:
            self.do(lambda: self.shop.till.capture(payment.id, amount), dies)

        @rule(payment=payments, amount=AMOUNTS, dies=st.booleans())
        def refund(self, payment: Payment, amount: int | None, dies: bool) -> None:
            refund_id = new_id()
            self.do(lambda: self.shop.refund(payment, amount, refund_id), dies)

        @rule(payment=payments, dies=st.booleans())
        def reverse(self, payment: Payment, dies: bool) -> None:
            self.do(lambda: self.shop.reverse(payment), dies)

        @rule()
        def ask_again(self) -> None:
            while self.unanswered:
                self.do(self.unanswered.pop(0), dies=False)

        @invariant()
        def nobody_has_more_than_there_is(self) -> None:
            for payment in self.opened:
                _, captured, refunded = self.shop.now(payment)
                _, taken, given = self.shop.at_bank(payment)
                assert 0 <= given <= taken <= payment.amount
                assert captured <= taken
                assert refunded <= given

        @invariant()
        def when_everything_is_answered_the_books_agree(self) -> None:
            if not self.unanswered:
                for payment in self.opened:
                    assert self.shop.now(payment)[1:] == self.shop.at_bank(payment)[1:]

        def teardown(self) -> None:
            self.ask_again()
            self.when_everything_is_answered_the_books_agree()
            self.shop.check_consistency()

    return Counter


@pytest.mark.timeout(1500)
def test_our_books_and_the_banks_agree(payment_store: CrashingStore) -> None:
    run_state_machine_as_test(
        machine(payment_store),
        settings=settings(
            max_examples=25,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
