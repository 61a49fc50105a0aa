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


def _after(keyset: Keyset, position: list[Any]) -> dict[str, Any]:
    onward, behind = ("$gt", "$lte") if keyset.keys[0].direction > 0 else ("$lt", "$gte")
    if len(keyset.keys) == 1:
        return {keyset.keys[0].field: {onward: position[0]}}
    (first, unique), (edge, last) = keyset.keys, position
    if first.direction != unique.direction:
        raise ValueError("an index serves both keys in one direction only")
    # not `$or`: MongoDB would run each branch separately and sort the results
    return {first.field: {f"{onward}e": edge}, "$nor": [{first.field: edge, unique.field: {behind: last}}]}
