"""From the engine's answer to the reply."""

from collections.abc import Mapping
from typing import Any

from schemas.api.search import SearchQuery
from services.chassis.common.text import fold, split
from services.search.domain import facets
from services.search.domain.documents import Document
from services.search.domain.tree import Tree
from services.search.domain.words import may_be_misspelt, nearly_begins, read

Answer = Mapping[str, Any]


def total(found: Answer) -> int:
    return int(found["hits"]["total"]["value"])


def reply(
    query: SearchQuery, found: Answer, tree: Tree, *, did_you_mean: str | None = None, relaxed: bool = False
) -> Document:
    """What was found, with its place in the whole."""
    return {
        "items": [item(hit, tree) for hit in found["hits"].get("hits", ())],
        "facets": facets.read(query, read(query.q), found.get("aggregations", {}), tree),
        "did_you_mean": did_you_mean,
        "relaxed": relaxed,
        "degraded": False,
        "page": query.page,
        "limit": query.limit,
        "total": total(found),
    }


def item(hit: Mapping[str, Any], tree: Tree) -> Document:
    """A list item: its category under the name that it has today."""
    source = hit["_source"]
    card = source["card"]
    category = card["category"]
    if category and (node := tree.by_id.get(category["id"])):
        category = node.to_reference()
    found = {
        **card,
        "id": hit["_id"],
        "category": category,
        "rating": {"average": source.get("rating") or 0.0, "count": source.get("rating_count") or 0},
        "in_stock": bool(source.get("in_stock")),
    }
    if marked := hit.get("highlight"):
        found["highlights"] = {field: " … ".join(parts) for field, parts in marked.items()}
    return found


def meant(found: Answer) -> str | None:
    """The words with what they were likely meant to be; None if they are as they should be."""
    words, corrected = [], False
    for entry in found.get("suggest", {}).get("meant", ()):
        word, options = entry["text"], entry["options"]
        if options and may_be_misspelt(word):
            word, corrected = options[0]["text"], True
        words.append(word)
    return " ".join(words) if corrected else None


def proposed(found: Answer) -> list[Document]:
    """Products as a proposal shows them."""
    shown = ("slug", "title", "thumbnail", "price")
    hits = found.get("hits", {}).get("hits", ())
    return [{"id": hit["_id"], **{name: hit["_source"]["card"][name] for name in shown}} for hit in hits]


def queries_like(text: str, popular: tuple[str, ...], limit: int) -> list[str]:
    """Popular queries that begin so, or have a word that does, or nearly does; each the most popular first."""
    beginning, typed = fold(text), split(fold(text))
    if not typed:
        return []
    folded = [(query, fold(query)) for query in popular]
    first = [query for query, words in folded if words.startswith(beginning)]
    then = [query for query, words in folded if f" {beginning}" in words]
    nearly = [
        query
        for query, words in folded
        if all(any(nearly_begins(word, part) for word in split(words)) for part in typed)
    ]
    return list(dict.fromkeys([*first, *then, *nearly]))[:limit]
