"""What sending costs, and where a parcel is."""

from typing import Any

from flask import Response

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller, current_request, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.cart import whose
from gateway_flask.routes.paths import IdPath, NumberPath
from gateway_flask.rpc.calls import call
from schemas.api.shipping import (
    Rate,
    RatesRequest,
    Shipment,
    ShipmentEventRequest,
    ShipmentRequest,
    ShippingMethod,
    Tracking,
)

api = Api("shipping", "Shipping", "Rates, shipments and tracking.")


@api.post("/shipping/rates", reply=Rate, many=True, who=Who.GUEST, headers=("X-Cart-Id",))
def shipping_rates(body: RatesRequest) -> Response:
    """What it costs to send a cart there, by each method that goes there: the own one, or the guest's `cart_id`."""
    address = body.address.model_dump()
    others = body.cart_id is not None and body.cart_id != current_request().caller.user_id
    cart: dict[str, Any] = {"cart_id": body.cart_id, "user_id": None} if others else whose()
    goods = call("cart", "checkout_view", **cart, country=address["country"], region=address["region"])
    parcel = {key: goods[key] for key in ("subtotal", "weight_g", "currency")}
    return ok(call("shipping", "quote", address=address, **parcel), "Shipping rates")


@api.get("/shipping/methods", reply=ShippingMethod, many=True, who=Who.ANYONE)
def shipping_methods() -> Response:
    """Every method and where it goes."""
    return ok(call("shipping", "methods"), "Shipping methods")


@api.post("/shipments", reply=Shipment, statuses=(201,), who=Who.VENDOR, key="may")
def create_shipment(body: ShipmentRequest) -> Response:
    """Send a parcel of an order: all of it that is yours to send, or the lines named."""
    said = body.model_dump()
    parcel = call("orders", "parcel", order_id=body.order_id, items=said["items"], caller=caller())
    sent = said | parcel | {"method": body.method or parcel["method"]}
    shipment = call("shipping", "create_shipment", **sent, caller=caller(), idempotency=idempotency())
    return ok(shipment, "Shipment created", 201)


@api.get("/shipments/<string:id>", reply=Shipment, who=Who.SIGNED_IN)
def get_shipment(path: IdPath) -> Response:
    """A parcel of an own order."""
    return ok(call("shipping", "get_shipment", shipment_id=path.id, caller=caller()), "Shipment")


@api.post("/shipments/<string:id>/events", reply=Shipment, statuses=(201,), who=Who.VENDOR)
def add_shipment_event(path: IdPath, body: ShipmentEventRequest) -> Response:
    """Say what happened to a parcel on its way."""
    shipment = call("shipping", "add_event", shipment_id=path.id, **body.model_dump(), caller=caller())
    return ok(shipment, "Event recorded", 201)


@api.get("/tracking/<string:number>", reply=Tracking, who=Who.ANYONE)
def track(path: NumberPath) -> Response:
    """Where the parcel with this number is."""
    return ok(call("shipping", "track", number=path.number), "Tracking")
