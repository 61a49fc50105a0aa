"""GraphQL clients: queries over HTTP, subscriptions over WebSocket (graphql-transport-ws)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from websockets.sync.client import ClientConnection, connect

from tests.support.shop import ADDRESS, PATIENCE, Client

CART = "cart { id itemCount items { sku quantity product { name } } total { amount currency } }"
ORDER = "id number status total { amount currency } items { sku quantity } accessKey"
PLACE = f"""mutation($input: PlaceOrderInput!, $key: String!) {{
  order: placeOrder(input: $input, idempotencyKey: $key) {{ {ORDER} }}
}}"""
ADD = """mutation($sku: String!, $quantity: Int!) {
  cart: addToCart(sku: $sku, quantity: $quantity) { id itemCount items { sku quantity } }
}"""
STATUS = "subscription($id: ID!, $after: Int) { orderStatus(id: $id, after: $after) { status sequence number } }"


@dataclass(frozen=True)
class GraphqlReply:
    status: int
    body: dict[str, Any]
    headers: Any

    @property
    def data(self) -> Any:
        assert "errors" not in self.body, self.body
        return self.body["data"]

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.body.get("errors", [])]

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.body["errors"][0]
        return error


def graphql(client: Client, query: str | None, headers: dict[str, str] | None = None, **variables: Any) -> GraphqlReply:
    """Send a document with variables, with the client's token and cart; a new guest's cart is kept in the client."""
    return send(client, {"query": query, "variables": variables}, headers)


def send(client: Client, body: Any, headers: dict[str, str] | None = None) -> GraphqlReply:
    """Send a body as it is."""
    sent = dict(headers or {})
    if client.token:
        sent.setdefault("Authorization", client.authorization)
    if client.cart:
        sent.setdefault("X-Cart-Id", client.cart)
    answer = requests.post(f"{client.url}/graphql", json=body, headers=sent, timeout=60)
    if client.token is None and "X-Cart-Id" in answer.headers:
        client.cart = answer.headers["X-Cart-Id"]
    return GraphqlReply(answer.status_code, answer.json(), answer.headers)


def order_input(client: Client, card: str = "pm_card_visa", **changes: Any) -> dict[str, Any]:
    """The input of `placeOrder`."""
    address = {("postalCode" if name == "postal_code" else name): value for name, value in ADDRESS.items()}
    body = {
        "shippingAddress": address,
        "shippingMethod": "standard",
        "paymentMethod": {"provider": "sandbox", "token": card},
    }
    if client.token is None:
        body["email"] = "guest@example.com"
    return body | changes


class Subscriber:
    """A socket that is acknowledged."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def receive(self, seconds: float = PATIENCE) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=seconds))
        return message

    def subscribe(self, operation: str, query: str, **variables: Any) -> None:
        self.send(type="subscribe", id=operation, payload={"query": query, "variables": variables})

    def next(self, field: str) -> dict[str, Any]:
        """The field of the next result."""
        message = self.receive()
        assert message["type"] == "next", message
        result: dict[str, Any] = message["payload"]["data"][field]
        return result


@contextmanager
def socket(url: str, headers: dict[str, str] | None = None) -> Iterator[ClientConnection]:
    """An open socket, before `connection_init`."""
    address = url.replace("http", "ws", 1) + "/graphql"
    with connect(address, subprotocols=["graphql-transport-ws"], additional_headers=headers) as connection:  # type: ignore[list-item]
        yield connection


@contextmanager
def subscriber(client: Client, **payload: str) -> Iterator[Subscriber]:
    """A socket of this client."""
    if client.token:
        payload = {"Authorization": client.authorization} | payload
    with socket(client.url) as connection:
        subscriber_ = Subscriber(connection)
        subscriber_.send(type="connection_init", payload=payload)
        assert subscriber_.receive() == {"type": "connection_ack"}
        yield subscriber_


def drain(connection: ClientConnection) -> None:
    """Read until the socket is closed, which raises `ConnectionClosed`."""
    while True:
        connection.recv(timeout=PATIENCE)
