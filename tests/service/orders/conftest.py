"""The orders service on the real PostgreSQL and MongoDB, with small partners that keep their contracts."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from nameko.testing.services import worker_factory
from sqlalchemy import text

from schemas.base import Caller
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
    """Its process may die before or after a transaction: "place_before", "append_after", …"""

    dies_at: tuple[str, int] | None = None
    appends = 0

    def place(self, *args: Any, **kwargs: Any) -> StoredOrder:
        self._die("place_before", 0)
        stored = super().place(*args, **kwargs)
        self._die("place_after", 0)
        return stored

    def append(
        self, stored: StoredOrder, events: Sequence[Event], now: datetime, due: timedelta = LEASE
    ) -> StoredOrder:
        number = self.appends
        self.appends += 1
        self._die("append_before", number)
        after = super().append(stored, events, now, due)
        self._die("append_after", number)
        return after

    def _die(self, moment: str, number: int) -> None:
        if self.dies_at == (moment, number):
            self.dies_at = None
            raise SimulatedCrash


class Shop:
    """The service, as its callers see it, and what a test wants to know of its partners."""

    def __init__(self, store: CrashingStore, lists: OrderReadModel, settings: OrderSettings) -> None:
        self.store, self.lists, self.settings = store, lists, settings
        store.dies_at, store.appends = None, 0
        self.inventory, self.payments = Inventory(MUG=10), Payments()
        self.to_inventory, self.to_payments = UnreliableClient(self.inventory), UnreliableClient(self.payments)
        self.cart, self.shipping = Cart(cart_line()), Shipping()
        self.service = self.another()

    def another(self) -> OrdersService:
        """One more process of the service."""
        parts = {"store": self.store, "lists": self.lists, "settings": self.settings}
        remotes = {"inventory": self.to_inventory, "payments": self.to_payments}
        return worker_factory(OrdersService, **parts, **remotes, cart=typed(self.cart), shipping=typed(self.shipping))

    def __getattr__(self, method: str) -> Callable[..., Any]:
        contract = Signature(getattr(OrdersService, method))
        return lambda **kwargs: getattr(self.service, method)(*contract.arguments([], kwargs))

    def order(self, card: str = "pm_card_visa", key: str | None = None, **values: Any) -> dict[str, Any]:
        """A guest, unless a caller is given, buys the cart."""
        command: dict[str, Any] = {
            "cart_id": "a-cart",
            "email": "ada@example.com",
            "shipping_address": ADDRESS,
            "shipping_method": "standard",
            "payment_method": {"provider": "sandbox", "token": card},
            "idempotency": {"owner": "cart:a-cart", "key": key or new_id(), "fingerprint": "same"},
        }
        return dict(self.place_order(**command | values))

    def ids(self) -> list[str]:
        """All orders, oldest first."""
        return self.store.ids_after(None, 1000)

    def now(self, order_id: str) -> Order:
        return self.store.read(order_id).order

    def time_passes(self, length: timedelta = timedelta(hours=1)) -> None:
        """As if so much time had gone by: leases and waits are over."""
        with self.store.transaction() as session:
            session.execute(text(f"update orders set saga_due = saga_due - interval '{length.total_seconds()} s'"))

    def resume(self) -> None:
        """Other processes take over, again and again, until nothing is left to do."""
        for _ in range(20):
            self.time_passes()
            with suppress(SimulatedCrash):
                self.another().resume_sagas()
        self.to_inventory.deliver_late_calls()
        self.to_payments.deliver_late_calls()

    def events(self, order_id: str) -> list[Event]:
        wrapped = self.store.history(order_id)
        return [EVENTS["orders", envelope["type"]].from_envelope(envelope) for envelope in wrapped]

    def show(self, *events: Event) -> None:
        """The events come to the lists."""
        for event in events:
            if isinstance(event, OrderPlaced):
                self.service.project_placed([event])
            elif isinstance(event, LIST_EVENTS):
                self.service.project([event])


def at_once(times: int, work: Callable[[int], Any]) -> list[Any]:
    """Do it that often at the same moment; what each came to, a business error by its code."""

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
