"""Quotes from the rates that a new shop has, parcels that are made once, and their way."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from nameko.testing.services import worker_factory
from sqlalchemy import func, select, update

from schemas.api.shipping import Rate, Shipment, ShippingMethod, Tracking
from services.chassis.common.errors import (
    Conflict,
    DomainError,
    IdempotencyKeyReused,
    InvalidState,
    NotFound,
    Unauthenticated,
    ValidationFailed,
)
from services.chassis.common.ids import new_id
from services.chassis.messaging.signatures import Signature
from services.chassis.stores.tables import outbox
from services.chassis.testing import connect_postgres
from services.shipping.models import methods, rates
from services.shipping.service import ShippingService
from services.shipping.store import ShippingStore

CUSTOMER, VENDOR, RIVAL = new_id(), new_id(), new_id()
ADMIN = {"user_id": new_id(), "roles": ["ADMIN"]}
AS_VENDOR = {"user_id": VENDOR, "roles": ["VENDOR"]}
ITEMS = [{"sku": "MUG", "quantity": 2}]


class Desk:
    def __init__(self, store: ShippingStore) -> None:
        self.store = store
        self.service = worker_factory(ShippingService, store=store)

    def call(self, method: str, /, **kwargs: Any) -> Any:
        contract = Signature(getattr(ShippingService, method))
        return getattr(self.service, method)(*contract.arguments([], kwargs))

    def prices(self, country: str, region: str | None = None, **parcel: Any) -> dict[str, int]:
        facts = {"subtotal": 5000, "weight_g": 1500, "currency": "USD", **parcel}
        quoted = self.call("quote", address={"country": country, "region": region}, **facts)
        return {Rate.model_validate(rate).method: rate["price"]["amount"] for rate in quoted}

    def ship(self, order_id: str | None = None, **values: Any) -> dict[str, Any]:
        parcel = {"order_id": order_id or new_id(), "items": ITEMS, "user_id": CUSTOMER, "method": "express"}
        return dict(self.call("create_shipment", **{**parcel, **values}))

    def move(self, shipment_id: str, status: str, caller: dict[str, Any] = ADMIN, **values: Any) -> dict[str, Any]:
        return dict(self.call("add_event", shipment_id=shipment_id, status=status, caller=caller, **values))

    def said(self, shipment_id: str) -> list[tuple[str, str | None]]:
        with self.store.transaction() as session:
            bodies = session.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
            events = [orjson.loads(body) for body in bodies]
        mine = [event for event in events if event["subject"] == shipment_id and event["source"] == "/shipping"]
        return [(event["type"], event["data"].get("status")) for event in mine]


@pytest.fixture(scope="module")
def shipping_store() -> Iterator[ShippingStore]:
    with connect_postgres("shipping", ShippingStore) as store:
        yield store


@pytest.fixture
def desk(shipping_store: ShippingStore) -> Desk:
    return Desk(shipping_store)


@pytest.mark.parametrize(
    ("country", "region", "prices"),
    [
        ("US", None, {"standard": 499, "express": 1599, "freight": 5020}),
        ("US", "AK", {"standard": 1899}),
        ("US", "hawaii", {"standard": 1899}),
        ("DE", None, {"standard": 1799, "express": 4199, "freight": 15_200}),
        ("JP", None, {"standard": 3499, "express": 7399, "freight": 30_400}),
    ],
)
def test_a_quote_depends_on_the_place_and_the_weight(
    desk: Desk, country: str, region: str | None, prices: dict[str, int]
) -> None:
    assert desk.prices(country, region) == prices


def test_standard_is_free_above_a_total(desk: Desk) -> None:
    assert desk.prices("US", subtotal=9_999)["standard"] == 499
    assert desk.prices("US", subtotal=10_000) == {"standard": 0, "express": 1599, "freight": 5020}


def test_heavy_goods_go_by_freight_alone(desk: Desk) -> None:
    assert list(desk.prices("DE", weight_g=30_001)) == ["freight"]
    assert desk.prices("US", "AK", weight_g=30_001) == {}


def test_a_currency_that_has_no_rates_has_no_offers(desk: Desk) -> None:
    assert desk.prices("US", currency="EUR") == {}


def test_the_price_of_one_method_is_the_quoted_one(desk: Desk) -> None:
    parcel = {"address": {"country": "DE"}, "subtotal": 5000, "weight_g": 1500, "currency": "USD"}

    assert desk.call("price_of", method="express", **parcel)["price"] == {"amount": 4199, "currency": "USD"}

    with pytest.raises(ValidationFailed) as refused:
        desk.call("price_of", method="drone", **parcel)
    assert refused.value.details[0]["field"] == "shipping_method"


@pytest.mark.parametrize(
    "wrong",
    [{"subtotal": -1}, {"weight_g": -1}, {"weight_g": 10**10}, {"currency": "usd"}, {"address": {"country": "x"}}],
)
def test_what_can_not_be_sent_is_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    parcel = {"address": {"country": "DE"}, "subtotal": 1, "weight_g": 1, "currency": "USD"}
    with pytest.raises(ValidationFailed):
        desk.call("quote", **{**parcel, **wrong})


def test_methods_say_where_they_go_and_how_long_it_takes(desk: Desk) -> None:
    listed = {method["method"]: ShippingMethod.model_validate(method) for method in desk.call("methods")}
    assert sorted(listed) == ["express", "freight", "standard"]
    assert listed["standard"].countries == []
    assert (listed["standard"].days_min, listed["standard"].days_max) == (2, 21)


def test_changed_rates_survive_repeated_seeding(shipping_store: ShippingStore) -> None:
    def flat(amount: int) -> None:
        domestic = (rates.c.method == "standard", rates.c.zone == "domestic")
        with shipping_store.transaction() as session:
            session.execute(update(rates).where(*domestic).values(base=amount))

    try:
        flat(777)
        shipping_store.seed()
        fresh = Desk(ShippingStore(shipping_store.engine))
        assert fresh.prices("US")["standard"] == 777
        with shipping_store.transaction() as session:
            assert session.execute(select(func.count()).select_from(methods)).scalar_one() == 3
    finally:
        flat(499)


def test_a_parcel_gets_its_number_and_is_announced(desk: Desk) -> None:
    shipment = Shipment.model_validate(desk.ship())

    assert (shipment.status, shipment.carrier, shipment.method) == ("created", "UltraExpress", "express")
    assert shipment.tracking_number.startswith("UP")
    assert [event.status for event in shipment.events] == ["created"]
    assert desk.said(shipment.id) == [("shipment_created", None)]


def test_asked_eight_times_at_once_it_is_one_parcel(desk: Desk) -> None:
    order_id = new_id()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: desk.ship(order_id)["id"], range(8)))
    assert len(set(made)) == 1
    assert desk.said(made[0]) == [("shipment_created", None)]


def test_a_key_replays_even_for_a_parcel_that_was_there(desk: Desk) -> None:
    order_id = new_id()
    key = {"owner": "user:admin", "key": order_id, "fingerprint": "f"}
    first = desk.ship(order_id)

    for _ in range(2):
        assert desk.ship(order_id, idempotency=key) == first

    with pytest.raises(IdempotencyKeyReused):
        desk.ship(order_id, idempotency={**key, "fingerprint": "another"})


def test_other_contents_are_another_parcel(desk: Desk) -> None:
    order_id = new_id()
    first = desk.ship(order_id)
    assert desk.ship(order_id, items=[{"sku": "MUG", "quantity": 1}])["tracking_number"] != first["tracking_number"]


def test_a_number_belongs_to_one_order(desk: Desk) -> None:
    number = f"1Z-{new_id()}"
    order_id = new_id()
    shipment = desk.ship(order_id, tracking_number=number, carrier="Others")
    assert (shipment["tracking_number"], shipment["carrier"]) == (number, "Others")

    assert desk.ship(order_id, tracking_number=number)["id"] == shipment["id"]
    with pytest.raises(Conflict) as refused:
        desk.ship(tracking_number=number)
    assert refused.value.details == [{"field": "tracking_number", "message": "is taken"}]


def test_vendor_shipment_is_readable_by_customer_once_known(desk: Desk) -> None:
    order_id = new_id()
    by_vendor = desk.ship(order_id, vendor_id=AS_VENDOR["user_id"], user_id=None)
    customer = {"user_id": CUSTOMER, "roles": ["CUSTOMER"]}
    with pytest.raises(NotFound):
        desk.call("get_shipment", shipment_id=by_vendor["id"], caller=customer)

    assert desk.ship(order_id)["id"] == by_vendor["id"]

    for caller in (customer, AS_VENDOR, ADMIN):
        assert desk.call("get_shipment", shipment_id=by_vendor["id"], caller=caller)["id"] == by_vendor["id"]


def test_a_parcel_is_followed_by_its_number(desk: Desk) -> None:
    shipment = desk.ship()
    desk.move(shipment["id"], "in_transit", location="Leipzig")
    desk.move(shipment["id"], "out_for_delivery")
    desk.move(shipment["id"], "delivered", message="Left with a neighbour")

    seen = Tracking.model_validate(desk.call("track", number=shipment["tracking_number"]))

    assert seen.status == "delivered"
    assert [(event.status, event.location, event.message) for event in seen.events] == [
        ("created", None, None),
        ("in_transit", "Leipzig", None),
        ("out_for_delivery", None, None),
        ("delivered", None, "Left with a neighbour"),
    ]
    moved = [("shipment_moved", status) for status in ("in_transit", "out_for_delivery", "delivered")]
    assert desk.said(shipment["id"]) == [("shipment_created", None), *moved]


def test_delivered_by_four_at_once_it_is_delivered_once(desk: Desk) -> None:
    shipment = desk.ship()

    def deliver(_: int) -> str:
        try:
            return str(desk.move(shipment["id"], "delivered")["status"])
        except InvalidState as refused:
            return refused.code

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(deliver, range(4)))

    assert outcomes == ["INVALID_STATE"] * 3 + ["delivered"]
    assert desk.said(shipment["id"]).count(("shipment_moved", "delivered")) == 1


def test_vendors_move_their_own_parcels_only(desk: Desk) -> None:
    shipment = desk.ship(vendor_id=AS_VENDOR["user_id"])
    assert desk.move(shipment["id"], "in_transit", AS_VENDOR)["status"] == "in_transit"
    rival, nobody = {"user_id": RIVAL, "roles": ["VENDOR"]}, {"user_id": None, "roles": []}
    for stranger, error in ((rival, NotFound), (nobody, Unauthenticated)):
        with pytest.raises(error):
            desk.move(shipment["id"], "delivered", stranger)
        with pytest.raises(error):
            desk.call("get_shipment", shipment_id=shipment["id"], caller=stranger)


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("track", {"number": "UP00000000"}, NotFound),
        ("track", {"number": "\x00\x00\x00\x00"}, ValidationFailed),
        ("get_shipment", {"shipment_id": new_id(), "caller": ADMIN}, NotFound),
        ("get_shipment", {"shipment_id": "nonsense", "caller": ADMIN}, NotFound),
        ("add_event", {"shipment_id": "\x00", "status": "lost", "caller": ADMIN}, NotFound),
        ("add_event", {"shipment_id": new_id(), "status": "eaten", "caller": ADMIN}, ValidationFailed),
        ("create_shipment", {"order_id": "nonsense"}, ValidationFailed),
    ],
)
def test_nonsense_is_an_error_of_its_own(
    desk: Desk, method: str, arguments: dict[str, Any], error: type[DomainError]
) -> None:
    with pytest.raises(error):
        desk.call(method, **arguments)
