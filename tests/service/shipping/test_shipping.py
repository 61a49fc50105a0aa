"""Shipping: quotes by zone and weight, shipments, tracking, permissions."""

import hashlib
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
    InvalidState,
    NotFound,
    Unauthenticated,
    ValidationFailed,
)
from services.chassis.common.ids import new_id
from services.chassis.messaging.personal_data import Person
from services.chassis.messaging.signatures import Signature
from services.chassis.stores.tables import outbox
from services.chassis.testing import connect_postgres
from services.shipping.models import methods, rates
from services.shipping.service import ShippingService
from services.shipping.store import ShippingStore

CUSTOMER, VENDOR, OTHER_VENDOR = new_id(), new_id(), new_id()
ADMIN = {"user_id": new_id(), "roles": ["ADMIN"]}
AS_VENDOR = {"user_id": VENDOR, "roles": ["VENDOR"]}
ITEMS = [{"sku": "MUG", "quantity": 2}]


class ShippingClient:
    def __init__(self, store: ShippingStore) -> None:
        self.store = store
        self.service = worker_factory(ShippingService, store=store)

    def call(self, method: str, /, **kwargs: Any) -> Any:
        contract = Signature(getattr(ShippingService, method))
        return getattr(self.service, method)(*contract.arguments([], kwargs))

    def prices(self, country: str, region: str | None = None, **parcel: Any) -> dict[str, int]:
        values = {"subtotal": 5000, "weight_g": 1500, "currency": "USD", **parcel}
        quotes = self.call("quote", address={"country": country, "region": region}, **values)
        return {Rate.model_validate(rate).method: rate["price"]["amount"] for rate in quotes}

    def ship(self, order_id: str | None = None, **values: Any) -> dict[str, Any]:
        fields = {"shipment_id": new_id(), "order_id": order_id or new_id(), "items": ITEMS}
        fields |= {"user_id": CUSTOMER, "method": "express"}
        return dict(self.call("create_shipment", **{**fields, **values}))

    def move(self, shipment_id: str, status: str, caller: dict[str, Any] = ADMIN, **values: Any) -> dict[str, Any]:
        return dict(self.call("add_event", shipment_id=shipment_id, status=status, caller=caller, **values))

    def published_events(self, shipment_id: str) -> list[tuple[str, str | None]]:
        with self.store.transaction() as session:
            bodies = session.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
            events = [orjson.loads(body) for body in bodies]
        own_events = [event for event in events if event["subject"] == shipment_id and event["source"] == "/shipping"]
        return [(event["type"], event["data"].get("status")) for event in own_events]


@pytest.fixture(scope="module")
def shipping_store() -> Iterator[ShippingStore]:
    with connect_postgres("shipping", ShippingStore) as store:
        yield store


@pytest.fixture
def shipping(shipping_store: ShippingStore) -> ShippingClient:
    return ShippingClient(shipping_store)


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
def test_quote_depends_on_zone_and_weight(
    shipping: ShippingClient, country: str, region: str | None, prices: dict[str, int]
) -> None:
    assert shipping.prices(country, region) == prices


def test_standard_is_free_above_a_total(shipping: ShippingClient) -> None:
    assert shipping.prices("US", subtotal=9_999)["standard"] == 499
    assert shipping.prices("US", subtotal=10_000) == {"standard": 0, "express": 1599, "freight": 5020}


def test_heavy_parcel_has_freight_offers_only(shipping: ShippingClient) -> None:
    assert list(shipping.prices("DE", weight_g=30_001)) == ["freight"]
    assert shipping.prices("US", "AK", weight_g=30_001) == {}


def test_currency_without_rates_has_no_offers(shipping: ShippingClient) -> None:
    assert shipping.prices("US", currency="EUR") == {}


def test_price_of_a_method_equals_its_quote(shipping: ShippingClient) -> None:
    parcel = {"address": {"country": "DE"}, "subtotal": 5000, "weight_g": 1500, "currency": "USD"}

    assert shipping.call("price_of", method="express", **parcel)["price"] == {"amount": 4199, "currency": "USD"}

    with pytest.raises(ValidationFailed) as refused:
        shipping.call("price_of", method="drone", **parcel)
    assert refused.value.details[0]["field"] == "shipping_method"


@pytest.mark.parametrize(
    "invalid",
    [{"subtotal": -1}, {"weight_g": -1}, {"weight_g": 10**10}, {"currency": "usd"}, {"address": {"country": "x"}}],
)
def test_invalid_quote_request_is_refused(shipping: ShippingClient, invalid: dict[str, Any]) -> None:
    parcel = {"address": {"country": "DE"}, "subtotal": 1, "weight_g": 1, "currency": "USD"}
    with pytest.raises(ValidationFailed):
        shipping.call("quote", **{**parcel, **invalid})


def test_methods_have_countries_and_delivery_days(shipping: ShippingClient) -> None:
    methods_by_name = {method["method"]: ShippingMethod.model_validate(method) for method in shipping.call("methods")}
    assert sorted(methods_by_name) == ["express", "freight", "standard"]
    assert methods_by_name["standard"].countries == []
    assert (methods_by_name["standard"].days_min, methods_by_name["standard"].days_max) == (2, 21)


def test_changed_rates_survive_repeated_seeding(shipping_store: ShippingStore) -> None:
    def set_standard_price(amount: int) -> None:
        domestic = (rates.c.method == "standard", rates.c.zone == "domestic")
        with shipping_store.transaction() as session:
            session.execute(update(rates).where(*domestic).values(base=amount))

    try:
        set_standard_price(777)
        shipping_store.seed()
        second_client = ShippingClient(ShippingStore(shipping_store.engine))
        assert second_client.prices("US")["standard"] == 777
        with shipping_store.transaction() as session:
            assert session.execute(select(func.count()).select_from(methods)).scalar_one() == 3
    finally:
        set_standard_price(499)


def test_shipment_gets_a_number_and_is_published(shipping: ShippingClient) -> None:
    shipment = Shipment.model_validate(shipping.ship())

    assert (shipment.status, shipment.carrier, shipment.method) == ("created", "UltraExpress", "express")
    assert shipment.tracking_number.startswith("UP")
    assert [event.status for event in shipment.events] == ["created"]
    assert shipping.published_events(shipment.id) == [("shipment_created", None)]


def test_concurrent_requests_create_one_shipment(shipping: ShippingClient) -> None:
    order_id, shipment_id = new_id(), new_id()
    with ThreadPoolExecutor(8) as pool:
        shipments = list(pool.map(lambda _: shipping.ship(order_id, shipment_id=shipment_id), range(8)))
    assert {shipment["id"] for shipment in shipments} == {shipment_id}
    assert len({shipment["tracking_number"] for shipment in shipments}) == 1
    assert shipping.published_events(shipment_id) == [("shipment_created", None)]


def test_equal_contents_are_two_shipments(shipping: ShippingClient) -> None:
    order_id = new_id()
    first, second = shipping.ship(order_id), shipping.ship(order_id)
    assert first["tracking_number"] != second["tracking_number"]


def test_tracking_number_is_not_derived_from_the_shipment(shipping: ShippingClient) -> None:
    shipment_id = new_id()
    guess = "UP" + hashlib.sha256(shipment_id.encode()).hexdigest()[:14].upper()

    shipment = shipping.ship(new_id(), shipment_id=shipment_id)

    assert shipment["tracking_number"] != guess
    assert shipping.ship(shipment["order_id"], shipment_id=shipment_id) == shipment


def test_tracking_number_belongs_to_one_shipment(shipping: ShippingClient) -> None:
    number, order_id = f"1Z-{new_id()}", new_id()
    shipment = shipping.ship(order_id, tracking_number=number, carrier="Others")
    assert (shipment["tracking_number"], shipment["carrier"]) == (number, "Others")

    assert shipping.ship(order_id, shipment_id=shipment["id"], tracking_number=number) == shipment
    with pytest.raises(Conflict) as refused:
        shipping.ship(order_id, tracking_number=number)
    assert refused.value.details == [{"field": "tracking_number", "message": "is taken"}]


def test_shipment_is_readable_by_customer_and_vendor(shipping: ShippingClient) -> None:
    shipment = shipping.ship(vendor_id=AS_VENDOR["user_id"])

    for caller in ({"user_id": CUSTOMER, "roles": ["CUSTOMER"]}, AS_VENDOR, ADMIN):
        assert shipping.call("get_shipment", shipment_id=shipment["id"], caller=caller)["id"] == shipment["id"]


def test_shipment_is_tracked_by_its_number(shipping: ShippingClient) -> None:
    shipment = shipping.ship()
    shipping.move(shipment["id"], "in_transit", location="Leipzig")
    shipping.move(shipment["id"], "out_for_delivery")
    shipping.move(shipment["id"], "delivered", message="Left with a neighbour")

    tracking = Tracking.model_validate(shipping.call("track", number=shipment["tracking_number"]))

    assert tracking.status == "delivered"
    assert [(event.status, event.location, event.message) for event in tracking.events] == [
        ("created", None, None),
        ("in_transit", "Leipzig", None),
        ("out_for_delivery", None, None),
        ("delivered", None, "Left with a neighbour"),
    ]
    expected_moves = [("shipment_moved", status) for status in ("in_transit", "out_for_delivery", "delivered")]
    assert shipping.published_events(shipment["id"]) == [("shipment_created", None), *expected_moves]


def test_concurrent_deliveries_are_recorded_once(shipping: ShippingClient) -> None:
    shipment = shipping.ship()

    def deliver(_: int) -> str:
        try:
            return str(shipping.move(shipment["id"], "delivered")["status"])
        except InvalidState as refused:
            return refused.code

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(deliver, range(4)))

    assert outcomes == ["INVALID_STATE"] * 3 + ["delivered"]
    assert shipping.published_events(shipment["id"]).count(("shipment_moved", "delivered")) == 1


def test_vendor_updates_own_shipments_only(shipping: ShippingClient) -> None:
    shipment = shipping.ship(vendor_id=AS_VENDOR["user_id"])
    assert shipping.move(shipment["id"], "in_transit", AS_VENDOR)["status"] == "in_transit"
    other_vendor, anonymous = {"user_id": OTHER_VENDOR, "roles": ["VENDOR"]}, {"user_id": None, "roles": []}
    for caller, error in ((other_vendor, NotFound), (anonymous, Unauthenticated)):
        with pytest.raises(error):
            shipping.move(shipment["id"], "delivered", caller)
        with pytest.raises(error):
            shipping.call("get_shipment", shipment_id=shipment["id"], caller=caller)


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
def test_invalid_arguments_are_a_domain_error(
    shipping: ShippingClient, method: str, arguments: dict[str, Any], error: type[DomainError]
) -> None:
    with pytest.raises(error):
        shipping.call(method, **arguments)


def test_erasure_leaves_the_country_of_addresses(shipping: ShippingClient) -> None:
    person, other = new_id(), new_id()
    address = {
        "name": "Ada Byron",
        "line1": "12 Square",
        "city": "Springfield",
        "postal_code": "97477",
        "country": "US",
    }
    for user_id in (person, other):
        shipping.ship(user_id=user_id, address=address)
    [before] = shipping.service.personal_data(Person(person))["shipments"]

    for _ in range(2):
        shipping.service.erase_person(Person(person))

    [after] = shipping.service.personal_data(Person(person))["shipments"]
    [others] = shipping.service.personal_data(Person(other))["shipments"]
    assert before["address"]["line1"] == others["address"]["line1"] == "12 Square"
    assert after == before | {"address": {"country": "US"}}
