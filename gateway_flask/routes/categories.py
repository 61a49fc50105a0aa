"""The tree that products hang in."""

from flask import Response

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import SlugPath
from gateway_flask.rpc.calls import call
from schemas.api.categories import Category, CategoryNode, CategoryWrite

api = Api("categories", "Categories", "The tree that products hang in.", "/categories")


@api.get("", reply=CategoryNode, many=True, who=Who.ANYONE)
def category_tree() -> Response:
    """The whole tree, from its roots."""
    return ok(call("products", "category_tree"), "Categories")


@api.get("/<string:slug>", reply=Category, who=Who.ANYONE)
def get_category(path: SlugPath) -> Response:
    """One category."""
    return ok(call("products", "get_category", slug=path.slug), "Category")


@api.post("", reply=Category, statuses=(201,), who=Who.ADMIN)
def create_category(body: CategoryWrite) -> Response:
    """Create a category."""
    category = body.model_dump(mode="json")
    return ok(call("products", "create_category", category=category, caller=caller()), "Category created", 201)


@api.put("/<string:slug>", reply=Category, who=Who.ADMIN)
def update_category(path: SlugPath, body: CategoryWrite) -> Response:
    """Replace a category; another parent moves everything below it."""
    category = body.model_dump(mode="json")
    return ok(call("products", "update_category", slug=path.slug, category=category, caller=caller()), "Category saved")


@api.delete("/<string:slug>", reply=None, who=Who.ADMIN)
def delete_category(path: SlugPath) -> Response:
    """Remove an empty category."""
    call("products", "delete_category", slug=path.slug, caller=caller())
    return ok(None, "Category removed")
