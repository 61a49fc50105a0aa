"""The category tree."""

from typing import Final

from flask import Response

from gateway_flask.caching import tags
from gateway_flask.caching.cached_routes import Caching
from gateway_flask.http import etag
from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import SlugPath
from gateway_flask.rpc.calls import call
from schemas.api.categories import Category, CategoryNode, CategoryWrite
from schemas.rpc.products import ProductsRpc

api = Api("categories", "Categories", "The category tree of the catalogue.", "/categories", tags.changed_category)

CACHED: Final = Caching((tags.CATEGORIES,))


@api.get("", reply=CategoryNode, many=True, headers=("If-None-Match",), cached=CACHED)
def category_tree() -> Response:
    """List the category tree from its roots."""
    return ok(call(ProductsRpc.category_tree), "Categories")


@api.get("/<string:slug>", reply=Category, headers=("If-None-Match",), cached=CACHED)
def get_category(path: SlugPath) -> Response:
    """Get a category."""
    category = call(ProductsRpc.get_category, slug=path.slug)
    return etag.tagged(ok(category, "Category"), category.json)


@api.post("", reply=Category, statuses=(201,))
def create_category(body: CategoryWrite) -> Response:
    """Create a category."""
    return etag.versioned(call(ProductsRpc.create_category, category=body, caller=caller()), "Category created", 201)


@api.put("/<string:slug>", reply=Category, headers=("If-Match",))
def update_category(path: SlugPath, body: CategoryWrite) -> Response:
    """Replace a category; another parent moves its whole subtree."""
    category = call(
        ProductsRpc.update_category,
        slug=path.slug,
        category=body,
        caller=caller(),
        expected_version=etag.expected_version(),
    )
    return etag.versioned(category, "Category saved")


@api.delete("/<string:slug>", reply=None, headers=("If-Match",))
def delete_category(path: SlugPath) -> Response:
    """Delete an empty category."""
    call(ProductsRpc.delete_category, slug=path.slug, caller=caller(), expected_version=etag.expected_version())
    return ok(None, "Category removed")
