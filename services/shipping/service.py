"""Shipping service: rates, shipments, tracking."""

import secrets
from typing import Any

from schemas.api.shipping import (
    AddShipmentEvent,
    CreateShipment,
    PriceOf,
    Quote,
    QuoteCart,
    TrackingNumber,
)
from schemas.caller import ANONYMOUS, Caller
from schemas.permissions.permission import Permission
from schemas.rpc.cart import CartRpc
from schemas.rpc.shipping import ShippingRpc
from services.chassis.common.errors import NotFound, ValidationFailed
from services.chassis.common.ids import is_id
from services.chassis.common.money import json as money
from services.chassis.messaging.personal_data import Person, PersonalDataHandlers, Sections
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Service
from services.chassis.stores.postgres import Postgres
from services.shipping import domain
from services.shipping.domain import Tariff
from services.shipping.store import ShippingStore

DEFAULT_CARRIER = "UltraPost"
"""Carrier of shipments whose method and carrier are not named."""


class ShippingService(PersonalDataHandlers, Service):
    name = "shipping"

    store = Postgres(ShippingStore)
    carts = Remote(CartRpc)

    @implements(ShippingRpc.quote)
    def quote(self, command: Quote) -> list[dict[str, Any]]:
        return [_to_shipment(tariff, price) for tariff, price in self._offers(command)]

    @implements(ShippingRpc.quote_cart)
    def quote_cart(self, command: QuoteCart) -> Json:
        address, caller, own = command.address, command.caller, command.own_cart_id
        if command.cart_id is not None and command.cart_id != caller.user_id:
            caller, own = ANONYMOUS, command.cart_id
        cart = self.carts.checkout_view(cart_id=own, caller=caller, country=address.country, region=address.region)
        goods = Quote(address=address, subtotal=cart.subtotal, weight_g=cart.weight_g, currency=cart.currency)
        return [_to_shipment(tariff, price) for tariff, price in self._offers(goods)]

    @implements(ShippingRpc.price_of)
    def price_of(self, command: PriceOf) -> Json:
        for tariff, price in self._offers(command):
            if tariff.method == command.method:
                return _to_shipment(tariff, price)
        raise ValidationFailed.of("shipping_method", f"{command.method} does not deliver this order to that address")

    @implements(ShippingRpc.methods)
    def methods(self) -> list[dict[str, Any]]:
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

    @implements(ShippingRpc.create_shipment)
    def create_shipment(self, command: CreateShipment) -> dict[str, Any]:
        carrier = command.carrier or next(
            (tariff.carrier for tariff in self.store.tariffs() if tariff.method == command.method), DEFAULT_CARRIER
        )
        number = command.tracking_number or domain.tracking_number(
            [secrets.randbelow(len(domain.TRACKING_ALPHABET)) for _ in range(domain.TRACKING_UNITS)]
        )
        return self.store.create(command, carrier, number)

    @implements(ShippingRpc.add_event)
    def add_event(self, command: AddShipmentEvent) -> dict[str, Any]:
        self._check_id(command.shipment_id)
        _, vendor_id = self.store.owners(command.shipment_id)
        if not (
            command.caller.may(Permission.SHIPMENTS_MANAGE)
            or (vendor_id is not None and vendor_id == command.caller.user_id)
        ):
            raise NotFound("There is no such shipment")
        return self.store.move(command.shipment_id, command.status, command.location, command.message)

    @implements(ShippingRpc.get_shipment)
    def get_shipment(self, shipment_id: str, caller: Caller) -> dict[str, Any]:
        self._check_id(shipment_id)
        if not caller.may(Permission.SHIPMENTS_MANAGE) and (
            caller.user_id is None or caller.user_id not in self.store.owners(shipment_id)
        ):
            raise NotFound("There is no such shipment")
        return self.store.read(shipment_id)

    @implements(ShippingRpc.track)
    def track(self, number: TrackingNumber) -> dict[str, Any]:
        return self.store.track(number)

    def _offers(self, command: Quote) -> list[tuple[Tariff, int]]:
        address = command.address
        return domain.offers(
            self.store.tariffs(), address.country, address.region, command.subtotal, command.weight_g, command.currency
        )

    @staticmethod
    def _check_id(shipment_id: str) -> None:
        if not is_id(shipment_id):
            raise NotFound("There is no such shipment")

    def personal_data(self, person: Person) -> Sections:
        return {"shipments": self.store.shipments_of(person.user_id)}

    def erase_person(self, person: Person) -> None:
        self.store.remove_person(person.user_id)


def _to_shipment(tariff: Tariff, price: int) -> dict[str, Any]:
    return {
        "method": tariff.method,
        "name": tariff.name,
        "carrier": tariff.carrier,
        "price": money(price, tariff.currency),
        "days_min": tariff.days_min,
        "days_max": tariff.days_max,
    }
