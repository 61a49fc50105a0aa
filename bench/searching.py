"""Searches as shoppers make them, through the shop and, the very same bodies, from the engine alone.

The catalogue is the demo's, a hundred times over with other words in the titles: twenty thousand products, written into
the index of the measured instance only.
"""

import json
import os
import random
import urllib.parse
from typing import Any

from bench.load import Refused, Work
from bench.search_relevance import CATALOGUE, QUERIES
from bench.wire import Connection
from bench.works import connection
from schemas.api.search import SearchQuery
from services.chassis.common.ids import new_id
from services.chassis.stores.elastic import index_prefix, open_store
from services.search.domain import documents
from services.search.engine.client import SearchEngine
from services.search.store import SearchStore

PRODUCTS = 20_000
BATCH = 500
MIXED = 300
WORDS = [
    "Classic",
    "Urban",
    "Alpine",
    "Royal",
    "Nordic",
    "Retro",
    "Prime",
    "Ultra",
    "Basic",
    "Deluxe",
    "Compact",
    "Slim",
    "Pocket",
    "Family",
    "Studio",
    "Garden",
]

Sent = tuple[str, str, bytes, dict[str, str]]


class Searching:
    """Somebody who searches: words, facets, filters, pages, errors."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine_url = os.environ["ULTRAMARKET_ELASTICSEARCH_URL"]
        self.store = open_store(SearchStore, self.engine_url, index_prefix("search"))
        self.store.reference_data.refresh()
        self._fill()
        self.queries = _mixed()
        self.sent = [self._bodies(query) for query in self.queries]
        titles = [product["title"].lower() for product in json.loads(CATALOGUE.read_text())]
        self.beginnings = [title[:length] for title in titles for length in (2, 3, 4, 6, 8) if len(title) >= length]

    def search(self, number: int) -> Work:
        """A search with facets through the shop."""
        client, chance = connection(self.url), random.Random(number)
        paths = ["/search?" + urllib.parse.urlencode(_parameters(query)) for query in self.queries]

        def work() -> None:
            status, _, body = client.request("GET", chance.choice(paths))
            if status != 200 or b'"degraded":false' not in body:
                raise Refused(str(status) if status != 200 else "degraded")

        return work

    def engine_alone(self, number: int) -> Work:
        """The same searches, body by body, without us."""
        parts, chance = urllib.parse.urlsplit(self.engine_url), random.Random(number)
        client = Connection(parts.hostname or "127.0.0.1", parts.port or 9200, prefix="")

        def work() -> None:
            for method, path, body, headers in chance.choice(self.sent):
                status, _, _ = client.request(method, path, body, headers)
                if status != 200:
                    raise Refused(f"engine {status}")

        return work

    def suggest(self, number: int) -> Work:
        """Suggestions for a prefix."""
        client, chance = connection(self.url), random.Random(number)
        paths = ["/search/suggest?" + urllib.parse.urlencode({"q": text}) for text in self.beginnings]

        def work() -> None:
            status, _, _ = client.request("GET", chance.choice(paths))
            if status != 200:
                raise Refused(str(status))

        return work

    def _bodies(self, query: SearchQuery) -> list[Sent]:
        """The engine request of this query."""
        sent: list[Sent] = []
        perform = self.store.transport.perform_request

        def recording(method: str, target: str, *, body: bytes, headers: dict[str, str], **options: Any) -> Any:
            sent.append((method, target, body, dict(headers)))
            return perform(method, target, body=body, headers=headers, **options)

        facts = self.store.reference_data.current()
        self.store.transport.perform_request = recording  # type: ignore[assignment, method-assign]
        try:
            SearchEngine(self.store, 10, 1).search(query, facts)
        finally:
            self.store.transport.perform_request = perform  # type: ignore[method-assign]
        return sent

    def _fill(self) -> None:
        index = self.store.indexes.live
        if self.store.request("GET", f"/{index}/_count")["count"] >= PRODUCTS:
            return
        roots = self.store.request("POST", f"/{self.store.indexes.reference_data}/_mget", {"ids": ["categories"]})[
            "docs"
        ][0]
        by_slug = {row["slug"]: row for row in roots["_source"]["roots"]}
        rows = json.loads(CATALOGUE.read_text())
        chance = random.Random(1)
        for start in range(0, PRODUCTS, BATCH):
            lines: list[Any] = []
            for number in range(start, start + BATCH):
                lines += [
                    {"index": {"_id": new_id()}},
                    _document(rows[number % len(rows)], number, by_slug, chance),
                ]
            self.store.bulk(lines, f"/{index}/_bulk", seconds=60)
        self.store.indexes.refresh()
        self.store.request("POST", f"/{index}/_forcemerge?max_num_segments=1", seconds=120)


def _document(row: dict[str, Any], number: int, by_slug: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    price = {"amount": int(row["price"] * 100 * chance.uniform(0.5, 2)), "currency": "USD"}
    category = by_slug.get(row["category"])
    reference = category and {name: category[name] for name in ("id", "slug", "name")}
    title = f"{chance.choice(WORDS)} {row['title']} {chance.choice(WORDS)} {number}"
    product = documents.product_part(
        {
            "version": 1, "status": "active", "title": title, "slug": f"bench-{number}", "brand": row.get("brand"),
            "category": reference, "category_names": [category["name"]] if category else [], "tags": row["tags"],
            "options": [], "description": row["description"], "vendor_id": None, "created_at": "2026-01-01T00:00:00Z",
            "attributes": {"warranty": row["warrantyInformation"], "shipping": row["shippingInformation"]},
            "thumbnail": row["thumbnail"],
            "variants": [{"sku": f"{row['sku']}-{number}", "price": price, "compare_at_price": None}],
        }
    )  # fmt: skip
    rating = documents.rating_part(row["rating"], chance.randint(0, 200), 1)
    return {**product, **rating, **documents.sales_part(chance.randint(0, 100), 1), "in_stock": row["stock"] > 0}


def _mixed() -> list[SearchQuery]:
    """Half of them plain; a quarter narrowed by a facet; others sorted, or turned to the next page."""
    chance = random.Random(7)
    texts = [entry["q"] for entry in json.loads(QUERIES.read_text())]
    mixed = []
    for _ in range(MIXED):
        queries: dict[str, Any] = {"q": chance.choice(texts)}
        kind = chance.random()
        if kind < 0.1:
            queries["min_price"], queries["max_price"] = 1_000, 50_000
        elif kind < 0.2:
            queries["in_stock"], queries["rating"] = True, 3
        elif kind < 0.25:
            queries["attr.warranty"] = "1 year warranty"
        elif kind < 0.4:
            queries["sort"] = chance.choice(["price", "-rating"])
        elif kind < 0.5:
            queries["page"] = 2
        mixed.append(SearchQuery.model_validate(queries))
    return mixed


def _parameters(query: SearchQuery) -> dict[str, Any]:
    given = query.model_dump(exclude_defaults=True)
    attributes = given.pop("attributes", {})
    given |= {f"attr.{name}": value for name, value in attributes.items()}
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
