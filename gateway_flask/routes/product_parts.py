"""Parts of a product: its variants, options and images. Their version is that of the product."""

from typing import Any

from flask import Response

from gateway_flask.caching import tags
from gateway_flask.caching.cached_routes import Caching, depends_on
from gateway_flask.http import etag
from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import ImagePath, ProductPath, VariantPath
from gateway_flask.rpc import products
from gateway_flask.rpc.calls import call
from schemas.api.product_parts import ImageWrite, OptionsWrite, VariantPatch
from schemas.api.products import ProductDetail
from schemas.api.variants import Option, Variant, VariantWrite
from schemas.rpc.products import ProductsRpc

api = Api(
    "product_parts", "Product parts", "Variants, options and images of a product.", "/products", tags.changed_product
)


@api.get(
    "/<string:id>/variants", reply=Variant, many=True, headers=("If-None-Match",), cached=Caching((tags.CATEGORIES,))
)
def list_variants(path: ProductPath) -> Response:
    """List the variants of a product. The ETag is the product's."""
    product = products.read_detail(path.id)
    depends_on(*tags.of_detail(product))
    return etag.tagged(ok(product["variants"], "Variants"), product)


@api.post("/<string:id>/variants", reply=Variant, statuses=(201,), key="may", headers=("If-Match",))
def add_variant(path: ProductPath, body: VariantWrite) -> Response:
    """Add a variant to a product."""
    product = call(
        ProductsRpc.add_variant,
        id_or_slug=path.id,
        variant=body,
        caller=caller(),
        expected_version=etag.expected_version(),
        idempotency=idempotency(),
    ).json
    return etag.tagged(ok(_variant(product, body.sku), "Variant added", 201), product)


@api.patch("/<string:id>/variants/<path:sku>", reply=Variant, headers=("If-Match",))
def patch_variant(path: VariantPath, body: VariantPatch) -> Response:
    """Change fields of a variant: what is left out stays. In carts within two seconds."""
    product = call(
        ProductsRpc.change_variant,
        id_or_slug=path.id,
        sku=path.sku,
        patch=body,
        caller=caller(),
        expected_version=etag.expected_version(),
    ).json
    return etag.tagged(ok(_variant(product, path.sku), "Variant saved"), product)


@api.delete("/<string:id>/variants/<path:sku>", reply=None, headers=("If-Match",))
def delete_variant(path: VariantPath) -> Response:
    """Remove a variant; orders keep their copy, its stock record stays. A product keeps at least one."""
    product = call(
        ProductsRpc.remove_variant,
        id_or_slug=path.id,
        sku=path.sku,
        caller=caller(),
        expected_version=etag.expected_version(),
    ).json
    return etag.tagged(ok(None, "Variant removed"), product)


@api.put("/<string:id>/options", reply=Option, many=True, headers=("If-Match",))
def put_options(path: ProductPath, body: OptionsWrite) -> Response:
    """Replace the options: variants lose the choice of a removed one and take the first value of a new one."""
    product = call(
        ProductsRpc.replace_options,
        id_or_slug=path.id,
        options=body,
        caller=caller(),
        expected_version=etag.expected_version(),
    ).json
    return etag.tagged(ok(product["options"], "Options saved"), product)


@api.post("/<string:id>/images", reply=ProductDetail, statuses=(201,), key="may", headers=("If-Match",))
def add_image(path: ProductPath, body: ImageWrite) -> Response:
    """Add an uploaded picture to the images of a product, or move it to another position."""
    product = call(
        ProductsRpc.add_image,
        id_or_slug=path.id,
        image=body,
        caller=caller(),
        expected_version=etag.expected_version(),
        idempotency=idempotency(),
    )
    return etag.tagged(ok(product, "Image added", 201), product.json)


@api.delete("/<string:id>/images/<string:file_id>", reply=None, headers=("If-Match",))
def delete_image(path: ImagePath) -> Response:
    """Remove a picture from the images of a product. The file itself stays."""
    product = call(
        ProductsRpc.remove_image,
        id_or_slug=path.id,
        file_id=path.file_id,
        caller=caller(),
        expected_version=etag.expected_version(),
    ).json
    return etag.tagged(ok(None, "Image removed"), product)


def _variant(product: dict[str, Any], sku: str) -> dict[str, Any]:
    return next(variant for variant in product["variants"] if variant["sku"] == sku)
