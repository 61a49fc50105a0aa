"""Tax rates by country, region and tax class."""

from flask import Response

from gateway_flask.http import etag
from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import TaxRatePath
from gateway_flask.rpc.calls import call
from schemas.api.taxes import TaxRate, TaxRateQuery, TaxRateWrite
from schemas.rpc.products import ProductsRpc

api = Api("taxes", "Taxes", "Tax rates by country, region and tax class.", "/tax-rates")


@api.get("", reply=TaxRate, many=True)
def list_tax_rates(query: TaxRateQuery) -> Response:
    """List tax rates, all of them or those of a country."""
    return ok(call(ProductsRpc.tax_rates, country=query.country, caller=caller()), "Tax rates")


@api.get("/<string:id>", reply=TaxRate)
def get_tax_rate(path: TaxRatePath) -> Response:
    """Get a tax rate."""
    return etag.versioned(call(ProductsRpc.tax_rate, rate_id=path.id, caller=caller()), "Tax rate")


@api.put("", reply=TaxRate, headers=("If-Match",))
def put_tax_rate(body: TaxRateWrite) -> Response:
    """Set the rate of a tax class in a country or region. Carts use it within a minute. `If-Match: "0"`: only new."""
    expected = etag.expected_version()
    rate = call(ProductsRpc.put_tax_rate, rate=body, caller=caller(), expected_version=expected)
    return etag.versioned(rate, "Tax rate saved")


@api.delete("/<string:id>", reply=None, headers=("If-Match",))
def delete_tax_rate(path: TaxRatePath) -> Response:
    """Delete a tax rate."""
    expected = etag.expected_version()
    call(ProductsRpc.delete_tax_rate, rate_id=path.id, caller=caller(), expected_version=expected)
    return ok(None, "Tax rate removed")
