"""Products: one, a list, and what belongs to a product."""

from collections.abc import Callable
from typing import Any, Final

from gateway_flask.graphql.arguments import model
from gateway_flask.graphql.connections import by_cursor
from gateway_flask.graphql.context import ExecutionContext
from gateway_flask.graphql.fields import Info, resolves, snake_case
from gateway_flask.graphql.money import major_units
from gateway_flask.middleware.request_context import caller, cart_id, current_request
from gateway_flask.routes.paths import ProductPath
from gateway_flask.rpc.calls import call
from schemas.api.products import ProductQuery, RelatedQuery
from schemas.rpc.products import ProductsRpc
from services.chassis.common.errors import NotFound, ValidationFailed
from services.chassis.dynamic_config import config
from services.chassis.dynamic_config.flag_rules import Subject

Json = dict[str, Any]

UNCATEGORIZED: Final[Json] = {
    "id": "00000000-0000-0000-0000-000000000000",
    "slug": "uncategorized",
    "name": "Uncategorized",
}
"""Stands for the category of a product that has none: the schema promises one."""


@resolves("Query.product")
def product(_: None, __: Info, id: str) -> Json:
    try:
        arguments = model(ProductPath, {"id": id})
    except ValidationFailed:
        raise NotFound("There is no such product") from None
    detail: Json = call(ProductsRpc.get_product, id_or_slug=arguments.id, caller=caller()).json
    return detail


@resolves("Query.products")
def products(_: None, info: Info, first: int, sort: str, filter: Json | None = None, after: str | None = None) -> Json:
    query = model(ProductQuery, {**renamed_filter(filter), "sort": sort}, at="filter")

    def read(limit: int, cursor: str | None, counted: bool) -> Json:
        page = query.model_copy(update={"limit": limit, "cursor": cursor})
        page.model_fields_set.update(("limit", "cursor") if cursor else ("limit",))
        reply: Json = call(ProductsRpc.list_products if counted else ProductsRpc.list_uncounted, page).json
        return reply

    return by_cursor(info, read, first, after)


def renamed_filter(given: Json | None) -> Json:
    """A filter of products as the services' queries name it."""
    renamed = {snake_case(name): value for name, value in (given or {}).items() if value is not None}
    if "query" in renamed:
        renamed["q"] = renamed.pop("query")
    if "attributes" in renamed:
        renamed["attributes"] = {each["name"]: each["value"] for each in renamed["attributes"]}
    return renamed


def _of_detail(field: str, read: Callable[[Json], Any]) -> None:
    """Resolve a field that items of lists lack: from the product itself, or by the loader."""

    @resolves(f"Product.{field}")
    def resolve(source: Json, info: Info) -> Any:
        if "variants" in source:
            return read(source)
        context: ExecutionContext = info.context
        future = context.products.load(source["id"])

        async def loaded() -> Any:
            detail = await future
            if detail is None:
                raise NotFound("The product is no longer sold")
            return read(detail)

        return loaded()


def selected(options: dict[str, Any]) -> list[Json]:
    """A mapping as a list of names and values."""
    return [{"name": name, "value": value} for name, value in options.items()]


_of_detail("description", lambda detail: detail["description"])
_of_detail("variants", lambda detail: detail["variants"])
_of_detail("options", lambda detail: detail["options"])
_of_detail("attributes", lambda detail: selected(detail["attributes"]))
_of_detail("tags", lambda detail: detail["tags"])
_of_detail("images", lambda detail: detail["images"])
_of_detail("createdAt", lambda detail: detail["created_at"])
_of_detail("updatedAt", lambda detail: detail["updated_at"])


@resolves("Product.name", "ProductVariant.name", "CartItem.name", "OrderItem.name", "LiveProduct.name")
def title(source: Json, _: Info) -> str:
    text: str = source["title"]
    return text


@resolves("Product.price", "ProductVariant.price")
def price(source: Json, _: Info) -> float:
    return major_units(source["price"])


@resolves("Product.money", "ProductVariant.money")
def money(source: Json, _: Info) -> Json:
    amount: Json = source["price"]
    return amount


@resolves("Product.compareAt", "ProductVariant.compareAt")
def compare_at(source: Json, _: Info) -> Json | None:
    return source.get("compare_at_price")


@resolves("Product.category")
def category(source: Json, _: Info) -> Json:
    return source["category"] or UNCATEGORIZED


@resolves("Product.related")
def related(source: Json, info: Info, first: int) -> list[Json]:
    info.context.check_time()
    query = model(RelatedQuery, {"limit": first}, names={"limit": "first"})
    who = current_request().caller
    if not config.enabled("recommendations", Subject(who.user_id or cart_id(), who.user_id, frozenset(who.roles))):
        return []
    items: list[Json] = call(ProductsRpc.related_products, id_or_slug=source["id"], limit=query.limit).json
    return items


@resolves("ProductVariant.options")
def variant_options(source: Json, _: Info) -> list[Json]:
    return selected(source["options"])


@resolves("ProductVariant.weight")
def weight(source: Json, _: Info) -> int:
    grams: int = source["weight_g"]
    return grams


@resolves("CartItem.product", "OrderItem.product")
def product_of_line(source: Json, info: Info) -> Any:
    context: ExecutionContext = info.context
    return context.products.load(source["product_id"])
