"""Reads of products, gathered into fewer calls where many arrive at once."""

from dataclasses import dataclass, field
from typing import Any

from flask import current_app

from gateway_flask.middleware.request_context import caller
from gateway_flask.rpc.calls import call
from gateway_flask.rpc.gathered_calls import GatheredCalls
from schemas.api.products import ProductQuery
from schemas.permissions.permission import Permission
from schemas.rpc.products import ProductsRpc
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import is_id

Document = dict[str, Any]


@dataclass(frozen=True)
class _List:
    """A query, equal to others with the same text."""

    text: str
    query: ProductQuery = field(compare=False)


def read_detail(id_or_slug: str) -> Document:
    """A product as its caller may see it. Raises `NotFound`."""
    asking = caller()
    if not is_id(id_or_slug) or asking.may(Permission.PRODUCTS_WRITE):
        return _detail(id_or_slug)
    gathered: GatheredCalls[str, Document] = current_app.extensions["gathered_details"]
    product = gathered.get(id_or_slug.lower(), _detail, _active_details)
    if product is None:
        raise NotFound("There is no such product")
    return product


def read_list(query: ProductQuery) -> Document:
    """A page of active products."""

    this = _List(query.model_dump_json(exclude_unset=True, by_alias=True), query)
    if query.status is not None or query.cursor is not None:  # either can be refused, and only by itself
        return _list(this)
    gathered: GatheredCalls[_List, Document] = current_app.extensions["gathered_lists"]
    page = gathered.get(this, _list, _lists)
    assert page is not None, "the reply has a page for each query"
    return page


def _detail(id_or_slug: str) -> Document:
    product: Document = call(ProductsRpc.get_product, id_or_slug=id_or_slug, caller=caller()).json
    return product


def _active_details(ids: list[str]) -> dict[str, Document]:
    return {product["id"]: product for product in call(ProductsRpc.get_details, ids=ids).json}


def _list(this: _List) -> Document:
    page: Document = call(ProductsRpc.list_products, this.query).json
    return page


def _lists(these: list[_List]) -> dict[_List, Document]:
    pages = call(ProductsRpc.list_pages, queries=[each.query for each in these]).json
    return dict(zip(these, pages, strict=True))
