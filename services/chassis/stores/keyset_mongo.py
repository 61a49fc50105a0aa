"""Keyset paging of MongoDB collections: pages after a position, by the index of the sort."""

from typing import Any

from services.chassis.common.paging import Keyset, Paging


def sort_of(keyset: Keyset) -> list[tuple[str, int]]:
    """The sort of a list, for `find(…).sort(…)`."""
    return [(key.field, key.direction) for key in keyset.keys]


def on_page(condition: dict[str, Any], keyset: Keyset, paging: Paging) -> dict[str, Any]:
    """A list's condition with that of the page after the cursor. One or two keys, of the same direction."""
    if paging.cursor is None:
        return condition
    return {"$and": [condition, _after(keyset, keyset.position(paging.cursor))]}


def on_page_merged(condition: dict[str, Any], keyset: Keyset, paging: Paging, choice: str) -> dict[str, Any]:
    """Like `on_page`, for two keys of which many rows may have an equal first one.

    A branch for the rows with an equal value and one for those beyond, with the whole condition in each: MongoDB reads
    both in the order of the index and merges them, and none of the equal rows before the position. `choice` is the
    index's first field: it has one value, or a branch for each value of an `$in`.
    """
    if paging.cursor is None:
        return condition
    (first, unique), (edge, last) = keyset.keys, keyset.position(paging.cursor)
    onward = "$gt" if first.direction > 0 else "$lt"
    beyond = [{first.field: edge, unique.field: {onward: last}}, {first.field: {onward: edge}}]
    chosen = condition[choice]
    values = chosen["$in"] if isinstance(chosen, dict) else [chosen]
    return {"$or": [{"$and": [condition | {choice: value}, rows]} for value in values for rows in beyond]}


def _after(keyset: Keyset, position: list[Any]) -> dict[str, Any]:
    onward, behind = ("$gt", "$lte") if keyset.keys[0].direction > 0 else ("$lt", "$gte")
    if len(keyset.keys) == 1:
        return {keyset.keys[0].field: {onward: position[0]}}
    (first, unique), (edge, last) = keyset.keys, position
    if first.direction != unique.direction:
        raise ValueError("an index serves both keys in one direction only")
    # not `$or`: MongoDB would run each branch separately and sort the results
    return {first.field: {f"{onward}e": edge}, "$nor": [{first.field: edge, unique.field: {behind: last}}]}
