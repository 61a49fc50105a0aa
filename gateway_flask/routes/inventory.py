"""Stock levels and warehouses, for vendors and administrators."""

from flask import Response

from gateway_flask.http import etag
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.request_context import caller, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import SkuPath, WarehousePath
from gateway_flask.rpc.calls import call
from schemas.api.inventory import AdjustStock, Level, LowLevel, LowStockQuery, ThresholdWrite, Warehouse, WarehouseWrite
from schemas.rpc.inventory import InventoryRpc

api = Api("inventory", "Inventory", "Stock by SKU and warehouse.", "/inventory")


@api.get("/low-stock", reply=LowLevel, many=True)
def low_stock(query: LowStockQuery) -> Response:
    """List SKUs at or below their threshold, the scarcest first; a vendor's own only."""
    return listing(call(InventoryRpc.low_stock, query=query, caller=caller()), "Low stock")


@api.get("/warehouses", reply=Warehouse, many=True)
def list_warehouses() -> Response:
    """List warehouses in the order in which stock is taken from them."""
    return ok(call(InventoryRpc.list_warehouses, caller=caller()), "Warehouses")


@api.get("/warehouses/<string:code>", reply=Warehouse)
def get_warehouse(path: WarehousePath) -> Response:
    """Get a warehouse."""
    return etag.versioned(call(InventoryRpc.get_warehouse, code=path.code, caller=caller()), "Warehouse")


@api.put("/warehouses/<string:code>", reply=Warehouse, headers=("If-Match",))
def put_warehouse(path: WarehousePath, body: WarehouseWrite) -> Response:
    """Create or replace a warehouse."""
    expected = etag.expected_version()
    warehouse = call(
        InventoryRpc.put_warehouse, code=path.code, warehouse=body, caller=caller(), expected_version=expected
    )
    return etag.versioned(warehouse, "Warehouse saved")


@api.delete("/warehouses/<string:code>", reply=None, headers=("If-Match",))
def delete_warehouse(path: WarehousePath) -> Response:
    """Delete an empty warehouse."""
    expected = etag.expected_version()
    call(InventoryRpc.delete_warehouse, code=path.code, caller=caller(), expected_version=expected)
    return ok(None, "Warehouse removed")


@api.get("/<path:sku>", reply=Level)
def get_level(path: SkuPath) -> Response:
    """Get the stock of a SKU, in total and by warehouse; a vendor's own only."""
    return etag.versioned(call(InventoryRpc.get_level, sku=path.sku, caller=caller()), "Stock")


@api.put("/<path:sku>/threshold", reply=Level, headers=("If-Match",))
def set_stock_threshold(path: SkuPath, body: ThresholdWrite) -> Response:
    """Set the units at or below which the stock of a SKU is low; a vendor's own only."""
    expected = etag.expected_version()
    level = call(InventoryRpc.set_threshold, sku=path.sku, threshold=body, caller=caller(), expected_version=expected)
    return etag.versioned(level, "Threshold set")


@api.post("/<path:sku>/adjust", reply=Level, key="may")
def adjust_stock(path: SkuPath, body: AdjustStock) -> Response:
    """Change the units on hand of a SKU, never below what is reserved; a vendor's own only."""
    level = call(
        InventoryRpc.adjust,
        sku=path.sku,
        delta=body.delta,
        reason=body.reason,
        warehouse=body.warehouse,
        caller=caller(),
        idempotency=idempotency(),
    )
    return ok(level, "Stock adjusted")
