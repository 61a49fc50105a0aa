"""A till of our own on the real PostgreSQL, with the sandbox's bank beside it, and a store that can die in between."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from schemas.api.payments import Authorise
from services.chassis.common.errors import DomainError
from services.chassis.common.ids import new_id
from services.chassis.stores.tables import outbox
from services.chassis.testing import connect_postgres
from services.payments.domain import Payment
from services.payments.models import payments, sandbox_charges
from services.payments.processor import PaymentProcessor
from services.payments.providers.bank import SandboxBank
from services.payments.providers.resilience import Caller
from services.payments.providers.sandbox import SandboxProvider
from services.payments.store import PaymentStore

TIMEOUT = 0.05


class SimulatedCrash(Exception):
    """Stands for the process's end between the provider's answer and our record of it."""


class CrashingStore(PaymentStore):
    """The store of a process that dies once, where it is told to."""

    dies = False

    def _live_or_die(self) -> None:
        if self.dies:
            self.dies = False
            raise SimulatedCrash

    def change(self, session: Any, payment: Payment, **values: Any) -> Payment:
        self._live_or_die()
        return super().change(session, payment, **values)

    def end_refund(self, session: Any, refund_id: str, status: str, reference: str | None = None) -> None:
        self._live_or_die()
        super().end_refund(session, refund_id, status, reference)


class Shop:
    """The till with orders to pay, and its bank's books."""

    def __init__(self, store: CrashingStore) -> None:
        self.store = store
        self.bank = SandboxBank(store.engine)
        self.sandbox = SandboxProvider(self.bank, "secret", TIMEOUT)
        self.till = PaymentProcessor(store, {"sandbox": self.sandbox}, {"sandbox": Caller("sandbox")})

    def command(self, token: str = "pm_card_visa", amount: int = 1000, **values: Any) -> Authorise:
        ids = {"payment_id": new_id(), "order_id": new_id()}
        facts = {"amount": amount, "currency": "USD", "provider": "sandbox", "token": token, "email": "a@example.com"}
        return Authorise.model_validate({**ids, **facts, **values})

    def pay(self, token: str = "pm_card_visa", amount: int = 1000) -> Payment:
        return self.till.authorise(self.command(token, amount))

    def paid(self, amount: int = 1000) -> Payment:
        payment = self.pay(amount=amount)
        self.till.capture(payment.id, None)
        return self.store.read(payment.id)

    def refund(self, payment: Payment, amount: int | None, refund_id: str | None = None) -> None:
        self.till.refund(payment.id, amount, None, refund_id or new_id(), None)

    def reverse(self, payment: Payment) -> Payment:
        return self.till.reverse(payment, "order_cancelled")

    def now(self, payment: Payment) -> tuple[str, int, int]:
        """Status, captured, refunded: as we have it."""
        read = self.store.read(payment.id)
        return read.status, read.captured, read.refunded

    def at_bank(self, payment: Payment) -> tuple[str, int, int]:
        """Status, captured, refunded: as the bank has it."""
        charges = sandbox_charges.c
        reference = self.store.read(payment.id).reference
        with self.store.transaction() as session:
            query = select(charges.status, charges.captured, charges.refunded).where(charges.id == reference)
            return tuple(session.execute(query).one())

    def charges(self) -> int:
        with self.store.transaction() as session:
            return int(session.execute(select(func.count()).select_from(sandbox_charges)).scalar_one())

    def said(self, payment: Payment) -> list[str]:
        """Types of the events about a payment, in order."""
        import orjson

        with self.store.transaction() as session:
            bodies = session.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
            events = [orjson.loads(body) for body in bodies]
        return [event["type"] for event in events if event["subject"] == payment.id and event["source"] == "/payments"]

    def check_consistency(self) -> None:
        """What we say we have is what the bank has taken and not given back."""
        ours = func.coalesce(func.sum(payments.c.captured - payments.c.refunded), 0)
        with self.store.transaction() as session:
            assert int(session.execute(select(ours)).scalar_one()) == self.bank.total_captured()

    def dying(self, work: Callable[[], Any]) -> None:
        """Do it, and die after the provider has answered."""
        self.store.dies = True
        with pytest.raises(SimulatedCrash):
            work()


def at_once(times: int, work: Callable[[int], Any]) -> list[Any]:
    """Do it that often at the same moment; what each came to, a business error included."""

    def outcome(done: Future[Any]) -> Any:
        error = done.exception()
        if error is None:
            return done.result()
        if isinstance(error, DomainError):
            return error.code
        raise error

    with ThreadPoolExecutor(times) as pool:
        return [outcome(future) for future in [pool.submit(work, index) for index in range(times)]]


@pytest.fixture(scope="module")
def payment_store() -> Iterator[CrashingStore]:
    with connect_postgres("payments", CrashingStore) as store:
        yield store


@pytest.fixture
def shop(payment_store: CrashingStore) -> Iterator[Shop]:
    shop = Shop(payment_store)
    yield shop
    shop.check_consistency()
