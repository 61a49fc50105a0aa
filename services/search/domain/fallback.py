"""Fallback to the catalogue's title search while the search engine is unavailable."""

from collections.abc import Mapping
from typing import Any

from schemas.api.search import SearchQuery
from services.search.domain.documents import Document
from services.search.domain.query_parsing import parse


def degraded_reply(page: Mapping[str, Any]) -> Document:
    """The catalogue's page as a `SearchReply` with `degraded` set."""
    page_fields = {name: page[name] for name in ("items", "page", "limit", "total", "next_cursor")}
    return {**page_fields, "facets": [], "did_you_mean": None, "relaxed": False, "degraded": True}


def catalogue_query(query: SearchQuery) -> Document:
    """The arguments of `products.search_titles` for a search query."""
    parsed = parse(query.q)
    parameters = query.model_dump(exclude_defaults=True, exclude={"q", "facets", "session_id", "sort"})
    for name, bound, choose in (("min_price", parsed.min_price, max), ("max_price", parsed.max_price, min)):
        if bound is not None:
            parameters[name] = choose(bound, parameters.get(name, bound))
    if parsed.words:
        parameters["q"] = " ".join(parsed.words)
    parameters["sort"] = "-rating" if query.sort == "relevance" else query.sort
    return parameters
