"""Orders: checkout, cancellation, fulfilment."""

from flask import Response, current_app

from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.request_context import caller, cart_id, current_request, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath
from gateway_flask.rpc.calls import call, call_within
from gateway_flask.settings import GatewaySettings
from schemas.api.orders import (
    CancelOrder,
    CancelRequest,
    Order,
    OrderHistoryEntry,
    OrderQuery,
    OrderRequest,
    OrderSummary,
    PlaceOrder,
    SetStatus,
    StatusRequest,
)
from schemas.rpc.orders import OrdersRpc

api = Api("orders", "Orders", "Place orders, follow and fulfil them.", "/orders")

UNDECIDED = ("pending", "awaiting_payment")


@api.post("", reply=Order, statuses=(201, 202), key="must", headers=("X-Cart-Id",))
def place_order(body: OrderRequest) -> Response:
    """Place an order for the cart.

    202: the outcome is not known yet; get the order until its status is final.
    """
    return place(body)


def place(body: OrderRequest) -> Response:
    """Place the order; GraphQL's `placeOrder` does the same."""
    cart = None if current_request().caller.user_id else cart_id()
    command = PlaceOrder(**body.given(), cart_id=cart, caller=caller(), idempotency=idempotency())
    settings: GatewaySettings = current_app.extensions["settings"]
    order = call_within(settings.gateway_order_seconds, OrdersRpc.place_order, command)
    undecided = order.json["status"] in UNDECIDED
    return ok(order, "Order received" if undecided else "Thank you for your order", 202 if undecided else 201)


@api.get("", reply=OrderSummary, many=True)
def list_orders(query: OrderQuery) -> Response:
    """List the caller's orders; all orders for an administrator."""
    return listing(call(OrdersRpc.list_orders, query=query, caller=caller()), "Orders")


@api.get("/<string:id>", reply=Order, headers=("X-Order-Key",))
def get_order(path: IdPath) -> Response:
    """Get an own order; a guest's with its `X-Order-Key`."""
    return ok(call(OrdersRpc.get_order, order_id=path.id, caller=caller()), "Order")


@api.post("/<string:id>/cancel", reply=Order, key="must", headers=("X-Order-Key",))
def cancel_order(path: IdPath, body: CancelRequest) -> Response:
    """Cancel what has not been shipped of an order, or some lines of it: refund its price and return its stock."""
    return cancel(path.id, body)


def cancel(order_id: str, body: CancelRequest) -> Response:
    """Cancel the order; GraphQL's `cancelOrder` does the same."""
    command = CancelOrder(**body.given(), order_id=order_id, caller=caller(), idempotency=idempotency())
    return ok(call(OrdersRpc.cancel, command), "Order cancelled")


@api.patch("/<string:id>/status", reply=Order)
def set_order_status(path: IdPath, body: StatusRequest) -> Response:
    """Advance the fulfilment of an order by one step."""
    command = SetStatus(**body.given(), order_id=path.id, caller=caller())
    return ok(call(OrdersRpc.set_status, command), "Order updated")


@api.get("/<string:id>/events", reply=OrderHistoryEntry, many=True, headers=("X-Order-Key",))
def order_events(path: IdPath) -> Response:
    """List the events of an own order, oldest first."""
    return ok(call(OrdersRpc.history, order_id=path.id, caller=caller()), "Order events")
