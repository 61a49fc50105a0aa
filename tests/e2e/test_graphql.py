"""GraphQL over HTTP: reading, carts and orders, with the codes and the idempotency of the REST routes."""

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.support.graphql import ADD, CART, PLACE, STATUS, GraphqlReply, graphql, order_input, send, subscriber
from tests.support.shop import Client, Shop, eventually, new_key

ONE = "query($id: ID!) { order(id: $id) { number } }"
LIST = """query($first: Int, $after: String, $filter: ProductFilter) {
  products(first: $first, after: $after, filter: $filter, sort: PRICE) {
    totalCount edges { cursor node { id name price category { name parent { name } } variants { sku } } }
    pageInfo { hasNextPage endCursor }
  }
}"""


def place(client: Client, key: str, **changes: Any) -> GraphqlReply:
    return graphql(client, PLACE, input=order_input(client, **changes), key=key)


def test_product_is_read_by_id_and_slug(shop: Shop) -> None:
    listed = shop.guest()("GET", "/products?limit=1").data[0]
    rest = shop.guest()("GET", f"/products/{listed['id']}").data
    query = """query($id: ID!) { product(id: $id) {
      id slug name price money { amount currency } variants { sku available }
    } }"""

    replies = [graphql(shop.guest(), query, id=name).data["product"] for name in (rest["id"], rest["slug"])]

    assert replies[0] == replies[1]
    assert replies[0] == {
        "id": rest["id"],
        "slug": rest["slug"],
        "name": rest["title"],
        "price": rest["price"]["amount"] / 100,
        "money": rest["price"],
        "variants": [{"sku": each["sku"], "available": each["available"]} for each in rest["variants"]],
    }


def test_unknown_product_is_not_found(shop: Shop) -> None:
    reply = graphql(shop.guest(), '{ product(id: "no-such-thing") { name } }')

    assert (reply.status, reply.body["data"], reply.codes) == (200, {"product": None}, ["NOT_FOUND"])
    assert reply.error["path"] == ["product"]


def test_connection_pages_are_those_of_the_list(shop: Shop) -> None:
    guest = shop.guest()
    listed = [item["id"] for item in guest("GET", "/products?sort=price&limit=25&category=smartphones").data]
    filter_ = {"category": "smartphones"}

    ids: list[str] = []
    after, more = None, True
    while more and len(ids) < 25:
        page = graphql(guest, LIST, first=4, after=after, filter=filter_).data["products"]
        ids += [edge["node"]["id"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    middle = graphql(guest, LIST, first=10, filter=filter_).data["products"]["edges"][2]["cursor"]
    rest = graphql(guest, LIST, first=3, after=middle, filter=filter_).data["products"]

    assert ids[: len(listed)] == listed
    assert page["totalCount"] == guest("GET", "/products?category=smartphones&limit=1").body["pagination"]["total"]
    assert [edge["node"]["id"] for edge in rest["edges"]] == listed[3:6]


def test_search_has_facets_and_pages(shop: Shop) -> None:
    query = """query($after: String) { search(query: "phone", first: 3, after: $after) {
      totalCount degraded edges { sku node { id } } facets { field type values { value count } } pageInfo { endCursor }
    } }"""

    first = graphql(shop.guest(), query).data["search"]
    second = graphql(shop.guest(), query, after=first["pageInfo"]["endCursor"]).data["search"]

    listed = shop.guest()("GET", "/search?q=phone&limit=6").data
    ids = [edge["node"]["id"] for page in (first, second) for edge in page["edges"]]
    assert ids == [item["id"] for item in listed["items"]]
    assert {facet["field"] for facet in first["facets"]} == {facet["field"] for facet in listed["facets"]}


def test_guest_orders_the_cart(shop: Shop) -> None:
    guest, sku = shop.guest(), shop.product(stock=5)

    cart = graphql(guest, ADD, sku=sku, quantity=2).data["cart"]
    order = place(guest, new_key()).data["order"]

    assert cart["items"] == [{"sku": sku, "quantity": 2}]
    assert (order["status"], order["items"]) == ("CONFIRMED", [{"sku": sku, "quantity": 2}])
    seen = graphql(guest, ONE, {"X-Order-Key": order["accessKey"]}, id=order["id"])
    assert seen.data["order"]["number"] == order["number"]
    assert graphql(guest, ONE, id=order["id"]).codes == ["NOT_FOUND"]
    assert eventually(lambda: graphql(guest, f"{{ {CART} }}").data["cart"]["itemCount"] == 0)


def test_one_key_gives_one_order_in_both_apis(shop: Shop) -> None:
    customer, sku, key = shop.customer(), shop.product(stock=20), new_key()
    customer.add(sku, 2)

    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: place(customer, key), range(6)))
    placed = eventually(lambda: (reply := place(customer, key)).codes == [] and reply.data["order"])
    rest = customer.order(key=key)

    assert Counter(code for reply in replies for code in reply.codes) <= Counter({"IDEMPOTENCY_IN_PROGRESS": 5})
    assert {reply.data["order"]["id"] for reply in replies if not reply.codes} == {placed["id"]}
    assert (rest.status, rest.data["id"]) == (201, placed["id"])
    assert eventually(lambda: customer("GET", "/orders").body["pagination"]["total"] == 1)
    assert place(customer, key, note="another").codes == ["IDEMPOTENCY_KEY_REUSED"]


def test_declined_order_has_code_and_details(shop: Shop) -> None:
    customer, sku, key = shop.customer(), shop.product(), new_key()
    customer.add(sku)

    declined = [place(customer, key, card="pm_card_declined") for _ in range(2)]

    assert [reply.codes for reply in declined] == [["PAYMENT_DECLINED"]] * 2
    assert declined[0].error == declined[1].error
    assert declined[0].error["extensions"]["details"][0]["order_id"]


def test_too_many_units_are_out_of_stock(shop: Shop) -> None:
    sku = shop.product(stock=2)

    reply = graphql(shop.guest(), ADD, sku=sku, quantity=3)

    assert reply.codes == ["OUT_OF_STOCK"]
    assert reply.error["extensions"]["details"] == [{"sku": sku, "requested": 3, "available": 2}]


def test_cart_is_changed_and_order_cancelled(shop: Shop) -> None:
    customer, kept, removed = shop.customer(), shop.product(), shop.product()
    for sku in (kept, removed):
        graphql(customer, ADD, sku=sku, quantity=1)
    change = """mutation($kept: String!, $removed: String!) {
      updateCartItem(sku: $kept, quantity: 3) { itemCount }
      removeFromCart(sku: $removed) { itemCount items { sku product { name } } }
    }"""
    cancel = """mutation($id: ID!, $key: String!) {
      cancelOrder(id: $id, input: {reason: "changed my mind"}, idempotencyKey: $key) { status }
    }"""

    changed = graphql(customer, change, kept=kept, removed=removed).data
    order = place(customer, new_key()).data["order"]
    cancelled = graphql(customer, cancel, id=order["id"], key=new_key()).data["cancelOrder"]
    orders = "{ orders(first: 5) { totalCount edges { node { id status itemCount } } } }"

    assert [cart["itemCount"] for cart in changed.values()] == [4, 3]
    assert changed["removeFromCart"]["items"] == [{"sku": kept, "product": {"name": f"Test product {kept}"}}]
    assert cancelled["status"] == "CANCELLED"
    node = {"id": order["id"], "status": "CANCELLED", "itemCount": 3}
    assert eventually(lambda: graphql(customer, orders).data["orders"] == {"totalCount": 1, "edges": [{"node": node}]})


def test_order_is_hidden_from_other_customers(shop: Shop) -> None:
    owner, other = shop.customer(), shop.customer()
    owner.add(shop.product())
    order = place(owner, new_key()).data["order"]
    cancel = "mutation($id: ID!, $key: String!) { cancelOrder(id: $id, idempotencyKey: $key) { status } }"

    assert graphql(other, ONE, id=order["id"]).codes == ["NOT_FOUND"]
    assert graphql(other, cancel, id=order["id"], key=new_key()).codes == ["NOT_FOUND"]
    assert graphql(other, "{ orders { totalCount } }").data == {"orders": {"totalCount": 0}}
    with subscriber(other) as stranger:
        stranger.subscribe("1", STATUS, id=order["id"])
        assert stranger.receive()["payload"][0]["extensions"]["code"] == "NOT_FOUND"
    assert graphql(owner, ONE, id=order["id"]).data["order"]["number"] == order["number"]


def test_invalid_input_names_its_field(shop: Shop) -> None:
    customer = shop.customer()
    address = order_input(customer)["shippingAddress"] | {"country": "XX"}

    reply = place(customer, new_key(), shippingAddress=address)

    assert reply.codes == ["VALIDATION_ERROR"]
    assert [detail["field"] for detail in reply.error["extensions"]["details"]] == ["input.shippingAddress.country"]


def test_refusals_have_codes_and_statuses(shop: Shop) -> None:
    guest, url = shop.guest(), f"{shop.url}/graphql"

    form = requests.post(url, data={"query": "{ me { id } }"}, timeout=60)
    by_get = requests.get(url, params={"query": 'mutation { removeFromCart(sku: "X") { id } }'}, timeout=60)
    refused = {
        "token": send(guest, {"query": "{ me { id } }"}, {"Authorization": "Bearer nothing"}),
        "batch": send(guest, [{"query": "{ me { id } }"}]),
        "field": graphql(guest, "{ nothing }"),
        "syntax": graphql(guest, "{"),
        "guest": graphql(guest, "{ me { id } }"),
        "key": graphql(guest, "{ cart { id } }", {"X-API-Key": "umk_" + "x" * 30}),
    }

    assert (form.status_code, form.json()["errors"][0]["extensions"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert (by_get.status_code, by_get.json()["errors"][0]["extensions"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert {name: (reply.status, *reply.codes) for name, reply in refused.items()} == {
        "token": (401, "UNAUTHENTICATED"),
        "batch": (400, "BAD_REQUEST"),
        "field": (422, "VALIDATION_ERROR"),
        "syntax": (400, "BAD_REQUEST"),
        "guest": (200, "UNAUTHENTICATED"),
        "key": (401, "UNAUTHENTICATED"),
    }


def test_document_is_sent_once_and_named_by_its_hash(shop: Shop) -> None:
    query = f'{{ product(id: "no-such-{new_key()}") {{ name }} }}'
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}}
    guest = shop.guest()

    unknown = send(guest, {"extensions": persisted})
    sent = send(guest, {"query": query, "extensions": persisted})
    named = send(guest, {"extensions": persisted})
    other = send(guest, {"query": "{ me { id } }", "extensions": persisted})

    assert (unknown.status, unknown.codes, unknown.error["message"]) == (
        200,
        ["PERSISTED_QUERY_NOT_FOUND"],
        "PersistedQueryNotFound",
    )
    assert sent.body == named.body
    assert named.codes == ["NOT_FOUND"]
    assert (other.status, other.codes) == (400, ["BAD_REQUEST"])


def test_api_key_is_bound_to_its_scopes(shop: Shop) -> None:
    admin = shop.admin
    made = admin("POST", "/auth/api-keys", {"name": "reader", "scopes": ["orders.read"]})
    headers = {"X-API-Key": made.data["key"]}
    guest = shop.guest()

    assert graphql(guest, "{ orders(first: 1) { totalCount } }", headers).codes == []
    assert graphql(guest, ADD, headers, sku="MUG", quantity=1).codes == ["FORBIDDEN"]
    assert admin("DELETE", f"/auth/api-keys/{made.data['id']}").status == 200
