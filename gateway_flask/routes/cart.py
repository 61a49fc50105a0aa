"""The cart: a customer's own, or the one that a guest's `X-Cart-Id` names."""

from flask import Response

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller, cart_id, current_request
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import SkuPath
from gateway_flask.rpc.calls import call
from schemas.api.cart import AddItem, Cart, CartId, SetQuantity
from schemas.rpc.cart import CartRpc
from services.chassis.messaging.typed_calls import Reply

api = Api("cart", "Cart", "Carts of guests (header `X-Cart-Id`) and of customers.", "/cart")

GUEST = {"headers": ("X-Cart-Id",)}


@api.get("", reply=Cart, **GUEST)
def get_cart() -> Response:
    """Get the cart at today's prices. Where there is none: an empty one with `id` null."""
    return _reply(call(CartRpc.get_cart, cart_id=guest_cart_id(), caller=caller()), "Cart")


@api.post("/items", reply=Cart, statuses=(201,), **GUEST)
def add_item(body: AddItem) -> Response:
    """Add units of a SKU to the cart; a guest's first item creates one."""
    cart = call(CartRpc.add_item, sku=body.sku, quantity=body.quantity, cart_id=guest_cart_id(), caller=caller())
    return _reply(cart, "Added to the cart", 201)


@api.patch("/items/<path:sku>", reply=Cart, **GUEST)
def set_quantity(path: SkuPath, body: SetQuantity) -> Response:
    """Set the quantity of a SKU in the cart."""
    cart = call(CartRpc.set_quantity, sku=path.sku, quantity=body.quantity, cart_id=guest_cart_id(), caller=caller())
    return _reply(cart, "Cart changed")


@api.delete("/items/<path:sku>", reply=Cart, **GUEST)
def remove_item(path: SkuPath) -> Response:
    """Remove a SKU from the cart."""
    cart = call(CartRpc.remove_item, sku=path.sku, cart_id=guest_cart_id(), caller=caller())
    return _reply(cart, "Removed from the cart")


@api.delete("", reply=Cart, **GUEST)
def clear_cart() -> Response:
    """Remove everything from the cart."""
    return _reply(call(CartRpc.clear, cart_id=guest_cart_id(), caller=caller()), "Cart emptied")


def guest_cart_id() -> CartId | None:
    """The cart that a guest names; a signed-in caller has only their own. Raises `ValidationFailed` for either."""
    named = cart_id()
    return None if current_request().caller.user_id else named


def _reply(cart: Reply[Cart], message: str, status: int = 200) -> Response:
    guests_cart = cart.json["id"] if current_request().caller.user_id is None else None
    return ok(cart, message, status, {"X-Cart-Id": guests_cart} if guests_cart else None)
