"""Lists of a large catalogue beside those of a small one: `python -m bench.scale --instance NAME [--products 100000]`.

Fills two databases of their own with generated products, the small one with 1,000, and runs each filter with each sort
order alternately on both, at the first page and by cursor at the page `--page`. Prints the 95th percentiles in
milliseconds, their ratio, and how many index keys and documents the server looked at.
"""

import argparse
import os
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from pymongo.database import Database
from rich.console import Console
from rich.table import Table

from bench.importing import KINDS, NOUNS
from bench.stage import Stage
from schemas.api.products import ProductQuery, ProductWrite
from services.chassis.common.ids import new_id
from services.chassis.stores.mongo import connect
from services.products.domain.documents import CategoryFacts, Document, Identity, build, rating_of
from services.products.settings import ProductSettings
from services.products.store import ProductStore, listing

SMALL = 1_000
BATCH = 1_000
BRANDS, VENDORS = 50, 40
CATEGORIES = [
    CategoryFacts(new_id(), f"{noun}-{part}", f"{noun} {part}", ("shop", noun)) for noun in NOUNS for part in range(5)
]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "category": {"category": NOUNS[0]},
    "category of a third level": {"category": f"{NOUNS[0]}-1"},
    "brand": {"brand": "Brand 7"},
    "vendor": {"vendor": "VENDOR"},
    "attribute": {"attr.material": KINDS[0]},
    "two attributes": {"attr.material": KINDS[0], "attr.warranty": "2 years"},
    "in stock": {"in_stock": True},
    "price": {"min_price": 20_000, "max_price": 20_500},
    "rating": {"rating": 4.5},
    "words": {"q": f"{KINDS[0]} {NOUNS[0]} {KINDS[1]}"},
    "category, in stock, price": {"category": NOUNS[0], "in_stock": True, "min_price": 20_000, "max_price": 30_000},
    "brand, rating": {"brand": "Brand 7", "rating": 4.5},
}


@dataclass(frozen=True)
class Shop:
    """A catalogue of one size; `vendor` is the id of one of its vendors."""

    store: ProductStore
    vendor: str


def products(count: int, vendors: list[str]) -> Iterator[Document]:
    """Stored products, generated: half of them are unrated, a tenth is out of stock."""
    chance = random.Random(count)
    for number in range(count):
        kind, noun = chance.choice(KINDS), chance.choice(NOUNS)
        sku = f"SCALE-{number}"
        product = ProductWrite.model_validate(
            {
                "title": f"{kind.title()} {noun} {chance.choice(KINDS)} {number}",
                "description": f"A {noun} of {kind}, made to last for years. " * 5,
                "status": "active",
                "brand": f"Brand {chance.randrange(BRANDS)}",
                "attributes": {"material": kind, "warranty": f"{chance.randint(1, 5)} years"},
                "variants": [{"sku": sku, "price": {"amount": chance.randint(100, 50_000), "currency": "USD"}}],
            }
        )
        at = BEGIN + timedelta(minutes=number)
        rating = {"average": chance.randint(10, 50) / 10, "count": 9, "histogram": {"5": 9}} if number % 2 else None
        identity = Identity(
            id=new_id(),
            slug=f"scale-{number}",
            vendor_id=chance.choice(vendors),
            external_id=None,
            version=1,
            created_at=at,
            updated_at=at,
            rating=rating or rating_of(None),
        )
        yield build(product, identity, chance.choice(CATEGORIES), {sku: (0 if number % 10 == 0 else 7, 1)})


def fill(database: Database[Document], count: int, console: Console) -> Shop:
    vendors = [new_id() for _ in range(VENDORS)]
    store = ProductStore(database, ProductSettings())
    store.indexes()
    begun = time.monotonic()
    rows, done = products(count, vendors), 0
    while batch := list(islice(rows, BATCH)):
        database["products"].insert_many(batch, ordered=False)
        done += len(batch)
        if done % 50_000 == 0:
            console.print(f"{done:,} products after {time.monotonic() - begun:.0f} s")
    return Shop(store, vendors[0])


def query_of(shop: Shop, filters: dict[str, Any], **values: Any) -> ProductQuery:
    chosen = {name: shop.vendor if value == "VENDOR" else value for name, value in filters.items()}
    return ProductQuery.model_validate(chosen | values)


def deep_cursor(shop: Shop, query: ProductQuery, position: int) -> str | None:
    """The cursor after the item at `position` of a list, or after the last but a page of a shorter one."""
    condition = listing.conditions(query, ["active"])
    rows = shop.store.queries.products
    keyset = listing.KEYSETS[query.sort]
    field = keyset.keys[0].field
    ordered = rows.find(condition, {field: 1}).sort([(key.field, key.direction) for key in keyset.keys])
    skipped = max(0, min(position, rows.count_documents(condition) - query.limit - 1))
    last = next(iter(ordered.skip(skipped).limit(1).hint(listing.index_for(condition, query.sort))), None)
    return keyset.cursor((last[field], last["_id"])) if last and skipped > 0 else None


def looked_at(shop: Shop, query: ProductQuery) -> str:
    """Index keys and documents that the server looks at for a page."""
    plan = shop.store.queries.explain(query, ["active"])["executionStats"]
    return f"{plan['totalKeysExamined']}/{plan['totalDocsExamined']}"


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)] * 1000


def compare(shops: tuple[Shop, Shop], page: int, times: int) -> Iterator[tuple[str, str, str, float, float, str]]:
    """Filter, sort, place, the 95th percentile on the small and the large catalogue, and what the latter looked at."""
    for name, filters in FILTERS.items():
        for sort in listing.SORTS:
            for place in ("first", f"page {page}"):
                queries = []
                for shop in shops:
                    query = query_of(shop, filters, sort=sort)
                    cursor = None if place == "first" else deep_cursor(shop, query, page * query.limit)
                    queries.append(query_of(shop, filters, sort=sort, **({"cursor": cursor} if cursor else {})))
                measured: tuple[list[float], list[float]] = ([], [])
                for _ in range(times):
                    for shop, query, seconds in zip(shops, queries, measured, strict=True):
                        begun = time.perf_counter()
                        shop.store.queries.find(query, ["active"])
                        seconds.append(time.perf_counter() - begun)
                yield name, sort, place, p95(measured[0]), p95(measured[1]), looked_at(shops[1], queries[1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--page", type=int, default=5_000)
    parser.add_argument("--times", type=int, default=20)
    arguments = parser.parse_args()
    Stage(arguments.instance)
    console = Console(width=160)
    client = connect(os.environ["ULTRAMARKET_MONGO_URL"], timeoutMS=120_000)
    names = [f"bench_scale_{uuid.uuid4().hex[:8]}" for _ in range(2)]
    try:
        shops = (fill(client[names[0]], SMALL, console), fill(client[names[1]], arguments.products, console))
        table = Table("filter", "sort", "place", f"{SMALL:,}", f"{arguments.products:,}", "ratio", "keys/documents")
        rows = list(compare(shops, arguments.page, arguments.times))
        for name, sort, place, small, large, plan in rows:
            table.add_row(name, sort, place, f"{small:.1f}", f"{large:.1f}", f"{large / small:.2f}", plan)
        console.print(table)
        slower = [row for row in rows if row[4] > 1.5 * row[3]]
        console.print(f"{len(slower)} of {len(rows)} lists take more than 1.5 times as long")
    finally:
        for name in names:
            client.drop_database(name)
        client.close()


if __name__ == "__main__":
    main()
