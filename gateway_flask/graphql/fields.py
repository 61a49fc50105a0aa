"""Registration of resolvers, and the default one: a field is the key of the same name in snake case."""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from graphql import GraphQLResolveInfo

Resolver = Callable[..., Any]
R = TypeVar("R", bound=Resolver)

RESOLVERS: Final[dict[str, Resolver]] = {}
"""Resolvers by `Type.field`."""

Info = GraphQLResolveInfo


def resolves(*names: str) -> Callable[[R], R]:
    """Register the resolver of fields, such as `Product.price`. It is called with (source, info, **arguments)."""

    def register(resolver: R) -> R:
        for name in names:
            if name in RESOLVERS:
                raise ValueError(f"two resolvers are registered for {name}")
            RESOLVERS[name] = resolver
        return resolver

    return register


def snake_case(name: str) -> str:
    """`minPrice` → `min_price`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def camel_case(name: str) -> str:
    """`min_price` → `minPrice`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def key_of(field: str) -> Resolver:
    """The resolver that reads the key of this field from its source."""
    key = snake_case(field)

    def resolve(source: dict[str, Any], _: Info) -> Any:
        return source.get(key)

    return resolve
