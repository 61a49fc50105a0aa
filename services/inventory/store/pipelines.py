"""Update pipelines for a level document: MongoDB decides, computes and writes the events in one atomic step.

A level: `{_id: SKU, warehouses: [{warehouse, priority, on_hand, reserved, available}] by priority, on_hand, reserved,
available, counted, low, low_stock_threshold, holds: [{token, order_id, fence, quantity, takes: [{warehouse,
quantity}], until}], version, outbox, product_id}`, `product_id` where it is known. The totals are always the sums over
its warehouses, computed in the same step.
"""

from typing import Any

from schemas.events.base import SEQUENCE_DIGITS

Stages = list[dict[str, Any]]
Expression = Any


def change(
    moves: Expression,
    holds: Expression,
    stock_changed: dict[str, Any],
    low_stock: dict[str, Any],
    back_in_stock: dict[str, Any],
) -> Stages:
    """Apply `moves` (`[{warehouse, on_hand, reserved}]`: differences), set `holds`, and write the events.

    The envelopes come without figures; they are filled from the document as it is after the change. `low_stock` is
    said only when the available units fall from above the threshold to it or below, `back_in_stock` only when there
    were none.
    """
    return [
        {"$set": {"_before": "$available", "_moves": moves, "holds": holds}},
        {"$set": {"warehouses": _MOVED}},
        {
            "$set": {
                "on_hand": {"$sum": "$warehouses.on_hand"},
                "reserved": {"$sum": "$warehouses.reserved"},
                "available": {"$sum": "$warehouses.available"},
                "version": {"$add": ["$version", 1]},
            }
        },
        {"$set": {"low": {"$lte": ["$available", "$low_stock_threshold"]}}},
        {
            "$set": {
                "outbox": {
                    "$concatArrays": [
                        "$outbox",
                        [_stock_changed(stock_changed)],
                        _low_stock(low_stock),
                        _back_in_stock(back_in_stock),
                    ]
                }
            }
        },
        {"$unset": ["_before", "_moves"]},
    ]


def holding(hold: dict[str, Any], takes: list[dict[str, Any]] | None) -> tuple[Expression, Expression]:
    """Moves and holds for a new reservation: from the given warehouses, else from the first that has it all."""
    if takes is None:
        enough = {"$filter": {"input": "$warehouses", "cond": {"$gte": ["$$this.available", hold["quantity"]]}}}
        first: Expression = {"$let": {"vars": {"w": {"$first": enough}}, "in": "$$w.warehouse"}}
        taken: Expression = [{"warehouse": first, "quantity": hold["quantity"]}]
    else:
        taken = {"$literal": takes}
    held = {"$mergeObjects": [{"$literal": hold}, {"takes": taken}]}
    return _moves(taken, 0, 1), {"$concatArrays": ["$holds", [held]]}


def of_order(order_id: str) -> Expression:
    """Condition on a hold: it is the order's."""
    return {"$eq": ["$$this.order_id", {"$literal": order_id}]}


def with_token(order_id: str, token: str) -> Expression:
    """Condition on a hold: it is the order's with this token."""
    return {"$and": [of_order(order_id), {"$eq": ["$$this.token", {"$literal": token}]}]}


def fenced_before(order_id: str, fence: int) -> Expression:
    """Condition on a hold: it is the order's with a lower fence. One without a fence does not count as lower."""
    return {"$and": [of_order(order_id), {"$lt": [{"$ifNull": ["$$this.fence", fence]}, fence]}]}


def freeing(condition: Expression) -> tuple[Expression, Expression]:
    """Moves and holds when the holds that meet the condition are freed."""
    return _moves(_takes(condition), 0, -1), _without(condition)


def selling(order_id: str, token: str) -> tuple[Expression, Expression]:
    """Moves and holds when the hold with the token is deducted; every other hold of the order is freed."""
    sold = with_token(order_id, token)
    others = {"$and": [of_order(order_id), {"$not": [sold]}]}
    moves = {"$concatArrays": [_moves(_takes(sold), -1, -1), _moves(_takes(others), 0, -1)]}
    return moves, _without(of_order(order_id))


def returning(order_id: str, token: str, takes: list[dict[str, Any]]) -> tuple[Expression, Expression]:
    """Moves and holds when units come back to their warehouses; a hold that was not deducted yet is deducted first."""
    sold, holds = selling(order_id, token)
    return {"$concatArrays": [sold, _moves({"$literal": takes}, 1, 0)]}, holds


def counting(
    warehouse: dict[str, Any], delta: int, threshold: int, product_id: str | None = None
) -> tuple[Stages, Expression]:
    """Stages that create a missing level and warehouse, add to `counted` and record the product, and the move of a
    count.
    """
    empty = {"warehouse": warehouse["_id"], "priority": warehouse["priority"], "on_hand": 0, "reserved": 0}
    defaults = {
        "warehouses": [],
        "holds": [],
        "outbox": [],
        "version": 0,
        "available": 0,
        "low_stock_threshold": threshold,
    }
    is_listed = {"$in": [{"$literal": warehouse["_id"]}, "$warehouses.warehouse"]}
    added = {"$concatArrays": ["$warehouses", [{"$literal": empty | {"available": 0}}]]}
    is_new = {"$eq": [{"$type": "$warehouses"}, "missing"]}
    stages = [
        {"$set": {"counted": {"$cond": [is_new, 0, {"$ifNull": ["$counted", "$$REMOVE"]}]}}},
        add_to_counted(delta),
        {"$set": {name: {"$ifNull": [f"${name}", {"$literal": value}]} for name, value in defaults.items()}},
        {"$set": {"warehouses": {"$cond": [is_listed, "$warehouses", in_order(added)]}}},
    ]
    if product_id is not None:
        stages.append({"$set": {"product_id": {"$literal": product_id}}})
    return stages, [{"warehouse": {"$literal": warehouse["_id"]}, "on_hand": delta, "reserved": 0}]


def add_to_counted(units: Expression) -> dict[str, Any]:
    """A stage that adds counted units: what was received and adjusted, without what was sold.

    A level of before this was recorded has no such figure, and gets none.
    """
    unknown = {"$eq": [{"$type": "$counted"}, "missing"]}
    return {"$set": {"counted": {"$cond": [unknown, "$$REMOVE", {"$add": ["$counted", units]}]}}}


def all_available() -> Expression:
    """Moves that take all available units of every warehouse."""
    take = {"warehouse": "$$w.warehouse", "on_hand": {"$multiply": ["$$w.available", -1]}, "reserved": 0}
    return {"$map": {"input": "$warehouses", "as": "w", "in": take}}


def in_order(warehouses: Expression) -> Expression:
    """The warehouses by priority."""
    return {"$sortArray": {"input": warehouses, "sortBy": {"priority": 1, "warehouse": 1}}}


def _moves(takes: Expression, on_hand: int, reserved: int) -> Expression:
    moved = {
        "warehouse": "$$this.warehouse",
        "on_hand": {"$multiply": ["$$this.quantity", on_hand]},
        "reserved": {"$multiply": ["$$this.quantity", reserved]},
    }
    return {"$map": {"input": takes, "in": moved}}


def _takes(condition: Expression) -> Expression:
    """The takes of all holds that meet the condition, as one list."""
    chosen = {"$filter": {"input": "$holds", "cond": condition}}
    return {"$reduce": {"input": chosen, "initialValue": [], "in": {"$concatArrays": ["$$value", "$$this.takes"]}}}


def _without(condition: Expression) -> Expression:
    """The holds that don't meet the condition."""
    return {"$filter": {"input": "$holds", "cond": {"$not": [condition]}}}


def _stock_changed(envelope: dict[str, Any]) -> Expression:
    figures: dict[str, Any] = {name: f"${name}" for name in ("on_hand", "reserved", "available")}
    if "delta" in envelope["data"]:
        figures["delta"] = {"$subtract": ["$available", "$_before"]}
    return _filled(envelope, figures)


def _low_stock(envelope: dict[str, Any]) -> Expression:
    was_above = {"$gt": ["$_before", "$low_stock_threshold"]}
    figures = {"available": "$available", "threshold": "$low_stock_threshold"}
    return {"$cond": [{"$and": ["$low", was_above]}, [_filled(envelope, figures)], []]}


def _back_in_stock(envelope: dict[str, Any]) -> Expression:
    returned = {"$and": [{"$lte": ["$_before", 0]}, {"$gt": ["$available", 0]}]}
    return {"$cond": [returned, [_filled(envelope, {"available": "$available"})], []]}


def _filled(envelope: dict[str, Any], figures: dict[str, Any]) -> Expression:
    data = {"$mergeObjects": [{"$literal": envelope["data"]}, figures]}
    return {"$mergeObjects": [{"$literal": envelope}, {"sequence": _SEQUENCE, "data": data}]}


_SEQUENCE: Expression = {
    "$substrBytes": [{"$toString": {"$add": [10**SEQUENCE_DIGITS, "$version"]}}, 1, SEQUENCE_DIGITS]
}
"""`sequence_text` of the level's version."""
_MOVED: Expression = {
    "$map": {
        "input": "$warehouses",
        "as": "w",
        "in": {
            "$let": {
                "vars": {
                    "mine": {
                        "$filter": {
                            "input": "$_moves",
                            "as": "move",
                            "cond": {"$eq": ["$$move.warehouse", "$$w.warehouse"]},
                        }
                    }
                },
                "in": {
                    "$let": {
                        "vars": {
                            "on_hand": {"$add": ["$$w.on_hand", {"$sum": "$$mine.on_hand"}]},
                            "reserved": {"$add": ["$$w.reserved", {"$sum": "$$mine.reserved"}]},
                        },
                        "in": {
                            "warehouse": "$$w.warehouse",
                            "priority": "$$w.priority",
                            "on_hand": "$$on_hand",
                            "reserved": "$$reserved",
                            "available": {"$subtract": ["$$on_hand", "$$reserved"]},
                        },
                    }
                },
            }
        },
    }
}
