"""The cart: a customer's own, or the one that a guest's `X-Cart-Id` names."""

from typing import Any

from gateway_flask.graphql.arguments import model
from gateway_flask.graphql.context import ExecutionContext
from gateway_flask.graphql.fields import Info, resolves
from gateway_flask.middleware.request_context import caller, current_request
from gateway_flask.routes.cart import guest_cart_id
from gateway_flask.routes.paths import SkuPath
from gateway_flask.rpc.calls import call
from schemas.api.cart import AddItem, Cart
from schemas.rpc.cart import CartRpc
from services.chassis.messaging.typed_calls import Reply

Json = dict[str, Any]


@resolves("Query.cart")
def cart(_: None, info: Info) -> Json:
    return _noted(info, call(CartRpc.get_cart, cart_id=guest_cart_id(), caller=caller()))


@resolves("Mutation.addToCart")
def add_to_cart(_: None, info: Info, sku: str, quantity: int) -> Json:
    item = model(AddItem, {"sku": sku, "quantity": quantity})
    reply = call(CartRpc.add_item, sku=item.sku, quantity=item.quantity, cart_id=_cart_id(info), caller=caller())
    return _noted(info, reply)


@resolves("Mutation.updateCartItem")
def update_cart_item(_: None, info: Info, sku: str, quantity: int) -> Json:
    item = model(AddItem, {"sku": sku, "quantity": quantity})
    reply = call(CartRpc.set_quantity, sku=item.sku, quantity=item.quantity, cart_id=_cart_id(info), caller=caller())
    return _noted(info, reply)


@resolves("Mutation.removeFromCart")
def remove_from_cart(_: None, info: Info, sku: str) -> Json:
    line = model(SkuPath, {"sku": sku})
    return _noted(info, call(CartRpc.remove_item, sku=line.sku, cart_id=_cart_id(info), caller=caller()))


def _cart_id(info: Info) -> str | None:
    """The guest's cart; one that an earlier field of this request has created counts."""
    context: ExecutionContext = info.context
    sent = guest_cart_id()
    return sent if sent is not None or current_request().caller.user_id else context.headers.get("X-Cart-Id")


def _noted(info: Info, reply: Reply[Cart]) -> Json:
    """The cart; that of a guest is named in the reply's header as well."""
    cart_: Json = reply.json
    if current_request().caller.user_id is None and cart_["id"]:
        info.context.headers["X-Cart-Id"] = cart_["id"]
    return cart_
