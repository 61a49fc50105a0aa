"""The executable schema: the SDL of `schemas/graphql/schema.graphql` with our resolvers and scalars."""

from collections.abc import Mapping
from functools import wraps
from importlib.resources import files
from typing import Any, Final, cast

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
    value_from_ast,
)

from gateway_flask.graphql.enums import VALUES
from gateway_flask.graphql.fields import RESOLVERS, Resolver, key_of
from gateway_flask.middleware.request_context import current_request
from schemas.base import MAX_AMOUNT
from schemas.permissions.access import Access, Kind
from schemas.permissions.graphql_fields import access_of
from services.chassis.messaging.authorization import check

ROOTS: Final = ("Query", "Mutation")
"""Types whose fields are resolved here; those of `Subscription` are served over WebSocket."""


def sdl() -> str:
    """The contract as it is written."""
    return (files("schemas") / "graphql" / "schema.graphql").read_text()


def executable() -> GraphQLSchema:
    """The schema for queries and mutations. Raises `LookupError` for a field of these without resolver or access."""
    from gateway_flask.graphql import resolvers  # noqa: F401 - registers them; they import the routes

    schema = _with_resolvers(RESOLVERS)
    for type_name in ROOTS:
        for field_name, field in cast(GraphQLObjectType, schema.type_map[type_name]).fields.items():
            name = f"{type_name}.{field_name}"
            if name not in RESOLVERS:
                raise LookupError(f"{name} has no resolver")
            field.resolve = _checked(cast(Resolver, field.resolve), access_of(name))
    return schema


def for_subscriptions() -> GraphQLSchema:
    """The schema for the process that serves subscriptions only: their fields are keys of what their feeds give."""
    schema = _with_resolvers({"LiveProduct.name": key_of("title")})
    assert schema.subscription_type is not None
    for field in schema.subscription_type.fields.values():
        field.resolve = _event
    return schema


def _with_resolvers(resolvers: Mapping[str, Resolver]) -> GraphQLSchema:
    schema = build_schema(sdl())
    unused, fields = set(resolvers), []
    for name, kind in schema.type_map.items():
        if is_introspection_type(kind):
            continue
        if isinstance(kind, GraphQLObjectType):
            for field_name, field in kind.fields.items():
                unused.discard(f"{name}.{field_name}")
                field.resolve = resolvers.get(f"{name}.{field_name}") or key_of(field_name)
                fields.append(field)
        elif isinstance(kind, GraphQLEnumType):
            for value_name, value in kind.values.items():
                value.value = VALUES.get(name, {}).get(value_name, value_name)
    if unused:
        raise LookupError(f"the schema has no field {', '.join(sorted(unused))}")
    for field in fields:  # defaults of enums are their values, which are set by now
        field.resolve = _without_nulls(field)
    cast(GraphQLScalarType, schema.type_map["MinorUnits"]).coerce_input_value = _minor_units  # type: ignore[method-assign]
    return schema


def _without_nulls(field: GraphQLField) -> Resolver:
    """The resolver of a field; an argument that is null has its default, as if it were left out."""
    assert field.resolve is not None
    resolver: Resolver = field.resolve
    defaults = {
        name: value_from_ast(argument.ast_node.default_value, argument.type)
        for name, argument in field.args.items()
        if argument.ast_node is not None and argument.ast_node.default_value is not None
    }
    if not defaults:
        return resolver

    @wraps(resolver)
    def resolve(source: Any, info: Any, **arguments: Any) -> Any:
        nulls = {name: defaults[name] for name, value in arguments.items() if value is None and name in defaults}
        return resolver(source, info, **arguments | nulls)

    return resolve


def _event(source: Any, _: Any, **__: Any) -> Any:
    """The field of a subscription is what its feed gave."""
    return source


def _checked(resolver: Resolver, access: Access) -> Resolver:
    if access.kind is Kind.PUBLIC:
        return resolver

    @wraps(resolver)
    def checked(source: Any, info: Any, **arguments: Any) -> Any:
        check(access, current_request().caller)
        return resolver(source, info, **arguments)

    return checked


def _minor_units(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_AMOUNT:
        raise GraphQLError(f"Must be an amount in minor units: an integer from 0 to {MAX_AMOUNT}.")
    return value
