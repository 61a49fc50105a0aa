"""The order list equals what a rebuild from the events would write."""

from typing import Any

from ultramarket.verify.results import CheckResult
from ultramarket.verify.stores import Stores

_SUMMARIES = """
    select o.id::text, o.status, o.version, e.body::jsonb #>> '{data,number}' as number,
           e.body::jsonb #>> '{data,email}' as email, (e.body::jsonb #>> '{data,totals,total}')::bigint as total,
           e.body::jsonb #>> '{data,currency}' as currency, e.body::jsonb #>> '{data,user_id}' as user_id
    from orders.orders o join orders.order_events e on e.order_id = o.id and e.version = 1
"""


def check_order_list(stores: Stores) -> CheckResult:
    """Each order is in the list, with its status, owner and total; the list has no other."""
    result = CheckResult("order list")
    fields = {"status": 1, "user_id": 1, "summary.number": 1, "summary.email": 1, "summary.total": 1}
    listed = {document["_id"]: document for document in stores.documents("orders")["orders"].find({}, fields)}
    for row in stores.rows(_SUMMARIES):
        result.examined += 1
        document = listed.pop(row.id, None)
        if document is None:
            result.add(row.id, f"{row.status}, and not in the list")
        elif difference := _difference(row, document):
            result.add(row.id, difference)
    for order_id in listed:
        result.add(order_id, "in the list, and there is no such order")
    return result


def _difference(row: Any, document: dict[str, Any]) -> str | None:
    summary = document["summary"]
    expected = {
        "status": row.status,
        "user_id": row.user_id,
        "number": row.number,
        "email": row.email,
        "total": {"amount": row.total, "currency": row.currency},
    }
    there = {name: summary.get(name, document.get(name)) for name in expected}
    differing = [f"{name} {there[name]} instead of {value}" for name, value in expected.items() if there[name] != value]
    return f"listed with {', '.join(differing)}" if differing else None
