"""GraphQL in front of fake services: limits, calls per request, listed documents, errors."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from gateway_flask.graphql import context, documents
from gateway_flask.graphql.schema import executable
from gateway_flask.testing import FakeServices, Issuer, settings
from services.chassis.common.errors import RateLimited, RemoteFailure

LIST = """{ products(first: 20) { edges { node {
  name description category { slug parent { slug } } variants { sku } createdAt
} } } }"""


def product_id(number: int) -> str:
    return f"0197b1c8-7a5e-7cc0-9f00-{number:012d}"


def item(number: int) -> dict[str, Any]:
    category = {"id": product_id(100), "slug": "mugs", "name": "Mugs"}
    price = {"amount": 1999 + number, "currency": "USD"}
    return {
        "id": product_id(number),
        "title": f"Mug {number}",
        "category": category if number else None,
        "price": price,
    }


def detail(number: int) -> dict[str, Any]:
    variants = [{"sku": f"MUG-{number}"}]
    return item(number) | {"description": "Holds tea", "variants": variants, "created_at": "2026-01-02T03:04:05Z"}


def ask(client: FlaskClient, query: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return client.post("/graphql", json={"query": query, **body}, headers=headers)


def refusal(response: Any) -> tuple[int, str, str]:
    error = response.get_json()["errors"][0]
    return response.status_code, error["extensions"]["code"], error["message"]


@pytest.fixture
def listed(services: FakeServices) -> FakeServices:
    page = {"items": [item(number) for number in range(20)], "page": 1, "limit": 20, "total": 0, "next_cursor": "next"}
    services.answer("products.list_uncounted", page)
    services.answer("products.list_products", page | {"total": 41})
    services.answer("products.get_details", lambda ids: [detail(int(id_[-12:])) for id_ in ids])
    tree = [{"slug": "kitchen", "name": "Kitchen", "children": [{"slug": "mugs", "name": "Mugs", "children": []}]}]
    services.answer("products.category_tree", tree)
    return services


def test_list_of_20_takes_two_calls(client: FlaskClient, listed: FakeServices) -> None:
    query = "{ products(first: 20) { edges { node { name category { name } variants { sku } tags } } } }"

    reply = ask(client, query.replace(" tags", "")).get_json()

    assert "errors" not in reply
    nodes = [edge["node"] for edge in reply["data"]["products"]["edges"]]
    assert nodes[1] == {"name": "Mug 1", "category": {"name": "Mugs"}, "variants": [{"sku": "MUG-1"}]}
    assert nodes[0]["category"] == {"name": "Uncategorized"}
    assert [name for name, _ in listed.calls] == ["products.list_uncounted", "products.get_details"]


def test_category_tree_is_read_once_for_a_list(client: FlaskClient, listed: FakeServices) -> None:
    nodes = [edge["node"] for edge in ask(client, LIST).get_json()["data"]["products"]["edges"]]

    assert nodes[1]["category"] == {"slug": "mugs", "parent": {"slug": "kitchen"}}
    assert [name for name, _ in listed.calls].count("products.category_tree") == 1
    assert len(listed.calls) == 3


def test_total_is_counted_only_when_asked_for(client: FlaskClient, listed: FakeServices) -> None:
    query = "{ products { ...page } } fragment page on ProductConnection { totalCount }"

    assert ask(client, query).get_json()["data"] == {"products": {"totalCount": 41}}
    assert [name for name, _ in listed.calls] == ["products.list_products"]


@pytest.mark.parametrize(
    "argument", ["first: null", "sort: null", "first: null, sort: null, filter: null, after: null"]
)
def test_argument_that_is_null_has_its_default(client: FlaskClient, listed: FakeServices, argument: str) -> None:
    reply = ask(client, f"{{ products({argument}) {{ edges {{ node {{ name }} }} }} }}").get_json()

    assert "errors" not in reply
    [(_, query)] = listed.calls
    assert (query["limit"], query["sort"]) == (20, "-created_at")


@pytest.mark.parametrize(
    ("opened", "method", "uncounted"),
    [
        ("orders(first: 2%s)", "orders.list_orders", "orders.list_uncounted"),
        ("search(first: 2%s)", "search.search", "search.search"),
        ('product(id: "mug") { reviews(first: 2%s)', "reviews.list_reviews", "reviews.list_reviews"),
    ],
)
def test_lists_are_continued_by_the_cursor_of_the_service(
    client: FlaskClient, services: FakeServices, issuer: Issuer, opened: str, method: str, uncounted: str
) -> None:
    rows = [item(number) for number in range(2)]
    page = {"items": rows, "page": 1, "limit": 2, "total": 0, "next_cursor": "next"}
    services.answer(uncounted, page)
    services.answer(method, page | {"total": 5})
    services.answer("products.get_product", detail(1))
    closed = "}" * opened.count("{")

    def connection(argument: str, fields: str) -> dict[str, Any]:
        query = f"{{ {opened % argument} {{ {fields} }} {closed} }}"
        data = ask(client, query, headers=issuer.bearer("CUSTOMER")).get_json()["data"]
        [value] = data.values()
        return dict(value.get("reviews", value))

    first = connection("", "totalCount pageInfo { endCursor }")
    connection(f', after: "{first["pageInfo"]["endCursor"]}"', "edges { cursor }")

    lists = [call for call in services.calls if call[0] in (method, uncounted)]
    assert first["totalCount"] == 5
    assert [name for name, _ in lists] == [method, uncounted]
    arguments = [values.get("query", values) for _, values in lists]
    assert [(values["limit"], values.get("cursor")) for values in arguments] == [(2, None), (2, "next")]


def test_product_that_ended_meanwhile_is_null(client: FlaskClient, listed: FakeServices) -> None:
    listed.answer("products.get_details", [])
    line = {"sku": "MUG", "product_id": product_id(1), "title": "Mug"}
    listed.answer("cart.get_cart", {"id": None, "items": [line]})

    assert ask(client, "{ cart { items { name product { name } } } }").get_json()["data"] == {
        "cart": {"items": [{"name": "Mug", "product": None}]}
    }


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ categories " + "{ children " * 12 + "{ id } " + "}" * 13, "query: is 14 levels deep, above 12"),
        ("{ " + " ".join(f"a{n}: me {{ id }}" for n in range(21)) + " }", "query: has 21 aliases, above 20"),
        ("{ " + "me { id } " * 600 + "}", "query: has 1200 fields, above 1000"),
        (
            "{ products(first: 50) { edges { node { related(first: 50) { id } } } } }",
            "query: costs 2855, above the limit of 1000",
        ),
        ("{ me { id } } # " + "x" * 16_384, "query: must have at most 16384 bytes"),
        ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "The fragment a contains itself"),
        ("{ ...a }", "Unknown fragment 'a'."),
        (
            "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
            "Maximum introspection depth exceeded",
        ),
    ],
)
def test_document_beyond_a_limit_is_refused(
    client: FlaskClient, services: FakeServices, query: str, message: str
) -> None:
    response = ask(client, query)

    assert refusal(response)[2] == message
    assert response.status_code in (400, 422)
    assert services.calls == []


def test_spread_fragments_count_each_time(client: FlaskClient, services: FakeServices) -> None:
    bombs = [
        f"fragment f{n} on Category {{ children {{ ...f{n + 1} }} children {{ ...f{n + 1} }} }}" for n in range(10)
    ]
    query = "{ categories { ...f0 } } " + " ".join(bombs) + " fragment f10 on Category { id }"

    assert refusal(ask(client, query))[:2] == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("variables", [{"first": 50}, {"first": 10**9}])
def test_cost_counts_variables(client: FlaskClient, services: FakeServices, variables: dict[str, int]) -> None:
    query = "query($first: Int = 1) { products { edges { node { related(first: $first) { money { amount } } } } } }"

    assert refusal(ask(client, query, variables=variables))[:2] == (422, "VALIDATION_ERROR")


def test_page_beyond_the_limit_names_first(client: FlaskClient, services: FakeServices) -> None:
    error = ask(client, "{ orders(first: 51) { totalCount } products(first: 51) { totalCount } }").get_json()["errors"]

    assert error[1]["extensions"] == {
        "code": "VALIDATION_ERROR",
        "details": [{"field": "first", "message": "must be from 1 to 50"}],
    }


def test_variable_of_another_type_names_its_field(client: FlaskClient, services: FakeServices) -> None:
    query = "query($filter: ProductFilter) { products(filter: $filter) { totalCount } }"

    response = ask(client, query, variables={"filter": {"inStock": 1}})

    assert response.status_code == 400
    [error] = response.get_json()["errors"]
    assert error["extensions"]["code"] == "VALIDATION_ERROR"
    assert error["extensions"]["details"][0]["field"] == "filter.inStock"


def test_failure_of_a_service_discloses_nothing(client: FlaskClient, services: FakeServices) -> None:
    services.answer("products.get_product", RemoteFailure("KeyError: 'secret of the database'"))

    response = ask(client, '{ product(id: "mug") { name } }')

    assert refusal(response) == (200, "INTERNAL_ERROR", "Something went wrong on our side")
    assert "secret" not in response.get_data(as_text=True)


def test_long_request_makes_no_more_calls(
    client: FlaskClient, listed: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "SECONDS", -1.0)

    reply = ask(client, "{ products { edges { node { reviews { totalCount } } } } }").get_json()

    assert {error["extensions"]["code"] for error in reply["errors"]} == {"DEADLINE_EXCEEDED"}
    assert [name for name, _ in listed.calls] == ["products.list_uncounted"]


def test_each_change_of_a_request_counts(
    make_app: Callable[..., OpenAPI], services: FakeServices, issuer: Issuer
) -> None:
    client = make_app(rate_limit_writes="3/minute").test_client()
    services.answer("cart.remove_item", {"id": None})
    query = 'mutation { a: removeFromCart(sku: "A") { id } b: removeFromCart(sku: "B") { id } }'

    replies = [ask(client, query, headers=issuer.bearer()) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 429]
    assert refusal(replies[1])[1] == RateLimited.code
    assert int(replies[1].headers["Retry-After"]) > 0
    assert [name for name, _ in services.calls].count("cart.remove_item") == 2


def test_refused_requests_count(make_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    client = make_app(rate_limit_reads="2/minute").test_client()

    replies = [
        ask(client, "{"),
        ask(client, "{ cart { id } }", headers={"Authorization": "Bearer no"}),
        ask(client, "{"),
    ]

    assert [reply.status_code for reply in replies] == [400, 401, 429]


def test_kept_documents_are_bounded_by_their_size(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "KEPT_BYTES", 100)
    kept = documents.Documents(executable(), settings())

    for number in range(20):
        kept.get(f"{{ product(id: {number}) {{ id }} }}")

    assert 0 < kept.kept_bytes <= 100


@pytest.mark.parametrize("cursor", ["", "W10", "not base64!", "WyJ4IiwtMV0", "W251bGwsNTFd", "WzEsMF0"])
def test_malformed_cursor_names_after(client: FlaskClient, services: FakeServices, cursor: str) -> None:
    query = "query($after: String) { products(after: $after) { totalCount } }"

    [error] = ask(client, query, variables={"after": cursor}).get_json()["errors"]

    assert error["extensions"]["details"] == [{"field": "after", "message": "is not a cursor of this list"}]


def test_only_listed_documents_are_carried_out(
    make_app: Callable[..., OpenAPI], services: FakeServices, tmp_path: Path
) -> None:
    source = '{ product(id: "mug") { name } }'
    digest = hashlib.sha256(source.encode()).hexdigest()
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({digest: source}))
    client = make_app(graphql_only_persisted=True, graphql_documents_file=str(file)).test_client()
    services.answer("products.get_product", {"title": "Mug"})
    by_hash = {"persistedQuery": {"version": 1, "sha256Hash": digest}}

    replies = [client.post("/graphql", json={"extensions": by_hash}), ask(client, source), ask(client, "{ me { id } }")]

    assert [reply.status_code for reply in replies] == [200, 200, 403]
    assert replies[0].get_json() == replies[1].get_json() == {"data": {"product": {"name": "Mug"}}}


def test_introspection_and_hints_can_be_switched_off(make_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    client = make_app(graphql_introspection=False).test_client()

    assert refusal(ask(client, "{ __schema { types { name } } }"))[0] == 422
    assert "Did you mean" not in refusal(ask(client, "{ produkt { name } }"))[2]
    assert client.get("/graphql", headers={"Accept": "text/html"}).status_code == 422


def test_graphiql_loads_our_own_files_only(client: FlaskClient) -> None:
    page = client.get("/graphql", headers={"Accept": "text/html"})

    assert page.status_code == 200
    assert "https://" not in page.get_data(as_text=True)
    assert "script-src 'self' 'sha256-" in page.headers["Content-Security-Policy"]
    script = client.get("/graphql/assets/graphiql.min.js")
    assert (script.status_code, len(script.get_data()) > 500_000) == (200, True)


def test_get_is_answered_in_the_accepted_type(client: FlaskClient, services: FakeServices) -> None:
    services.answer("products.get_product", {"title": "Mug"})
    query = {"query": "query($id: ID!) { product(id: $id) { name } }", "variables": '{"id": "mug"}'}

    response = client.get("/graphql", query_string=query, headers={"Accept": "application/graphql-response+json"})

    assert response.get_json() == {"data": {"product": {"name": "Mug"}}}
    assert response.content_type == "application/graphql-response+json"
