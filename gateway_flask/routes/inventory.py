"""Stock, as vendors and administrators see it."""

from flask import Response

from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import current_request, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import SkuPath, WarehousePath
from gateway_flask.rpc.calls import call
from schemas.api.inventory import AdjustStock, Level, LowLevel, LowStockQuery, Warehouse, WarehouseWrite
from services.chassis.common.errors import NotFound

api = Api("inventory", "Inventory", "Stock by SKU and warehouse.", "/inventory")


@api.get("/low-stock", reply=LowLevel, many=True, who=Who.VENDOR)
def low_stock(query: LowStockQuery) -> Response:
    """SKUs that are at or below their threshold, the scarcest first; a vendor's own."""
    skus = None if _is_admin() else call("products", "vendor_skus", vendor_id=current_request().caller.user_id)
    return listing(call("inventory", "low_stock", page=query.page, limit=query.limit, skus=skus), "Low stock")


@api.get("/warehouses", reply=Warehouse, many=True, who=Who.ADMIN)
def list_warehouses() -> Response:
    """Every warehouse, in the order in which stock is taken from them."""
    return ok(call("inventory", "list_warehouses"), "Warehouses")


@api.put("/warehouses/<string:code>", reply=Warehouse, who=Who.ADMIN)
def put_warehouse(path: WarehousePath, body: WarehouseWrite) -> Response:
    """Create or replace a warehouse."""
    warehouse = body.model_dump(mode="json")
    return ok(call("inventory", "put_warehouse", code=path.code, warehouse=warehouse), "Warehouse saved")


@api.delete("/warehouses/<string:code>", reply=None, who=Who.ADMIN)
def delete_warehouse(path: WarehousePath) -> Response:
    """Remove an empty warehouse."""
    call("inventory", "delete_warehouse", code=path.code)
    return ok(None, "Warehouse removed")


@api.get("/<path:sku>", reply=Level, who=Who.VENDOR)
def get_level(path: SkuPath) -> Response:
    """What there is of a SKU, over all warehouses and in each; a vendor's own."""
    _check_own(path.sku)
    return ok(call("inventory", "get_level", sku=path.sku), "Stock")


@api.post("/<path:sku>/adjust", reply=Level, who=Who.VENDOR, key="may")
def adjust_stock(path: SkuPath, body: AdjustStock) -> Response:
    """Count more or fewer units than we thought. Never below what is reserved. A vendor counts their own."""
    _check_own(path.sku)
    level = call("inventory", "adjust", sku=path.sku, **body.model_dump(), idempotency=idempotency())
    return ok(level, "Stock adjusted")


def _is_admin() -> bool:
    return "ADMIN" in current_request().caller.roles


def _check_own(sku: str) -> None:
    """Whose a SKU is, `products` knows; `inventory` counts. Raises `NotFound` for another vendor's."""
    if _is_admin():
        return
    known = call("products", "price_skus", skus=[sku])
    if sku not in known or known[sku]["vendor_id"] != current_request().caller.user_id:
        raise NotFound(f"There is no stock record of {sku}")
