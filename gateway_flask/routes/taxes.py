"""What tax is added where: rates by country, region and class of goods."""

from flask import Response

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import TaxRatePath
from gateway_flask.rpc.calls import call
from schemas.api.taxes import TaxRate, TaxRateQuery, TaxRateWrite

api = Api("taxes", "Taxes", "Rates by country, region and class of goods.", "/tax-rates")


@api.get("", reply=TaxRate, many=True, who=Who.ADMIN)
def list_tax_rates(query: TaxRateQuery) -> Response:
    """Every rate in force, or those of one country."""
    return ok(call("products", "tax_rates", country=query.country), "Tax rates")


@api.put("", reply=TaxRate, who=Who.ADMIN)
def put_tax_rate(body: TaxRateWrite) -> Response:
    """Set the rate of a class of goods in a country, or in one region of it. Carts know within a minute."""
    return ok(call("products", "put_tax_rate", rate=body.model_dump(mode="json"), caller=caller()), "Tax rate saved")


@api.delete("/<string:id>", reply=None, who=Who.ADMIN)
def delete_tax_rate(path: TaxRatePath) -> Response:
    """Take a rate out of force."""
    call("products", "delete_tax_rate", rate_id=path.id, caller=caller())
    return ok(None, "Tax rate removed")
