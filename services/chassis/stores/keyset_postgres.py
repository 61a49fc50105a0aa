"""Keyset paging of PostgreSQL queries: pages after a position, by the index of the sort."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, tuple_

from services.chassis.common.paging import Keyset, Paging

Columns = Sequence[ColumnElement[Any]]


def paged(statement: Select[Any], keyset: Keyset, columns: Columns, paging: Paging) -> Select[Any]:
    """A list's statement, sorted and limited to the page and one row more. `columns` are those of the keys."""
    if paging.cursor is not None:
        statement = statement.where(_after(keyset, columns, keyset.position(paging.cursor)))
    directions = [key.direction for key in keyset.keys]
    order = [
        column.asc() if direction > 0 else column.desc() for column, direction in zip(columns, directions, strict=True)
    ]
    return statement.order_by(*order).offset(paging.offset).limit(paging.fetched)


def _after(keyset: Keyset, columns: Columns, position: list[Any]) -> ColumnElement[bool]:
    directions = [key.direction for key in keyset.keys]
    if len(set(directions)) == 1:  # a comparison of rows, which an index serves exactly
        row, edge = tuple_(*columns), tuple_(*position)
        after: ColumnElement[bool] = row > edge if directions[0] > 0 else row < edge
        return after
    return _beyond(columns, directions, position)


def _beyond(columns: Columns, directions: Sequence[int], position: Sequence[Any]) -> ColumnElement[bool]:
    column, value, ascending = columns[0], position[0], directions[0] > 0
    beyond: ColumnElement[bool] = column > value if ascending else column < value
    if len(columns) == 1:
        return beyond
    rest = _beyond(columns[1:], directions[1:], position[1:])
    return and_(column >= value if ascending else column <= value, or_(beyond, rest))
