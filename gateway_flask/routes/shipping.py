"""Shipping rates, shipments and tracking."""

from flask import Response

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.cart import guest_cart_id
from gateway_flask.routes.paths import IdPath, NumberPath
from gateway_flask.rpc.calls import call
from schemas.api.orders import CreateOrderShipment
from schemas.api.shipping import (
    AddShipmentEvent,
    QuoteCart,
    Rate,
    RatesRequest,
    Shipment,
    ShipmentEventRequest,
    ShipmentRequest,
    ShippingMethod,
    Tracking,
)
from schemas.rpc.orders import OrdersRpc
from schemas.rpc.shipping import ShippingRpc

api = Api("shipping", "Shipping", "Rates, shipments and tracking.")


@api.post("/shipping/rates", reply=Rate, many=True, headers=("X-Cart-Id",))
def shipping_rates(body: RatesRequest) -> Response:
    """List the price of each method that delivers a cart to an address: the own cart, or the guest's `cart_id`."""
    command = QuoteCart(**body.given(), own_cart_id=guest_cart_id(), caller=caller())
    return ok(call(ShippingRpc.quote_cart, command), "Shipping rates")


@api.get("/shipping/methods", reply=ShippingMethod, many=True)
def shipping_methods() -> Response:
    """List all shipping methods and where they deliver."""
    return ok(call(ShippingRpc.methods), "Shipping methods")


@api.post("/shipments", reply=Shipment, statuses=(201,), key="may")
def create_shipment(body: ShipmentRequest) -> Response:
    """Ship an order: all lines that are the caller's to ship, or the lines named."""
    command = CreateOrderShipment(**body.given(), caller=caller(), idempotency=idempotency())
    return ok(call(OrdersRpc.create_shipment, command), "Shipment created", 201)


@api.get("/shipments/<string:id>", reply=Shipment)
def get_shipment(path: IdPath) -> Response:
    """Get a shipment of an own order."""
    return ok(call(ShippingRpc.get_shipment, shipment_id=path.id, caller=caller()), "Shipment")


@api.post("/shipments/<string:id>/events", reply=Shipment, statuses=(201,))
def add_shipment_event(path: IdPath, body: ShipmentEventRequest) -> Response:
    """Record a tracking event of a shipment."""
    command = AddShipmentEvent(**body.given(), shipment_id=path.id, caller=caller())
    return ok(call(ShippingRpc.add_event, command), "Event recorded", 201)


@api.get("/tracking/<string:number>", reply=Tracking)
def track(path: NumberPath) -> Response:
    """Get the tracking events of a shipment by its tracking number."""
    return ok(call(ShippingRpc.track, number=path.number), "Tracking")
