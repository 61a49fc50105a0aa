"""The catalogue."""

from typing import Any

from flask import Response

from gateway_flask.http import etag
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller, cart_id, current_request, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import ProductPath
from gateway_flask.rpc.calls import call
from schemas.api.product_import import ImportProducts, ImportReport
from schemas.api.products import ListItem, ProductDetail, ProductPatch, ProductQuery, ProductWrite, RelatedQuery
from services.chassis.dynamic_config import config
from services.chassis.dynamic_config.flag_rules import Subject

api = Api("products", "Products", "The catalogue: products, their variants, and bulk import.", "/products")


@api.get("", reply=ListItem, many=True, who=Who.GUEST)
def list_products(query: ProductQuery) -> Response:
    """List products by filters, a page at a time. `attr.NAME=VALUE` filters by an attribute.

    With `status`: an administrator's look at all of that status, a vendor's at their own.
    """
    filters, roles = query.model_dump(exclude_defaults=True), current_request().caller.roles
    if query.status is not None and ("ADMIN" in roles or "VENDOR" in roles):
        return listing(call("products", "list_managed_products", query=filters, caller=caller()), "Products")
    return listing(call("products", "list_products", **filters), "Products")


@api.post("", reply=ProductDetail, statuses=(201,), who=Who.VENDOR, key="may")
def create_product(body: ProductWrite) -> Response:
    """Create a product. A vendor's are their own."""
    product = call("products", "create_product", product=_said(body), caller=caller(), idempotency=idempotency())
    return etag.tagged(ok(product, "Product created", 201), product)


@api.post("/import", reply=ImportReport, who=Who.ADMIN, key="may")
def import_products(body: ImportProducts) -> Response:
    """Create or update up to 100 products, each judged by itself; new SKUs get the stock that their row names."""
    report = call("products", "import_products", products=body.products, caller=caller(), deadline=30.0)
    if report["stock"]:
        call("inventory", "set_initial", levels=report["stock"], deadline=15.0)
    return ok(report, "Products imported")


@api.get("/<string:id>", reply=ProductDetail, who=Who.GUEST, headers=("If-None-Match",))
def get_product(path: ProductPath) -> Response:
    """A product, whole, by its id or slug."""
    product = call("products", "get_product", id_or_slug=path.id, caller=caller())
    return etag.unless_known(ok(product, "Product"), product)


@api.get("/<string:id>/related", reply=ListItem, many=True, who=Who.GUEST)
def related_products(path: ProductPath, query: RelatedQuery) -> Response:
    """Products that go with this one, the best first; none while recommendations are switched off."""
    who = current_request().caller
    if not config.enabled("recommendations", Subject(who.user_id or cart_id(), who.user_id, frozenset(who.roles))):
        return ok([], "Related products")
    return ok(call("products", "related_products", id_or_slug=path.id, limit=query.limit), "Related products")


@api.put("/<string:id>", reply=ProductDetail, who=Who.VENDOR, key="may", headers=("If-Match",))
def update_product(path: ProductPath, body: ProductWrite) -> Response:
    """Replace a product: what is left out gets its default. With `If-Match`: only the version that was read.

    A SKU that is left out is no longer sold; its stock record stays.
    """
    return _changed("update_product", path, product=_said(body))


@api.patch("/<string:id>", reply=ProductDetail, who=Who.VENDOR, key="may", headers=("If-Match",))
def patch_product(path: ProductPath, body: ProductPatch) -> Response:
    """Change some fields of a product: what is left out stays, null empties, a list replaces the whole list.

    With `If-Match`: only the version that was read.
    """
    return _changed("patch_product", path, patch=_said(body))


@api.delete("/<string:id>", reply=None, who=Who.VENDOR, key="may", headers=("If-Match",))
def delete_product(path: ProductPath) -> Response:
    """Delete a product: its slug and its SKUs can be used again; orders keep what they know of it.

    To take it off the shelves for a while, PATCH its `status` to `archived`.
    """
    _change("delete_product", path)
    return ok(None, "Product deleted")


def _changed(method: str, path: ProductPath, **arguments: Any) -> Response:
    product = _change(method, path, **arguments)
    return etag.tagged(ok(product, "Product saved"), product)


def _change(method: str, path: ProductPath, **arguments: Any) -> Any:
    return call(
        "products",
        method,
        id_or_slug=path.id,
        **arguments,
        caller=caller(),
        expected_version=etag.expected_version(),
        idempotency=idempotency(),
    )


def _said(body: ProductWrite | ProductPatch) -> dict[str, Any]:
    return body.model_dump(mode="json", exclude_unset=True)
