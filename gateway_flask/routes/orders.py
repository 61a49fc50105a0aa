"""Orders, from the purchase to the door."""

from flask import Response

from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller, cart_id, current_request, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath
from gateway_flask.rpc.calls import call
from schemas.api.orders import (
    CancelRequest,
    Order,
    OrderHistoryEntry,
    OrderQuery,
    OrderRequest,
    OrderSummary,
    StatusRequest,
)
from services.chassis.common.errors import ValidationFailed

api = Api("orders", "Orders", "Buying, and what became of it.", "/orders")

UNDECIDED = ("pending", "awaiting_payment")
PLACE_SECONDS = 8.0
"""Longer than the 5 s after which `orders` answers with the order as it stands."""


@api.post("", reply=Order, statuses=(201, 202), who=Who.GUEST, key="must", headers=("X-Cart-Id",))
def place_order(body: OrderRequest) -> Response:
    """Buy the cart. 202: the outcome isn't known yet, read the order until it has ended."""
    guest = current_request().caller.user_id is None
    if guest and cart_id() is None:
        raise ValidationFailed.of("X-Cart-Id", "is needed to order as a guest")
    if guest and body.email is None:
        raise ValidationFailed.of("email", "is needed to order as a guest")
    cart = cart_id() if guest else None
    order = call(
        "orders",
        "place_order",
        deadline=PLACE_SECONDS,
        **body.model_dump(mode="json", exclude_none=True),
        cart_id=cart,
        caller=caller(),
        idempotency=idempotency(),
    )
    undecided = order["status"] in UNDECIDED
    return ok(order, "Order received" if undecided else "Thank you for your order", 202 if undecided else 201)


@api.get("", reply=OrderSummary, many=True, who=Who.SIGNED_IN)
def list_orders(query: OrderQuery) -> Response:
    """The own orders; all of them for an administrator."""
    return listing(call("orders", "list_orders", query=query.model_dump(exclude_none=True), caller=caller()), "Orders")


@api.get("/<string:id>", reply=Order, who=Who.GUEST, headers=("X-Order-Key",))
def get_order(path: IdPath) -> Response:
    """An own order; a guest's with its `X-Order-Key`."""
    return ok(call("orders", "get_order", order_id=path.id, caller=caller()), "Order")


@api.post("/<string:id>/cancel", reply=Order, who=Who.GUEST, key="may", headers=("X-Order-Key",))
def cancel_order(path: IdPath, body: CancelRequest) -> Response:
    """Undo an order that has not been shipped: money back, goods back."""
    order = call("orders", "cancel", order_id=path.id, **body.model_dump(), caller=caller(), idempotency=idempotency())
    return ok(order, "Order cancelled")


@api.patch("/<string:id>/status", reply=Order, who=Who.VENDOR)
def set_order_status(path: IdPath, body: StatusRequest) -> Response:
    """The next step of the fulfilment."""
    changes = body.model_dump(exclude_none=True)
    return ok(call("orders", "set_status", order_id=path.id, **changes, caller=caller()), "Order updated")


@api.get("/<string:id>/events", reply=OrderHistoryEntry, many=True, who=Who.GUEST, headers=("X-Order-Key",))
def order_events(path: IdPath) -> Response:
    """Everything that happened to an order, in order."""
    return ok(call("orders", "history", order_id=path.id, caller=caller()), "Order events")
