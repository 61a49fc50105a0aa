"""Conversion of orders to API resources."""

from typing import Any

from services.chassis.common.money import json as money
from services.chassis.common.timestamps import rfc3339
from services.orders.domain.order import Order
from services.orders.domain.quantities import cancelled, shipped
from services.orders.domain.saga import next_step

SECRET_EVENT_FIELDS = ("cart_id",)
"""Fields of events that nobody is shown: a guest's cart id is the only key to the cart."""


def as_reply(order: Order) -> dict[str, Any]:
    """The resource `schemas.api.orders.Order`, JSON-able."""
    placed, totals, currency = order.placed, order.placed.totals, order.placed.currency
    shipped_units, cancelled_units = shipped(order), cancelled(order)
    return {
        "id": order.id,
        "number": order.number,
        "status": order.status,
        "email": placed.email,
        "items": [
            {
                "sku": line.sku,
                "product_id": line.product_id,
                "title": line.title,
                "quantity": line.quantity,
                "unit_price": money(line.unit_price, currency),
                "line_total": money(line.line_total, currency),
                "shipped": shipped_units[line.sku],
                "cancelled": cancelled_units[line.sku],
            }
            for line in placed.items
        ],
        "subtotal": money(totals.subtotal, currency),
        "discount_total": money(totals.discount, currency),
        "shipping_total": money(totals.shipping, currency),
        "tax_total": money(totals.tax, currency),
        "total": money(totals.total, currency),
        "currency": currency,
        "shipping_address": placed.shipping_address,
        "billing_address": placed.billing_address,
        "shipping_method": placed.shipping_method,
        "payment": _payment(order),
        "timeline": [
            {"status": milestone.status, "at": rfc3339(milestone.at)}
            | ({"reason": milestone.reason} if milestone.reason else {})
            for milestone in order.timeline
        ],
        "note": placed.note,
        "shipments": [
            {
                "id": shipment.id,
                "status": shipment.status,
                "carrier": shipment.carrier,
                "tracking_number": shipment.tracking_number,
                "items": [{"sku": sku, "quantity": quantity} for sku, quantity in shipment.items.items()],
            }
            for shipment in order.shipments
            if shipment.status != "rejected"
        ],
        "carrier": order.carrier,
        "tracking_number": order.tracking_number,
        "created_at": rfc3339(order.created_at),
        "updated_at": rfc3339(order.updated_at or order.created_at),
        "version": order.version,
    }


def as_summary(order: Order) -> dict[str, Any]:
    """The resource `schemas.api.orders.OrderSummary`, JSON-able."""
    return {
        "id": order.id,
        "number": order.number,
        "status": order.status,
        "email": order.placed.email,
        "item_count": sum(line.quantity for line in order.placed.items),
        "total": money(order.placed.totals.total, order.placed.currency),
        "created_at": rfc3339(order.created_at),
        "updated_at": rfc3339(order.updated_at or order.created_at),
    }


def as_stuck(order: Order, attempts: int) -> dict[str, Any]:
    """The resource `schemas.api.stuck_orders.StuckOrder`, JSON-able."""
    suspension = order.suspension
    return {
        "id": order.id,
        "number": order.number,
        "status": order.status,
        "step": suspension.step if suspension else next_step(order),
        "suspended": suspension is not None,
        "attempts": attempts,
        "reason": suspension.reason if suspension else None,
        "created_at": rfc3339(order.created_at),
    }


def as_history(envelope: dict[str, Any]) -> dict[str, Any]:
    """The resource `schemas.api.orders.OrderHistoryEntry` of one event's envelope."""
    return {
        "id": envelope["id"],
        "sequence": int(envelope["sequence"]),
        "type": envelope["type"],
        "at": envelope["time"],
        "data": {name: value for name, value in envelope["data"].items() if name not in SECRET_EVENT_FIELDS},
    }


def _payment(order: Order) -> dict[str, Any] | None:
    if order.payment_status is None:
        return None
    return {
        "id": order.placed.payment_id,
        "provider": order.placed.payment_provider,
        "status": order.payment_status,
        "amount": money(order.placed.totals.total, order.placed.currency),
        "refunded": money(order.refunded, order.placed.currency),
    }
