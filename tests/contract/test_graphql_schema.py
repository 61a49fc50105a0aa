"""The GraphQL schema: served as written, growing only, its enums those of the services, no field open by omission."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import pytest
from flask.testing import FlaskClient
from graphql import (
    ExecutionResult,
    build_client_schema,
    build_schema,
    get_introspection_query,
    lexicographic_sort_schema,
    print_schema,
)

from gateway_flask.app import create_app
from gateway_flask.graphql.enums import ORDER_STATUSES
from gateway_flask.graphql.persisted import PersistedDocuments
from gateway_flask.graphql.schema import sdl
from gateway_flask.subscriptions.application import application
from gateway_flask.subscriptions.live_feeds import LiveFeeds
from gateway_flask.subscriptions.operations import Operations
from gateway_flask.subscriptions.order_feeds import OrderFeeds
from gateway_flask.subscriptions.session import SocketSession
from gateway_flask.testing import FakeServices, Issuer, settings
from schemas.api.orders import OrderStatus
from schemas.caller import Caller
from schemas.permissions.access import Kind
from schemas.permissions.graphql_fields import FIELDS
from schemas.permissions.roles import PRESETS, permissions_of
from schemas.permissions.routes import ROUTES
from schemas.tools import graphql_contract
from schemas.tools.export import BreakingChange
from services.chassis.common.errors import NotFound

ID = "0197b1c8-7a5e-7cc0-9f00-000000000001"
ADDRESS = '{name: "Ada", line1: "1 High Street", city: "York", postalCode: "YO1", country: "GB"}'
INPUT = (
    f'{{shippingAddress: {ADDRESS}, shippingMethod: "standard", paymentMethod: {{provider: "sandbox", token: "t"}}}}'
)
DOCUMENTS = {
    "Query.product": '{ product(id: "mug") { id } }',
    "Query.products": "{ products { totalCount } }",
    "Query.categories": "{ categories { id } }",
    "Query.category": '{ category(slug: "mugs") { id } }',
    "Query.search": '{ search(query: "mug") { totalCount } }',
    "Query.cart": "{ cart { id } }",
    "Query.order": f'{{ order(id: "{ID}") {{ id }} }}',
    "Query.orders": "{ orders { totalCount } }",
    "Query.me": "{ me { id } }",
    "Mutation.addToCart": 'mutation { addToCart(sku: "MUG") { id } }',
    "Mutation.updateCartItem": 'mutation { updateCartItem(sku: "MUG", quantity: 1) { id } }',
    "Mutation.removeFromCart": 'mutation { removeFromCart(sku: "MUG") { id } }',
    "Mutation.placeOrder": f'mutation {{ placeOrder(input: {INPUT}, idempotencyKey: "k") {{ id }} }}',
    "Mutation.cancelOrder": f'mutation {{ cancelOrder(id: "{ID}", idempotencyKey: "k") {{ id }} }}',
    "Subscription.orderStatus": f'subscription {{ orderStatus(id: "{ID}") {{ status }} }}',
    "Subscription.liveFigures": "subscription { liveFigures { minutes { at } } }",
}
ROUTE_OF = {
    "Query.product": "get_product",
    "Query.products": "search",
    "Query.categories": "category_tree",
    "Query.category": "get_category",
    "Query.search": "search",
    "Query.cart": "get_cart",
    "Query.order": "get_order",
    "Query.orders": "list_orders",
    "Query.me": "me",
    "Mutation.addToCart": "add_item",
    "Mutation.updateCartItem": "set_quantity",
    "Mutation.removeFromCart": "remove_item",
    "Mutation.placeOrder": "place_order",
    "Mutation.cancelOrder": "cancel_order",
    "Subscription.orderStatus": "get_order",
    "Subscription.liveFigures": "analytics_live",
}
"""Public lists differ in name only: `list_products` has drafts for vendors, GraphQL lists active products."""


class NothingThere(FakeServices):
    """Services that have nothing: a call shows that its caller was let through."""

    def call(self, service: str, method: str, /, **_: Any) -> Any:
        if method == "jwks":
            return self.answers["auth.jwks"]
        self.calls.append((f"{service}.{method}", {}))
        raise NotFound


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
def services(issuer: Issuer) -> NothingThere:
    services = NothingThere()
    services.answer("auth.jwks", issuer.jwks())
    return services


@pytest.fixture(scope="module")
def client(services: NothingThere) -> FlaskClient:
    return create_app(settings(), services).test_client()


def test_served_schema_is_the_sdl(client: FlaskClient) -> None:
    introspected = client.post("/graphql", json={"query": get_introspection_query()}).get_json()["data"]

    served = print_schema(lexicographic_sort_schema(build_client_schema(introspected)))
    assert served + "\n" == graphql_contract.normalized(sdl())


def test_schema_grows_only() -> None:
    published = graphql_contract.PUBLISHED.read_text()

    assert graphql_contract.breaking_changes(published, sdl()) == []
    assert published == graphql_contract.normalized(sdl()), "publish it with `ultramarket schemas`"


def test_breaking_change_is_not_published(tmp_path: Path) -> None:
    (tmp_path / "schema.graphql").write_text("type Query { a: Int! b: Int }")
    graphql_contract.publish(tmp_path)
    (tmp_path / "schema.graphql").write_text("type Query { a: Int c: Int }")

    with pytest.raises(BreakingChange, match=r"Query.b was removed.*|Query.a changed"):
        graphql_contract.publish(tmp_path)

    assert "b: Int" in (tmp_path / "published.graphql").read_text()


def test_enums_have_the_values_of_the_services() -> None:
    assert set(get_args(OrderStatus)) <= set(ORDER_STATUSES)


def test_every_root_field_has_access_and_that_of_its_route() -> None:
    schema = build_schema(sdl())
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)

    assert set(FIELDS) == {f"{root.name}.{field}" for root in roots if root for field in root.fields}
    assert set(DOCUMENTS) == set(FIELDS)
    assert {field: access for field, access in FIELDS.items() if access != ROUTES[ROUTE_OF[field]]} == {}


@pytest.mark.parametrize("field", [field for field in FIELDS if not field.startswith("Subscription")])
def test_field_is_open_to_the_roles_with_its_permission(
    field: str, client: FlaskClient, services: NothingThere, issuer: Issuer
) -> None:
    accepted = set()
    for role in ("", *PRESETS):
        services.calls.clear()
        headers = issuer.bearer(role) if role else {}
        [error] = client.post("/graphql", json={"query": DOCUMENTS[field]}, headers=headers).get_json()["errors"]
        if services.calls:
            assert error["extensions"]["code"] == "NOT_FOUND"
            accepted.add(role)
        else:
            assert error["extensions"]["code"] == ("FORBIDDEN" if role else "UNAUTHENTICATED")

    assert accepted == _expected(field)


@pytest.mark.parametrize("field", [field for field in FIELDS if field.startswith("Subscription")])
def test_subscription_is_open_to_the_roles_with_its_permission(field: str, services: NothingThere) -> None:
    values = settings()
    app = application(values, services)
    persisted = PersistedDocuments(app.extensions["redis"], values)

    async def is_accepted(role: str, pool: ThreadPoolExecutor) -> bool:
        session = SocketSession(app, pool, "127.0.0.1")
        session.caller = Caller(user_id=ID, roles=[role]) if role else Caller()
        operations = Operations(values, persisted, OrderFeeds(), LiveFeeds())
        started = await operations.start(session, {"query": DOCUMENTS[field]})
        return not isinstance(started, ExecutionResult)

    with ThreadPoolExecutor(1) as pool:
        accepted = {role for role in ("", *PRESETS) if asyncio.run(is_accepted(role, pool))}

    assert accepted == _expected(field)


def _expected(field: str) -> set[str]:
    access = FIELDS[field]
    roles = {role for role in PRESETS if access.permission is None or access.permission in permissions_of([role])}
    return roles if access.kind is Kind.PERMISSION else roles | {""}
