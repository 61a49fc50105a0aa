"""Tags of cached replies, and which events drop which of them: the one table of invalidation.

An event that changes what a cached reply shows has a row here; `settling` where the reply is read from a copy that the
event changes only later: products copies stock and ratings, search indexes everything.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway_flask.caching.invalidations import Drop
from schemas.events.analytics import PopularQueriesChanged, SalesCounted
from schemas.events.base import Event
from schemas.events.config import FlagChanged, SettingChanged
from schemas.events.inventory import StockChanged
from schemas.events.products import CategoryChanged, ProductArchived, ProductCreated, ProductUpdated
from schemas.events.reviews import RatingChanged

EVERYTHING: Final = "everything"
"""Of every reply."""
LISTS: Final = "lists"
"""Of lists of products: which products, and in which order."""
SEARCH: Final = "search"
"""Of search replies and suggestions."""
AVAILABILITY: Final = "availability"
"""Of replies that show or filter by whether products are in stock."""
RATINGS: Final = "ratings"
"""Of replies that are sorted or filtered by rating."""
CATEGORIES: Final = "categories"
"""Of replies that show categories."""

COPY_SECONDS: Final = 1.0
"""Within which products has copied a stock level or a rating."""
INDEX_SECONDS: Final = 1.5
"""Within which search has indexed a change, and the index was refreshed."""

Data = Mapping[str, Any]


def changed_product(parts: dict[str, Any]) -> tuple[Drop, ...]:
    """Drops of a route below `/products` in its own process, so that its client reads its own change."""
    drops = Drop(LISTS), Drop(SEARCH, INDEX_SECONDS)
    return (Drop(product(parts["id"])), *drops) if "id" in parts else drops


def changed_category(_: dict[str, Any]) -> tuple[Drop, ...]:
    """Drops of a route below `/categories` in its own process."""
    return _category_changed({})


def changed_tuning(_: dict[str, Any]) -> tuple[Drop, ...]:
    """Drops of a change of search's tuning in its own process; it is in force within two seconds."""
    return (Drop(SEARCH, 2 * INDEX_SECONDS),)


def product(id_or_slug: str) -> str:
    """The tag of replies that show this product."""
    return f"product:{id_or_slug}"


def sku(sku_: str) -> str:
    """The tag of replies that show the available units of this SKU."""
    return f"sku:{sku_}"


def of_products(items: Iterable[Data]) -> list[str]:
    """The tags of replies that show these products."""
    return [product(item["id"]) for item in items]


def of_detail(detail: Data) -> list[str]:
    """The tags of replies that show all of a product."""
    skus = (sku(variant["sku"]) for variant in detail["variants"])
    return [product(detail["id"]), product(detail["slug"]), *skus]


def _product_changed(data: Data) -> tuple[Drop, ...]:
    return Drop(product(data["product_id"])), Drop(LISTS), Drop(SEARCH, INDEX_SECONDS)


def _category_changed(_: Data) -> tuple[Drop, ...]:
    return Drop(CATEGORIES), Drop(SEARCH, INDEX_SECONDS)


def _stock_changed(data: Data) -> tuple[Drop, ...]:
    """Of most sales only the product's page shows anything; of others lists as well, where it is in stock or not."""
    delta, available = data.get("delta", 0), data["available"]
    if not delta and data["reason"] != "initial":
        return ()
    changed = Drop(sku(data["sku"]), COPY_SECONDS)
    if data["reason"] == "initial" or (available > 0) != (available - delta > 0):
        return changed, Drop(AVAILABILITY, INDEX_SECONDS)
    return (changed,)


def _rating_changed(data: Data) -> tuple[Drop, ...]:
    return Drop(product(data["product_id"]), INDEX_SECONDS), Drop(RATINGS, INDEX_SECONDS)


def _ranking_changed(_: Data) -> tuple[Drop, ...]:
    return (Drop(SEARCH, INDEX_SECONDS),)


def _configuration_changed(_: Data) -> tuple[Drop, ...]:
    return (Drop(EVERYTHING, COPY_SECONDS),)


_TABLE: Final[tuple[tuple[type[Event], Callable[[Data], tuple[Drop, ...]]], ...]] = (
    (ProductCreated, _product_changed),
    (ProductUpdated, _product_changed),
    (ProductArchived, _product_changed),
    (CategoryChanged, _category_changed),
    (StockChanged, _stock_changed),
    (RatingChanged, _rating_changed),
    (SalesCounted, _ranking_changed),
    (PopularQueriesChanged, _ranking_changed),
    (FlagChanged, _configuration_changed),
    (SettingChanged, _configuration_changed),
)
DROPS: Final = {(f"{event.source}.events", event.type): drops for event, drops in _TABLE}
"""What an event's data drop, by its exchange and routing key."""
EVENTS: Final = tuple(event for event, _ in _TABLE)
