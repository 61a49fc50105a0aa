"""Responses of Elasticsearch as replies of the API."""

from collections.abc import Mapping
from typing import Any

from schemas.api.search import SearchQuery
from services.search.domain.categories import CategoryTree
from services.search.domain.documents import Document
from services.search.domain.query_parsing import allows_typo, parse
from services.search.engine import facets
from services.search.engine.cursors import Way, next_cursor

Response = Mapping[str, Any]


def total(response: Response) -> int:
    """The number of matching products."""
    return int(response["hits"]["total"]["value"])


def reply(
    query: SearchQuery,
    response: Response,
    tree: CategoryTree,
    *,
    did_you_mean: str | None = None,
    way: Way = "exact",
) -> Document:
    """The response as `SearchReply` with paging."""
    hits = response["hits"].get("hits", [])
    return {
        "items": [item(hit, tree) for hit in hits[: query.limit]],
        "facets": facets.facets_of(query, parse(query.q), response.get("aggregations", {}), tree),
        "did_you_mean": did_you_mean,
        "relaxed": way == "relaxed",
        "degraded": False,
        "page": query.page,
        "limit": query.limit,
        "total": total(response),
        "next_cursor": next_cursor(query, hits, total(response), way, did_you_mean),
    }


def item(hit: Mapping[str, Any], tree: CategoryTree) -> Document:
    """A hit as `SearchItem`, with the current name of its category."""
    source = hit["_source"]
    card = source["card"]
    category = card["category"]
    if category and (node := tree.by_id.get(category["id"])):
        category = node.to_reference()
    list_item = {
        **card,
        "id": hit["_id"],
        "category": category,
        "rating": {"average": source.get("rating") or 0.0, "count": source.get("rating_count") or 0},
        "in_stock": bool(source.get("in_stock")),
    }
    if highlights := hit.get("highlight"):
        list_item["highlights"] = {field: " … ".join(parts) for field, parts in highlights.items()}
    return list_item


def corrected_query(response: Response) -> str | None:
    """The query with corrected words; None without corrections."""
    words, corrected = [], False
    for entry in response.get("suggest", {}).get("meant", ()):
        word, options = entry["text"], entry["options"]
        if options and allows_typo(word):
            word, corrected = options[0]["text"], True
        words.append(word)
    return " ".join(words) if corrected else None


def suggested_products(response: Response) -> list[Document]:
    """Hits as `SuggestedProduct`."""
    fields = ("slug", "title", "thumbnail", "price")
    hits = response.get("hits", {}).get("hits", ())
    return [{"id": hit["_id"], **{name: hit["_source"]["card"][name] for name in fields}} for hit in hits]
