"""The executable schema: the SDL of `schemas/graphql/schema.graphql` with our resolvers and scalars."""

from functools import wraps
from importlib.resources import files
from typing import Any, Final, cast

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
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
    """The schema with a resolver for each field. Raises `LookupError` for a root field without access or resolver."""
    schema = build_schema(sdl())
    unused = set(RESOLVERS)
    for name, kind in schema.type_map.items():
        if is_introspection_type(kind):
            continue
        if isinstance(kind, GraphQLObjectType):
            for field_name, field in kind.fields.items():
                unused.discard(f"{name}.{field_name}")
                field.resolve = _resolver(name, field_name)
        elif isinstance(kind, GraphQLEnumType):
            for value_name, value in kind.values.items():
                value.value = VALUES.get(name, {}).get(value_name, value_name)
    if unused:
        raise LookupError(f"the schema has no field {', '.join(sorted(unused))}")
    cast(GraphQLScalarType, schema.type_map["MinorUnits"]).parse_value = _minor_units  # type: ignore[method-assign]
    return schema


def _resolver(type_name: str, field_name: str) -> Resolver:
    name = f"{type_name}.{field_name}"
    if type_name == "Subscription":
        access_of(name)
        return _event
    if type_name in ROOTS:
        return _checked(RESOLVERS[name], access_of(name))
    return RESOLVERS.get(name) or key_of(field_name)


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
