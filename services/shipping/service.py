"""Shipping: quotes from the shop's rates, shipments with tracking numbers, and their way."""

from typing import Any

from schemas.api.shipping import CreateShipment, PriceOf, Quote, ShipmentEventRequest, TrackingNumber
from schemas.base import Caller
from services.chassis.common.errors import NotFound, ValidationFailed
from services.chassis.common.ids import is_id
from services.chassis.common.money import json as money
from services.chassis.messaging.rpc import rpc
from services.chassis.runtime.service import Service
from services.chassis.stores.postgres import Postgres
from services.shipping import domain
from services.shipping.domain import Tariff
from services.shipping.store import ShippingStore

HOUSE_CARRIER = "UltraPost"
"""Who carries a parcel whose method and carrier nobody has named."""


class AddEvent(ShipmentEventRequest):
    """The command behind a parcel's station."""

    shipment_id: str
    caller: Caller


class CreateParcel(CreateShipment):
    """The command with who gives it; another service gives it in its own name."""

    caller: Caller | None = None


class ShippingService(Service):
    name = "shipping"

    store = Postgres(ShippingStore)

    @rpc
    def quote(self, command: Quote) -> list[dict[str, Any]]:
        """Every method that takes the parcel there, cheapest first. None: an empty list."""
        return [_shown(tariff, price) for tariff, price in self._offers(command)]

    @rpc
    def price_of(self, command: PriceOf) -> dict[str, Any]:
        """The price of one method. Raises `ValidationFailed` on `shipping_method` when it doesn't go there."""
        for tariff, price in self._offers(command):
            if tariff.method == command.method:
                return _shown(tariff, price)
        raise ValidationFailed.of("shipping_method", f"{command.method} does not deliver this order to that address")

    @rpc
    def methods(self) -> list[dict[str, Any]]:
        """Every method, with the countries that it goes to; none named: everywhere."""
        by_code: dict[str, list[Tariff]] = {}
        for tariff in self.store.tariffs():
            by_code.setdefault(tariff.method, []).append(tariff)
        return [
            {
                "method": code,
                "name": tariffs[0].name,
                "carrier": tariffs[0].carrier,
                "countries": domain.destinations(tariffs),
                "days_min": min(tariff.days_min for tariff in tariffs),
                "days_max": max(tariff.days_max for tariff in tariffs),
            }
            for code, tariffs in by_code.items()
        ]

    @rpc
    def create_shipment(self, command: CreateParcel) -> dict[str, Any]:
        """Make a parcel of an order with its tracking number; asked twice, it is the same parcel.

        Raises `Conflict` for a number that another order has.
        """
        if command.caller is not None and not command.caller.is_admin:
            command = command.model_copy(update={"vendor_id": command.caller.user_id})
        carrier = command.carrier or next(
            (tariff.carrier for tariff in self.store.tariffs() if tariff.method == command.method), HOUSE_CARRIER
        )
        lines = [(line.sku, line.quantity) for line in command.items]
        number = command.tracking_number or domain.tracking_number(command.order_id, lines)
        return self.store.create(command, carrier, number)

    @rpc
    def add_event(self, command: AddEvent) -> dict[str, Any]:
        """Say what happened to a parcel: administrators of any, vendors of their own."""
        self._check_id(command.shipment_id)
        _, vendor_id = self.store.owners(command.shipment_id)
        if not (command.caller.is_admin or (vendor_id is not None and vendor_id == command.caller.user_id)):
            raise NotFound("There is no such shipment")
        return self.store.move(command.shipment_id, command.status, command.location, command.message)

    @rpc
    def get_shipment(self, shipment_id: str, caller: Caller) -> dict[str, Any]:
        """A parcel of the caller's own order, or their own parcel. Raises `NotFound`."""
        self._check_id(shipment_id)
        if not caller.is_admin and (caller.user_id is None or caller.user_id not in self.store.owners(shipment_id)):
            raise NotFound("There is no such shipment")
        return self.store.read(shipment_id)

    @rpc
    def track(self, number: TrackingNumber) -> dict[str, Any]:
        """Where the parcel with this number is. Raises `NotFound`."""
        return self.store.track(number)

    def _offers(self, command: Quote) -> list[tuple[Tariff, int]]:
        to = command.address
        return domain.offers(
            self.store.tariffs(), to.country, to.region, command.subtotal, command.weight_g, command.currency
        )

    @staticmethod
    def _check_id(shipment_id: str) -> None:
        if not is_id(shipment_id):
            raise NotFound("There is no such shipment")


def _shown(tariff: Tariff, price: int) -> dict[str, Any]:
    return {
        "method": tariff.method,
        "name": tariff.name,
        "carrier": tariff.carrier,
        "price": money(price, tariff.currency),
        "days_min": tariff.days_min,
        "days_max": tariff.days_max,
    }
