"""Place an order with a client that openapi-python-client generated from the shop's OpenAPI document.

usage: python place_order.py URL guest|customer; prints the order's id and status as JSON.
"""

import json
import sys
from typing import TypeVar, cast
from uuid import uuid4

from ultramarket_client import AuthenticatedClient, Client
from ultramarket_client.api.auth.register import sync as register
from ultramarket_client.api.cart.add_item import sync as add_item
from ultramarket_client.api.orders.get_order import sync as get_order
from ultramarket_client.api.orders.place_order import sync as place_order
from ultramarket_client.api.products.get_product import sync as get_product
from ultramarket_client.api.products.list_products import sync as list_products
from ultramarket_client.models.add_item import AddItem
from ultramarket_client.models.failure import Failure
from ultramarket_client.models.order import Order
from ultramarket_client.models.order_request import OrderRequest
from ultramarket_client.models.payment_method_request import PaymentMethodRequest
from ultramarket_client.models.postal_address import PostalAddress
from ultramarket_client.models.register_request import RegisterRequest
from ultramarket_client.types import UNSET, Unset

T = TypeVar("T")
ADDRESS = PostalAddress(
    name="Ada Lovelace",
    line1="12 St James's Square",
    city="Springfield",
    region="OR",
    postal_code="97477",
    country="US",
)


def success(reply: T | Failure | None) -> T:
    """The reply of a request that succeeded. Raises with the error's code otherwise."""
    if reply is None:
        raise RuntimeError("The reply is not in the document.")
    if isinstance(reply, Failure):
        raise RuntimeError(f"{reply.error.code}: {reply.error.message}")
    return reply


def available_sku(client: AuthenticatedClient) -> str:
    """A SKU that can be bought now."""
    for product in success(list_products(client=client, in_stock=True, limit=20)).data:
        for variant in success(get_product(str(product.id), client=client)).data.variants:
            if variant.available:
                return str(variant.sku)
    raise RuntimeError("Nothing is in stock.")


def buy(client: AuthenticatedClient, email: str | Unset) -> Order:
    """Put one unit into the cart and order it."""
    cart = success(add_item(client=client, body=AddItem(sku=available_sku(client), quantity=1))).data
    body = OrderRequest(
        shipping_address=ADDRESS,
        shipping_method="standard",
        payment_method=PaymentMethodRequest(provider="sandbox", token="pm_card_visa"),
        email=email,
    )
    # A customer's cart is that of the token, a guest's is named. A new key for each order: a retry sends the same.
    cart_id = UNSET if isinstance(email, Unset) else str(cart.id)
    return success(place_order(client=client, body=body, idempotency_key=str(uuid4()), x_cart_id=cart_id)).data


def main(url: str, role: str) -> None:
    """Order as a guest, or as a customer who is registered for it."""
    guest = Client(base_url=url)
    email = f"{uuid4().hex[:12]}@example.com"
    if role == "guest":
        # The generator types a client as authenticated where a token is optional, too.
        order = buy(cast(AuthenticatedClient, guest), email)
        print(json.dumps({"id": str(order.id), "status": order.status, "access_key": order.access_key}))
        return
    person = RegisterRequest(email=email, password="correct horse battery", first_name="Ada", last_name="Lovelace")
    account = success(register(client=guest, body=person)).data
    customer = AuthenticatedClient(base_url=url, token=account.access_token)
    order = success(get_order(buy(customer, UNSET).id, client=customer)).data
    print(json.dumps({"id": str(order.id), "status": order.status, "access_token": account.access_token}))


if __name__ == "__main__":
    main(*sys.argv[1:])
