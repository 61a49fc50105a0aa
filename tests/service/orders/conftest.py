"""The orders service on the real PostgreSQL and MongoDB, with fakes of the services that it calls."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from nameko.testing.services import worker_factory
from sqlalchemy import text

from schemas.base import Idempotency
from schemas.caller import Caller
from schemas.events.base import EVENTS, Event
from schemas.events.orders import OrderPlaced
from services.chassis.common.errors import DomainError
from services.chassis.common.ids import new_id
from services.chassis.messaging.signatures import Signature
from services.chassis.testing import connect_mongo, connect_postgres
from services.orders.domain.order import Order
from services.orders.readmodel import OrderReadModel
from services.orders.service import LIST_EVENTS, OrdersService
from services.orders.settings import OrderSettings
from services.orders.store import LEASE, OrderStore, StoredOrder
from tests.support.fake_services import (
    Cart,
    Inventory,
    Payments,
    Shipping,
    SimulatedCrash,
    UnreliableClient,
    cart_line,
    typed,
)
from tests.support.orders import ADDRESS

ADMIN = Caller(user_id=new_id(), roles=["ADMIN"], email="admin@example.com")


class CrashingStore(OrderStore):
    """A store whose process crashes before or after a transaction: "place_before", "append_after", …"""

    crash_at: tuple[str, int] | None = None
    appends = 0

    def place(self, *args: Any, **kwargs: Any) -> StoredOrder:
        self._crash_if_due("place_before", 0)
        stored = super().place(*args, **kwargs)
        self._crash_if_due("place_after", 0)
        return stored

    def append(
        self,
        stored: StoredOrder,
        events: Sequence[Event],
        now: datetime,
        due: timedelta = LEASE,
        key: Idempotency | None = None,
    ) -> StoredOrder:
        number = self.appends
        self.appends += 1
        self._crash_if_due("append_before", number)
        after = super().append(stored, events, now, due, key)
        self._crash_if_due("append_after", number)
        return after

    def _crash_if_due(self, moment: str, number: int) -> None:
        if self.crash_at == (moment, number):
            self.crash_at = None
            raise SimulatedCrash


class Shop:
    """Calls the orders service through its RPC contract, and gives access to the fakes."""

    def __init__(self, store: CrashingStore, lists: OrderReadModel, settings: OrderSettings) -> None:
        self.store, self.lists, self.settings = store, lists, settings
        store.crash_at, store.appends = None, 0
        self.inventory, self.payments = Inventory(MUG=10), Payments()
        self.to_inventory, self.to_payments = UnreliableClient(self.inventory), UnreliableClient(self.payments)
        self.cart, self.shipping = Cart(cart_line()), Shipping()
        self.service = self.new_process()

    def new_process(self) -> OrdersService:
        """A further process of the service."""
        parts = {"store": self.store, "lists": self.lists, "settings": self.settings}
        remotes = {"inventory": self.to_inventory, "payments": self.to_payments}
        return worker_factory(OrdersService, **parts, **remotes, cart=typed(self.cart), shipping=typed(self.shipping))

    def capture_at_once(self, at_once: bool) -> None:
        """Set the policy of charges."""
        self.settings = self.settings.model_copy(update={"capture_at_once": at_once})
        self.service = self.new_process()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        contract = Signature(getattr(OrdersService, method))
        return lambda **kwargs: getattr(self.service, method)(*contract.arguments([], kwargs))

    def order(self, card: str = "pm_card_visa", key: str | None = None, **values: Any) -> dict[str, Any]:
        """Place an order for the cart, as a guest unless a caller is given."""
        command: dict[str, Any] = {
            "cart_id": "a-cart",
            "email": "ada@example.com",
            "shipping_address": ADDRESS,
            "shipping_method": "standard",
            "payment_method": {"provider": "sandbox", "token": card},
            "idempotency": {"owner": "cart:a-cart", "key": key or new_id(), "fingerprint": "same"},
        }
        return dict(self.place_order(**command | values))

    def resume_order(self, **values: Any) -> dict[str, Any]:
        """The RPC method `resume`; `Shop.resume` is another process."""
        contract = Signature(OrdersService.resume)
        return dict(self.service.resume(*contract.arguments([], values)))

    def ids(self) -> list[str]:
        """The ids of all orders, oldest first."""
        return self.store.ids_after(None, 1000)

    def now(self, order_id: str) -> Order:
        return self.store.read(order_id).order

    def expire_leases(self, length: timedelta = timedelta(hours=1)) -> None:
        """Let leases and retry delays expire."""
        with self.store.transaction() as session:
            session.execute(text(f"update orders set saga_due = saga_due - interval '{length.total_seconds()} s'"))

    def resume(self) -> None:
        """Let other processes resume the orders until no step is left, at most 20 times."""
        for _ in range(20):
            if not self._has_unfinished():
                break
            self.expire_leases()
            with suppress(SimulatedCrash):
                self.new_process().resume_sagas()
        self.to_inventory.deliver_late_calls()
        self.to_payments.deliver_late_calls()

    def _has_unfinished(self) -> bool:
        with self.store.transaction() as session:
            unfinished = text("select exists (select from orders where saga_due is not null)")
            return bool(session.execute(unfinished).scalar_one())

    def events(self, order_id: str) -> list[Event]:
        envelopes = self.store.history(order_id)
        return [EVENTS["orders", envelope["type"]].from_envelope(envelope) for envelope in envelopes]

    def show(self, *events: Event) -> None:
        """Project the events to the read model."""
        for event in events:
            if isinstance(event, OrderPlaced):
                self.service.project_placed([event])
            elif isinstance(event, LIST_EVENTS):
                self.service.project([event])


def run_concurrently(times: int, work: Callable[[int], Any]) -> list[Any]:
    """Call `work` concurrently; returns the results, or the codes of domain errors."""

    def outcome(index: int) -> Any:
        try:
            return work(index)
        except DomainError as error:
            return error.code

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(outcome, range(times)))


@pytest.fixture(scope="module")
def order_store() -> Iterator[CrashingStore]:
    with connect_postgres("orders", CrashingStore) as store:
        yield store


@pytest.fixture(scope="module")
def read_model() -> Iterator[OrderReadModel]:
    with connect_mongo("orders", OrderReadModel) as lists:
        yield lists


@pytest.fixture
def shop(order_store: CrashingStore, read_model: OrderReadModel) -> Shop:
    with order_store.transaction() as session:
        session.execute(text("truncate orders, order_events, idempotency"))
    read_model.db["orders"].delete_many({})
    return Shop(order_store, read_model, OrderSettings(secret_key="a-secret-of-the-tests"))


@pytest.fixture
def no_waiting(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests do not wait for an order that another process may be driving: here is none."""
    monkeypatch.setattr(shop, "settings", shop.settings.model_copy(update={"answer_within": 0.1}))
    monkeypatch.setattr(shop, "service", shop.new_process())
