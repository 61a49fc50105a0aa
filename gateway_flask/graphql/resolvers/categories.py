"""The category tree, read once for a request."""

from typing import Any

from gateway_flask.graphql.context import ExecutionContext
from gateway_flask.graphql.fields import Info, resolves
from services.chassis.common.errors import NotFound

Json = dict[str, Any]


@resolves("Query.categories")
def categories(_: None, info: Info) -> list[Json]:
    context: ExecutionContext = info.context
    return context.root_categories


@resolves("Query.category")
def category(_: None, info: Info, slug: str) -> Json:
    node = _node(info, slug)
    if node is None:
        raise NotFound("There is no such category")
    return node


@resolves("Category.parent")
def parent(source: Json, info: Info) -> Json | None:
    node = _node(info, source["slug"])
    return _node(info, node["parent"]) if node is not None and node["parent"] else None


@resolves("Category.children")
def children(source: Json, info: Info) -> list[Json]:
    node = _node(info, source["slug"])
    return list(node.get("children", [])) if node is not None else []


def _node(info: Info, slug: str) -> Json | None:
    context: ExecutionContext = info.context
    return context.categories.get(slug)
