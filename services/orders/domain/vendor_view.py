"""A vendor's view of an order: own lines with totals of them, and what shipping needs.

The customer's mail address, payment, billing address, cart and other vendors' lines are not part of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.events.orders import OrderLine
from services.chassis.common.money import json as money
from services.chassis.common.money import split
from services.orders.domain.order import Order, Shipment

NOT_FOR_VENDORS: Final = {"email": None, "billing_address": None, "payment": None}
VISIBLE_EVENT_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "order_placed": frozenset({"order_id", "number", "items", "currency", "shipping_address", "shipping_method"}),
    "order_confirmed": frozenset({"order_id", "number", "items", "currency", "shipping_address", "shipping_method"}),
    "order_cancelled": frozenset({"order_id", "number"}),
    "order_failed": frozenset({"order_id", "number"}),
    "order_lines_cancellation_requested": frozenset({"order_id", "cancellation_id", "lines"}),
    "order_lines_cancelled": frozenset({"order_id", "cancellation_id", "lines"}),
    "order_shipment_requested": frozenset(
        {"order_id", "shipment_id", "items", "method", "carrier", "tracking_number", "vendor_id"}
    ),
    "order_shipment_created": frozenset({"order_id", "shipment_id", "carrier", "tracking_number", "items", "number"}),
    "order_shipment_rejected": frozenset({"order_id", "shipment_id", "code", "reason"}),
    "order_shipment_moved": frozenset({"order_id", "shipment_id", "status"}),
    "order_processing": frozenset({"order_id"}),
    "order_shipped": frozenset({"order_id", "number"}),
    "order_delivered": frozenset({"order_id", "number", "items"}),
    "order_returned": frozenset({"order_id"}),
}
"""What vendors see of an order's events; other events (payment, stock, disputes) they don't see."""


def own_lines(order: Order, vendor_id: str) -> list[OrderLine]:
    """The order's lines that this vendor sells."""
    return [line for line in order.placed.items if line.vendor_id == vendor_id]


def for_vendor(reply: Mapping[str, Any], order: Order, vendor_id: str) -> dict[str, Any]:
    """The resource `schemas.api.orders.Order` of `order`, as this vendor sees it."""
    skus = {line.sku for line in own_lines(order, vendor_id)}
    shipments = _own_shipments(order, skus)
    last = next((item for item in reversed(shipments) if item.tracking_number and item.status != "rejected"), None)
    shipment_ids = {shipment.id for shipment in shipments}
    is_whole_order = len(skus) == len(order.placed.items)
    return {
        **reply,
        **NOT_FOR_VENDORS,
        **_totals(order, vendor_id),
        "items": [item for item in reply["items"] if item["sku"] in skus],
        "timeline": [{"status": entry["status"], "at": entry["at"]} for entry in reply["timeline"]],
        "note": reply["note"] if is_whole_order else None,
        "shipments": [
            shipment | {"items": _of_skus(shipment["items"], skus)}
            for shipment in reply["shipments"]
            if shipment["id"] in shipment_ids
        ],
        "carrier": last.carrier if last else None,
        "tracking_number": last.tracking_number if last else None,
    }


def history_for_vendor(entries: list[dict[str, Any]], order: Order, vendor_id: str) -> list[dict[str, Any]]:
    """The entries of an order's history (`schemas.api.orders.OrderHistoryEntry`) that concern this vendor's lines."""
    return list(_visible_entries(entries, order, vendor_id))


def events_by_vendor(entries: list[dict[str, Any]], order: Order) -> list[dict[str, Any]]:
    """The entries of an order's history by vendor, as each vendor sees them (`schemas.api.webhooks.VendorEvent`)."""
    vendors = sorted({line.vendor_id for line in order.placed.items if line.vendor_id is not None})
    return [
        {"vendor_id": vendor_id, "event_id": entry["id"], "data": entry["data"]}
        for vendor_id in vendors
        for entry in _visible_entries(entries, order, vendor_id)
    ]


def _visible_entries(entries: list[dict[str, Any]], order: Order, vendor_id: str) -> Iterator[dict[str, Any]]:
    skus = {line.sku for line in own_lines(order, vendor_id)}
    shipment_ids = {shipment.id for shipment in _own_shipments(order, skus)}
    for entry in entries:
        fields = VISIBLE_EVENT_FIELDS.get(entry["type"], frozenset())
        if not fields or ("shipment_id" in fields and entry["data"]["shipment_id"] not in shipment_ids):
            continue
        data = {name: value for name, value in entry["data"].items() if name in fields}
        for name in data.keys() & {"items", "lines"}:
            data[name] = _of_skus(data[name], skus)
        if data.get("items") != [] and data.get("lines") != []:
            yield entry | {"data": data}


def _totals(order: Order, vendor_id: str) -> dict[str, Any]:
    """The totals of the vendor's lines: shipping is the shop's."""
    placed, own = order.placed, own_lines(order, vendor_id)
    discounts = split(placed.totals.discount, [line.line_total for line in placed.items])
    discount = sum(share for line, share in zip(placed.items, discounts, strict=True) if line.vendor_id == vendor_id)
    subtotal, tax = sum(line.line_total for line in own), sum(line.tax for line in own)
    amounts = {
        "subtotal": subtotal,
        "discount_total": discount,
        "shipping_total": 0,
        "tax_total": tax,
        "total": subtotal - discount + tax,
    }
    return {name: money(amount, placed.currency) for name, amount in amounts.items()}


def _own_shipments(order: Order, skus: set[str]) -> list[Shipment]:
    """The shipments with units of own lines."""
    return [shipment for shipment in order.shipments if skus & shipment.items.keys()]


def _of_skus(lines: list[dict[str, Any]], skus: set[str]) -> list[dict[str, Any]]:
    return [line for line in lines if line["sku"] in skus]
