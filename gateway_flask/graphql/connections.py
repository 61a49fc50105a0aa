"""Relay connections (https://relay.dev/graphql/connections.htm) over the services' pages.

A cursor is opaque: the service's cursor of a page and the number of items after its start, so that every edge has one.
"""

import base64
from collections.abc import Callable
from typing import Any, Final

import orjson
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from gateway_flask.graphql.arguments import renamed
from gateway_flask.graphql.fields import Info
from services.chassis.common.errors import ValidationFailed

Json = dict[str, Any]
MAX_FIRST: Final = 50
"""Items of a page; a service gives up to 100, and up to 50 of a page may be passed over."""
AFTER: Final = {"cursor": "after"}
"""The argument that is a service's cursor."""


def by_cursor(info: Info, read: Callable[[int, str | None, bool], Json], first: int, after: str | None) -> Json:
    """A connection over a list with cursors. `read(limit, cursor, counted)` gives a page of the service."""
    check_first(first)
    start, passed = _decoded(after)
    if not (start is None or isinstance(start, str)) or passed > MAX_FIRST:
        raise _bad_cursor()
    try:
        page = read(first + passed, start, is_selected(info, "totalCount"))
    except ValidationFailed as error:
        raise renamed(error, names=AFTER) from None
    items, following = page["items"][passed:], page.get("next_cursor")
    edges = [{"node": item, "cursor": _encoded(start, passed + index)} for index, item in enumerate(items, 1)]
    if edges and following:
        edges[-1]["cursor"] = _encoded(following, 0)
    return _connection(edges, bool(following), page["total"], page)


def check_first(first: int) -> None:
    """Raise `ValidationFailed` for a page that is too large."""
    if not 1 <= first <= MAX_FIRST:
        raise ValidationFailed.of("first", f"must be from 1 to {MAX_FIRST}")


def is_selected(info: Info, name: str) -> bool:
    """Whether the field is among those asked for, in fragments as well."""
    pending: list[SelectionSetNode | None] = [node.selection_set for node in info.field_nodes]
    while pending:
        selections = pending.pop()
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                if selection.name.value == name:
                    return True
            elif isinstance(selection, InlineFragmentNode):
                pending.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                pending.append(info.fragments[selection.name.value].selection_set)
    return False


def _connection(edges: list[Json], more: bool, total: int, page: Json) -> Json:
    info = {"has_next_page": more, "end_cursor": edges[-1]["cursor"] if edges else None}
    return {"edges": edges, "page_info": info, "total_count": total, "page": page}


def _encoded(start: str | None, offset: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([start, offset])).decode().rstrip("=")


def _decoded(cursor: str | None) -> tuple[str | None, int]:
    if cursor is None:
        return None, 0
    try:
        start, offset = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise _bad_cursor() from None
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
        raise _bad_cursor()
    return start, offset


def _bad_cursor() -> ValidationFailed:
    return ValidationFailed.of("after", "is not a cursor of this list")
