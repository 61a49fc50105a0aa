"""The catalogue."""

from typing import Final, TypedDict

from flask import Response

from gateway_flask.caching import tags
from gateway_flask.caching.cached_routes import Caching, depends_on
from gateway_flask.http import etag
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.request_context import caller, cart_id, current_request, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import ProductPath
from gateway_flask.rpc import products
from gateway_flask.rpc.calls import call, call_within
from schemas.api.product_import import ImportProducts, ImportReport
from schemas.api.products import ListItem, ProductDetail, ProductPatch, ProductQuery, ProductWrite, RelatedQuery
from schemas.base import Idempotency
from schemas.caller import Caller
from schemas.permissions.permission import Permission
from schemas.rpc.products import ProductsRpc
from services.chassis.dynamic_config import config
from services.chassis.dynamic_config.flag_rules import Subject

IMPORT_SECONDS: Final = 30.0

api = Api(
    "products",
    "Products",
    "The catalogue: products, their variants, and bulk import.",
    "/products",
    tags.changed_product,
)


@api.get(
    "",
    reply=ListItem,
    many=True,
    headers=("If-None-Match",),
    cached=Caching((tags.LISTS, tags.AVAILABILITY, tags.CATEGORIES)),
)
def list_products(query: ProductQuery) -> Response:
    """List products by filters, a page at a time. `attr.NAME=VALUE` filters by an attribute.

    With `status`: an administrator lists all products of that status, a vendor their own.
    """
    if query.status is not None and current_request().caller.may(Permission.PRODUCTS_WRITE):
        return listing(call(ProductsRpc.list_managed_products, query=query, caller=caller()), "Products")
    page = products.read_list(query)
    depends_on(*tags.of_products(page["items"]))
    if query.rating is not None or query.sort == "-rating":
        depends_on(tags.RATINGS)
    return listing(page, "Products")


@api.post("", reply=ProductDetail, statuses=(201,), key="may")
def create_product(body: ProductWrite) -> Response:
    """Create a product; a vendor's is their own."""
    product = call(ProductsRpc.create_product, product=body, caller=caller(), idempotency=idempotency())
    return etag.tagged(ok(product, "Product created", 201), product.json)


@api.post("/import", reply=ImportReport, key="may")
def import_products(body: ImportProducts) -> Response:
    """Create or update up to 100 products, row by row; new SKUs get the stock that their row names, within 2 s."""
    report = call_within(IMPORT_SECONDS, ProductsRpc.import_products, products=body.products, caller=caller())
    return ok(report, "Products imported")


@api.get("/<string:id>", reply=ProductDetail, headers=("If-None-Match",), cached=Caching((tags.CATEGORIES,)))
def get_product(path: ProductPath) -> Response:
    """Get a product by its id or slug."""
    product = products.read_detail(path.id)
    depends_on(*tags.of_detail(product))
    return etag.tagged(ok(product, "Product"), product)


@api.get("/<string:id>/related", reply=ListItem, many=True)
def related_products(path: ProductPath, query: RelatedQuery) -> Response:
    """List related products, the best rated first; none while recommendations are switched off."""
    who = current_request().caller
    if not config.enabled("recommendations", Subject(who.user_id or cart_id(), who.user_id, frozenset(who.roles))):
        return ok([], "Related products")
    return ok(call(ProductsRpc.related_products, id_or_slug=path.id, limit=query.limit), "Related products")


@api.put("/<string:id>", reply=ProductDetail, key="may", headers=("If-Match",))
def update_product(path: ProductPath, body: ProductWrite) -> Response:
    """Replace a product: what is left out gets its default. With `If-Match`: only the version that was read.

    A SKU that is left out is no longer sold; its stock record stays.
    """
    product = call(ProductsRpc.update_product, id_or_slug=path.id, product=body, **_change())
    return etag.tagged(ok(product, "Product saved"), product.json)


@api.patch("/<string:id>", reply=ProductDetail, key="may", headers=("If-Match",))
def patch_product(path: ProductPath, body: ProductPatch) -> Response:
    """Change fields of a product: what is left out stays, null empties, a list replaces the whole list.

    With `If-Match`: only the version that was read.
    """
    product = call(ProductsRpc.patch_product, id_or_slug=path.id, patch=body, **_change())
    return etag.tagged(ok(product, "Product saved"), product.json)


@api.delete("/<string:id>", reply=None, key="may", headers=("If-Match",))
def delete_product(path: ProductPath) -> Response:
    """Delete a product: its slug is free again, its SKUs for their seller; stock records end, orders keep their copy.

    To take it off the shelves for a while, PATCH its `status` to `archived`.
    """
    call(ProductsRpc.delete_product, id_or_slug=path.id, **_change())
    return ok(None, "Product deleted")


class _Change(TypedDict):
    caller: Caller
    expected_version: int | None
    idempotency: Idempotency | None


def _change() -> _Change:
    return {"caller": caller(), "expected_version": etag.expected_version(), "idempotency": idempotency()}
