"""The payment processor on the real PostgreSQL with the sandbox provider, and a store that can crash."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select

from schemas.api.ledger import EntriesQuery
from schemas.api.payments import Authorise
from services.chassis.common.errors import DomainError
from services.chassis.common.ids import new_id
from services.chassis.stores.tables import outbox
from services.chassis.testing import connect_postgres
from services.payments.domain import Payment, Refund
from services.payments.models import payments, sandbox_charges
from services.payments.processor import PaymentProcessor
from services.payments.provider_calls import ProviderCalls
from services.payments.providers.bank import SandboxBank
from services.payments.providers.resilience import Caller
from services.payments.providers.sandbox import SandboxProvider
from services.payments.providers.stripe import StripeProvider
from services.payments.settings import PaymentSettings
from services.payments.store import PaymentStore
from services.payments.store.claims import Claimed
from services.payments.webhooks import Webhooks
from tests.support.fake_stripe import FakeStripe, fake_stripe

TIMEOUT = 0.05


class SimulatedCrash(Exception):
    """The simulated end of the process between the provider's reply and the record of it."""


class CrashingStore(PaymentStore):
    """A store whose process crashes once at its next change, when `crashes` is set."""

    crashes = False

    def _crash_if_due(self) -> None:
        if self.crashes:
            self.crashes = False
            raise SimulatedCrash

    def change(self, session: Any, claimed: Claimed, last: bool = False, **values: Any) -> Payment:
        self._crash_if_due()
        return super().change(session, claimed, last, **values)

    def record(self, *outcome: Any) -> None:
        self._crash_if_due()
        super().record(*outcome)

    def end_refund(self, session: Any, refund: Refund) -> None:
        self._crash_if_due()
        super().end_refund(session, refund)


class Shop:
    """The payment processor with commands to test it, and the sandbox provider's charges."""

    def __init__(self, store: CrashingStore) -> None:
        self.store = store
        self.bank = SandboxBank(store.engine)
        self.sandbox = SandboxProvider(self.bank, "secret", TIMEOUT)
        self.calls = ProviderCalls(store, {"sandbox": self.sandbox}, {"sandbox": Caller("sandbox")})
        self.processor = PaymentProcessor(self.calls)

    def command(self, token: str = "pm_card_visa", amount: int = 1000, **values: Any) -> Authorise:
        ids = {"payment_id": new_id(), "order_id": new_id()}
        fields = {"amount": amount, "currency": "USD", "provider": "sandbox", "token": token, "email": "a@example.com"}
        return Authorise.model_validate({**ids, **fields, **values})

    def pay(self, token: str = "pm_card_visa", amount: int = 1000) -> Payment:
        return self.processor.authorise(self.command(token, amount))

    def paid(self, amount: int = 1000) -> Payment:
        payment = self.pay(amount=amount)
        self.processor.capture(payment.id, None)
        return self.store.read(payment.id)

    def refund(self, payment: Payment, amount: int | None, refund_id: str | None = None) -> None:
        self.processor.refund(payment.id, amount, None, refund_id or new_id(), None)

    def reverse(self, payment: Payment) -> Payment:
        return self.processor.reverse(payment, "order_cancelled")

    def now(self, payment: Payment) -> tuple[str, int, int]:
        """(status, captured, refunded) in the payments table."""
        payment_ = self.store.read(payment.id)
        return payment_.status, payment_.captured, payment_.refunded

    def at_bank(self, payment: Payment) -> tuple[str, int, int]:
        """(status, captured, refunded) at the sandbox provider."""
        charges = sandbox_charges.c
        reference = self.store.read(payment.id).reference
        with self.store.transaction() as session:
            query = select(charges.status, charges.captured, charges.refunded).where(charges.id == reference)
            return tuple(session.execute(query).one())

    def refunds(self, payment: Payment) -> list[tuple[int, str, str]]:
        """(amount, status, origin) of the payment's refunds, by amount."""
        return sorted((refund.amount, refund.status, refund.origin) for refund in self.store.refunds_of(payment.id))

    def charges(self) -> int:
        with self.store.transaction() as session:
            return int(session.execute(select(func.count()).select_from(sandbox_charges)).scalar_one())

    def event_types(self, payment: Payment) -> list[str]:
        """The types of the events about a payment, in order."""
        return [event["type"] for event in events_of(self.store, payment)]

    def audited(self, action: str, payment: Payment) -> list[dict[str, Any]]:
        """The audited amounts of an action on the payment: {field: (before, after)}."""
        with self.store.transaction() as session:
            bodies = session.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
            data = [orjson.loads(body)["data"] for body in bodies]
        records = [one for one in data if one.get("action") == action and one["resource"]["id"] == payment.id]
        return [
            {
                change["field"]: (change["before"], change["after"])
                for change in one["changes"]
                if change["field"] in ("refunded", "refund", "captured")
            }
            for one in records
        ]

    def check_consistency(self) -> None:
        """The captured and refunded amounts of all payments equal those at the provider."""
        captured_total = func.coalesce(func.sum(payments.c.captured - payments.c.refunded), 0)
        of_sandbox = select(captured_total).where(payments.c.provider == "sandbox")
        with self.store.transaction() as session:
            assert int(session.execute(of_sandbox).scalar_one()) == self.bank.total_captured()

    def crash_during(self, work: Callable[[], Any]) -> None:
        """Run `work`, with a crash after the provider's reply."""
        self.store.crashes = True
        with pytest.raises(SimulatedCrash):
            work()


def balances(store: PaymentStore, payment: Payment) -> dict[str, int]:
    """Debit less credit by account of a payment's lines; accounts at zero are left out."""
    lines = store.ledger_lines(EntriesQuery(payment_id=payment.id, limit=100))["items"]
    totals: Counter[str] = Counter()
    for line in lines:
        totals[line["account"]] += line["debit"]["amount"] - line["credit"]["amount"]
    return {account: total for account, total in totals.items() if total}


def events_of(store: PaymentStore, payment: Payment) -> list[dict[str, Any]]:
    """The events about a payment, in order."""
    with store.transaction() as session:
        bodies = session.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
        events = [orjson.loads(body) for body in bodies]
    return [event for event in events if event["subject"] == payment.id and event["source"] == "/payments"]


def run_concurrently(times: int, work: Callable[[int], Any]) -> list[Any]:
    """Call `work` concurrently; returns the results, or the codes of domain errors."""

    def outcome(future: Future[Any]) -> Any:
        error = future.exception()
        if error is None:
            return future.result()
        if isinstance(error, DomainError):
            return error.code
        raise error

    with ThreadPoolExecutor(times) as pool:
        return [outcome(future) for future in [pool.submit(work, index) for index in range(times)]]


class StripeShop:
    """The payment processor with Stripe, and the fake Stripe's dashboard."""

    def __init__(self, store: CrashingStore, stripe: FakeStripe) -> None:
        self.store = store
        self.stripe = stripe
        settings: dict[str, Any] = {
            "payment_providers": "stripe",
            "stripe_api_key": "sk_test_123",
            "secret_key": "s" * 16,
        }
        settings |= {"stripe_webhook_secret": stripe.secret, "stripe_api_base": stripe.address}
        self.provider = StripeProvider(PaymentSettings(**settings))
        self.processor = PaymentProcessor(ProviderCalls(store, {"stripe": self.provider}, {"stripe": Caller("stripe")}))

    def command(self, token: str = "pm_card_visa", amount: int = 1000, currency: str = "USD") -> Authorise:
        fields = {"amount": amount, "currency": currency, "provider": "stripe", "token": token}
        return Authorise.model_validate(fields | {"payment_id": new_id(), "order_id": new_id(), "email": "a@b.com"})

    def pay(self, token: str = "pm_card_visa", amount: int = 1000, currency: str = "USD") -> Payment:
        return self.processor.authorise(self.command(token, amount, currency))

    def paid(self, amount: int = 1000, currency: str = "USD") -> Payment:
        return self.processor.capture(self.pay(amount=amount, currency=currency).id, None)

    def reverse(self, payment: Payment) -> Payment:
        return self.processor.reverse(payment, "order_cancelled")

    def receive(self, message: tuple[bytes, dict[str, str]]) -> bool:
        """Receive a webhook as the service does. False for a repeated one."""
        body, headers = message
        notice = self.provider.read_notice(body, headers)
        assert notice is not None
        return Webhooks(self.processor).receive("stripe", notice.message_id, body)

    def now(self, payment: Payment) -> tuple[str, int, int]:
        """(status, captured, refunded) in the payments table."""
        payment_ = self.store.read(payment.id)
        return payment_.status, payment_.captured, payment_.refunded

    def at_stripe(self, payment: Payment) -> tuple[str, int, int]:
        """(status, captured, refunded) of the payment's intent."""
        intent = self.stripe.intents[str(self.store.read(payment.id).reference)]
        return intent["status"], intent["amount_received"], intent["latest_charge"]["amount_refunded"]

    def keys(self, path: str) -> list[str]:
        """The keys of the requests whose path ends so, each once."""
        return list(dict.fromkeys(key for of, key in self.stripe.keys if of.endswith(path)))


@pytest.fixture
def stripe_shop(payment_store: CrashingStore) -> Iterator[StripeShop]:
    with fake_stripe() as stripe:
        yield StripeShop(payment_store, stripe)


@pytest.fixture(scope="module")
def payment_store() -> Iterator[CrashingStore]:
    with connect_postgres("payments", CrashingStore) as store:
        yield store


@pytest.fixture
def shop(payment_store: CrashingStore) -> Iterator[Shop]:
    shop = Shop(payment_store)
    yield shop
    shop.check_consistency()
