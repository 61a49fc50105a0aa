"""The works at Vendure's shop API (GraphQL), with the fewest requests that a storefront can make."""

import random
from collections.abc import Callable
from typing import Any, Final

import orjson

from bench.load import Refused, Work
from bench.peers.terms import TERMS
from bench.wire import Connection
from bench.works import ADDRESS

VARIANTS: Final = 1000
ERROR: Final = "__typename ... on ErrorResult { errorCode message }"
LIST: Final = """query($skip: Int!) { products(options: {take: 20, skip: $skip}) { totalItems items {
  id name slug description featuredAsset { preview }
} } }"""
"""Without prices and stock, which ours has: Vendure reads those by product and variant, at a hundred times the cost."""
DETAIL: Final = """query($id: ID!) { product(id: $id) {
  id name slug description featuredAsset { preview } facetValues { id name }
  variants { id name sku priceWithTax currencyCode stockLevel options { id name } }
} }"""
SEARCH: Final = """query($term: String!) { search(input: {term: $term, take: 20, groupByProduct: true}) { totalItems
  items { productId productName slug description inStock priceWithTax { ... on PriceRange { min max } } }
  facetValues { count facetValue { id name } }
} }"""
ADD: Final = (
    "mutation($id: ID!) { addItemToOrder(productVariantId: $id, quantity: 1) {"
    f" {ERROR} ... on Order {{ id code totalWithTax lines {{ id quantity linePriceWithTax }} }} }} }}"
)
ADDRESSED: Final = f"""mutation($customer: CreateCustomerInput!, $address: CreateAddressInput!) {{
  setCustomerForOrder(input: $customer) {{ {ERROR} }}
  setOrderShippingAddress(input: $address) {{ {ERROR} }}
}}"""
METHODS: Final = "{ eligibleShippingMethods { id name priceWithTax } }"
PAID: Final = f"""mutation($method: ID!) {{
  setOrderShippingMethod(shippingMethodId: [$method]) {{ {ERROR} }}
  transitionOrderToState(state: "ArrangingPayment") {{ __typename ... on Order {{ id state }} }}
  addPaymentToOrder(input: {{method: "standard-payment", metadata: {{}}}}) {{
    {ERROR} ... on Order {{ id code state totalWithTax }}
  }}
}}"""
CUSTOMER: Final = {"emailAddress": "bench@example.com", "firstName": "Bench", "lastName": "Mark"}
DELIVERY: Final = {
    "fullName": ADDRESS["name"],
    "streetLine1": ADDRESS["line1"],
    "city": ADDRESS["city"],
    "province": ADDRESS["region"],
    "postalCode": ADDRESS["postal_code"],
    "countryCode": ADDRESS["country"],
}


class _Session:
    """A guest; the token of the first reply is sent from then on."""

    def __init__(self, client: Connection) -> None:
        self._client = client
        self._headers: dict[str, str] = {}

    def query(self, document: str, **variables: Any) -> Any:
        """The data of the reply. Raises `Refused` for errors of GraphQL and of Vendure."""
        body = {"query": document, "variables": variables}
        status, headers, content = self._client.request("POST", "", body, self._headers)
        if status != 200:
            raise Refused(str(status))
        if token := headers.get(b"vendure-auth-token"):
            self._headers = {"Authorization": f"Bearer {token.decode()}"}
        reply = orjson.loads(content)
        if reply.get("errors"):
            raise Refused(reply["errors"][0]["message"])
        for result in reply["data"].values():
            if isinstance(result, dict) and result.get("errorCode"):
                raise Refused(result["errorCode"])
        return reply["data"]


def works(port: int) -> dict[str, Callable[[int], Work]]:
    """The function that makes a client of each work."""

    def client() -> Connection:
        return Connection("127.0.0.1", port, prefix="/shop-api")

    def reading(document: str, variables: Callable[[random.Random], dict[str, Any]]) -> Callable[[int], Work]:
        def make(number: int) -> Work:
            session, chance = _Session(client()), random.Random(number)
            return lambda: session.query(document, **variables(chance))

        return make

    def add_to_cart(number: int) -> Work:
        connection, chance = client(), random.Random(number)
        return lambda: _Session(connection).query(ADD, id=str(_variant(chance)))

    def checkout(number: int) -> Work:
        connection, chance = client(), random.Random(number)

        def work() -> None:
            session = _Session(connection)
            session.query(ADD, id=str(_variant(chance)))
            session.query(ADDRESSED, customer=CUSTOMER, address=DELIVERY)
            method = session.query(METHODS)["eligibleShippingMethods"][0]["id"]
            order = session.query(PAID, method=method)["addPaymentToOrder"]
            if order["state"] != "PaymentSettled":
                raise Refused(f"order {order['state']}")

        return work

    return {
        "list 20 products": reading(LIST, lambda chance: {"skip": 20 * chance.randint(0, 9)}),
        "product detail": reading(DETAIL, lambda chance: {"id": str(chance.randint(1, VARIANTS))}),
        "search": reading(SEARCH, lambda chance: {"term": chance.choice(TERMS)}),
        "add to a new guest cart": add_to_cart,
        "whole checkout of a guest": checkout,
    }


def _variant(chance: random.Random) -> int:
    """One of fifty, as in our own works."""
    return 1 + 20 * chance.randint(0, VARIANTS // 20 - 1)
