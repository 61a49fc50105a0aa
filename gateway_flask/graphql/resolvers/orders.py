"""Orders: reading, checkout, cancellation. Idempotent as the REST routes are, and together with them."""

from typing import Any

import orjson
from flask import Response

from gateway_flask.graphql.arguments import model, order_id_of, renamed, snake_keys
from gateway_flask.graphql.connections import AFTER, by_cursor
from gateway_flask.graphql.fields import Info, resolves
from gateway_flask.middleware import idempotency
from gateway_flask.middleware.request_context import caller
from gateway_flask.routes import orders as rest
from gateway_flask.rpc.calls import call
from schemas.api.orders import CancelRequest, OrderQuery, OrderRequest
from schemas.rpc.orders import OrdersRpc
from services.chassis.common.errors import ValidationFailed, from_wire

Json = dict[str, Any]
INPUT = "input"


@resolves("Query.order")
def order(_: None, __: Info, id: str) -> Json:
    reply: Json = call(OrdersRpc.get_order, order_id=order_id_of(id), caller=caller()).json
    return reply


@resolves("Query.orders")
def orders(_: None, info: Info, first: int, sort: str, after: str | None = None, status: str | None = None) -> Json:
    def read(limit: int, cursor: str | None, counted: bool) -> Json:
        values = {"sort": sort, "limit": limit, "cursor": cursor, "status": status}
        query = model(OrderQuery, {name: value for name, value in values.items() if value is not None}, names=AFTER)
        list_ = OrdersRpc.list_orders if counted else OrdersRpc.list_uncounted
        reply: Json = call(list_, query=query, caller=caller()).json
        return reply

    return by_cursor(info, read, first, after)


@resolves("Mutation.placeOrder")
def place_order(_: None, __: Info, input: Json, idempotencyKey: str) -> Json:
    sent = snake_keys(input)
    request = model(OrderRequest, sent, at=INPUT)
    return _once("/api/v1/orders", sent, idempotencyKey, lambda: rest.place(request))


@resolves("Mutation.cancelOrder")
def cancel_order(_: None, __: Info, id: str, idempotencyKey: str, input: Json | None = None) -> Json:
    order_id, sent = order_id_of(id), snake_keys(input or {})
    request = model(CancelRequest, sent, at=INPUT)
    return _once(f"/api/v1/orders/{order_id}/cancel", sent, idempotencyKey, lambda: rest.cancel(order_id, request))


def _once(path: str, body: Json, key: str, work: Any) -> Json:
    """The order of `work`, done once under this key, or of the reply that is stored under it.

    The key and the fingerprint are those of the REST route with the same body, so a request that is repeated there
    gives the same order.
    """
    response: Response = idempotency.once(work, idempotency.Command(key, "POST", path, body))
    reply = orjson.loads(response.get_data())
    if reply["success"]:
        data: Json = reply["data"]
        return data
    error = from_wire(reply["error"])
    raise renamed(error, INPUT) if isinstance(error, ValidationFailed) else error
