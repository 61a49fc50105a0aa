"""Query bodies of product suggestions while a customer types."""

from collections.abc import Mapping
from typing import Any

from services.search.domain.query_parsing import allows_typo, parse
from services.search.engine.query_bodies import Clause


def suggestion_body(text: str, limit: int) -> Clause | None:
    """The body of product suggestions: word prefixes, with one typing error in longer words."""
    words = parse(text).words
    if not words:
        return None
    clauses = [_prefix_query(word) for word in words]
    functions: list[Mapping[str, Any]] = [
        {"weight": 1.0},
        {"field_value_factor": {"field": "liked", "missing": 0.5}, "weight": 0.2},
        {"field_value_factor": {"field": "sold", "missing": 0.0}, "weight": 0.4},
        {"filter": {"term": {"in_stock": True}}, "weight": 0.2},
    ]
    matching = {"bool": {"filter": [{"term": {"status": "active"}}], "must": clauses}}
    return {
        "query": {"function_score": {"query": matching, "functions": functions, "score_mode": "sum"}},
        "size": limit,
        "track_total_hits": False,
        "_source": ["card"],
    }


def _prefix_query(word: str) -> Clause:
    prefix = {"constant_score": {"filter": {"term": {"title.beginnings": word[:15]}}, "boost": 3.0}}
    if not allows_typo(word):
        return prefix
    fuzzy_prefix = {"fuzzy": {"title.beginnings": {"value": word[:15], "fuzziness": 1, "prefix_length": 1}}}
    return {"dis_max": {"queries": [prefix, {"constant_score": {"filter": fuzzy_prefix, "boost": 1.0}}]}}
