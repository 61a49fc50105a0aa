"""The cart: a customer's own, or the one that a guest's `X-Cart-Id` names."""

from typing import Any

from flask import Response

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import cart_id, current_request
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import SkuPath
from gateway_flask.rpc.calls import call
from schemas.api.cart import AddItem, Cart, SetQuantity

api = Api("cart", "Cart", "Carts of guests (header `X-Cart-Id`) and of customers.", "/cart")

GUEST = {"who": Who.GUEST, "headers": ("X-Cart-Id",)}


@api.get("", reply=Cart, **GUEST)
def get_cart() -> Response:
    """The cart, priced afresh. Where there is none: an empty one with `id` null."""
    return _reply(call("cart", "get_cart", **whose()), "Cart")


@api.post("/items", reply=Cart, statuses=(201,), **GUEST)
def add_item(body: AddItem) -> Response:
    """Put a SKU into the cart; a guest's first item makes one."""
    return _reply(call("cart", "add_item", **body.model_dump(), **whose()), "Added to the cart", 201)


@api.patch("/items/<path:sku>", reply=Cart, **GUEST)
def set_quantity(path: SkuPath, body: SetQuantity) -> Response:
    """How many of a SKU there shall be."""
    return _reply(call("cart", "set_quantity", sku=path.sku, quantity=body.quantity, **whose()), "Cart changed")


@api.delete("/items/<path:sku>", reply=Cart, **GUEST)
def remove_item(path: SkuPath) -> Response:
    """Take a SKU out."""
    return _reply(call("cart", "remove_item", sku=path.sku, **whose()), "Removed from the cart")


@api.delete("", reply=Cart, **GUEST)
def clear_cart() -> Response:
    """Take everything out."""
    return _reply(call("cart", "clear", **whose()), "Cart emptied")


def whose() -> dict[str, Any]:
    """Whose cart: who is signed in has just their own."""
    if user := current_request().caller.user_id:
        return {"cart_id": None, "user_id": user}
    return {"cart_id": cart_id(), "user_id": None}


def _reply(cart: dict[str, Any], message: str, status: int = 200) -> Response:
    headers = {"X-Cart-Id": cart["id"]} if cart.get("id") and current_request().caller.user_id is None else None
    return ok(cart, message, status, headers)
