"""Shipments hold no more than was ordered, and the order knows each of them."""

from ultramarket.verify.results import CheckResult
from ultramarket.verify.stores import Stores

_LINES = """
    with ordered as (
        select e.order_id, line ->> 'sku' as sku, sum((line ->> 'quantity')::int) as units
        from orders.order_events e, jsonb_array_elements(e.body::jsonb #> '{data,items}') as line
        where e.version = 1 and e.order_id in (select order_id from shipping.shipments)
        group by 1, 2
    ), shipped as (
        select order_id, item ->> 'sku' as sku, sum((item ->> 'quantity')::int) as units
        from shipping.shipments, jsonb_array_elements(items) as item
        group by 1, 2
    ), cancelled as (
        select e.order_id, line ->> 'sku' as sku, sum((line ->> 'quantity')::int) as units
        from orders.order_events e, jsonb_array_elements(e.body::jsonb #> '{data,lines}') as line
        where e.version > 1 and substr(e.body, 1, 200) like '%%"type":"order_lines_cancellation_requested"%%'
        group by 1, 2
    )
    select shipped.order_id::text, shipped.sku, shipped.units as shipped, coalesce(ordered.units, 0) as ordered,
           coalesce(cancelled.units, 0) as cancelled
    from shipped
    left join ordered using (order_id, sku)
    left join cancelled using (order_id, sku)
"""
_UNKNOWN = """
    select id::text, order_id::text from shipping.shipments
    where order_id not in (
        select order_id from orders.order_events
        where version > 1 and substr(body, 1, 200) like '%%"type":"order_ship%%'
    )
"""


def check_shipments(stores: Stores) -> CheckResult:
    """For each line: shipped + cancelled <= ordered; each shipment is recorded in its order."""
    result = CheckResult("shipments")
    for row in stores.rows(_LINES):
        result.examined += 1
        if row.shipped + row.cancelled > row.ordered:
            units = f"{row.shipped} shipped and {row.cancelled} cancelled of {row.ordered}"
            result.add(row.order_id, f"{row.sku}: {units} ordered")
    for row in stores.rows(_UNKNOWN):
        result.add(row.id, f"shipment of order {row.order_id}, which has none")
    return result
