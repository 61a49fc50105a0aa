"""Query bodies: matching, ranking, sorting, aggregations and highlighting of a search.

Every word must match: in a field, joined with an adjacent word, by a synonym, or (mode `fuzzy`) with typing errors. Its
weight depends on the field.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from schemas.api.search import SearchQuery
from services.chassis.common.text import stem
from services.search.domain.categories import CategoryTree
from services.search.domain.query_parsing import ParsedQuery, allows_typo, key, parse
from services.search.domain.tuning import Rules
from services.search.engine import facets

Clause = dict[str, Any]
Mode = Literal["exact", "fuzzy", "relaxed"]

FIELDS: Final = (
    *("title^6", "category_text^5", "tags^4.5", "brand^4", "options^2", "attr_text^0.4", "description^0.35"),
)
SYNONYM: Final = 0.9
JOINED: Final = 5.0
FUZZY: Final = 2.5
PINNED: Final = 1e6
BURIED: Final = 0.001

UNIQUE: Final = {"skus": {"order": "asc", "mode": "min"}}
"""Breaks ties: no two products have a SKU in common."""
SORTS: Final[dict[str, list[Any]]] = {
    "relevance": ["_score", {"created_at": "desc"}, UNIQUE],
    "price": [{"price": "asc"}, "_score", UNIQUE],
    "-price": [{"price": "desc"}, "_score", UNIQUE],
    "-rating": [{"rating": {"order": "desc", "missing": 0}}, "_score", UNIQUE],
    "-created_at": [{"created_at": "desc"}, UNIQUE],
    "title": [{"title.exact": "asc"}, UNIQUE],
}
CARD: Final = ["card", "rating", "rating_count", "in_stock"]
HIGHLIGHT: Final = {
    "encoder": "html",
    "pre_tags": ["<em>"],
    "post_tags": ["</em>"],
    "fields": {
        "title": {"number_of_fragments": 0},
        "description": {"number_of_fragments": 1, "fragment_size": 160},
    },
}


def body(
    query: SearchQuery,
    rules: Rules,
    tree: CategoryTree,
    mode: Mode = "exact",
    prices: tuple[int | None, int | None] | None = None,
    after: list[Any] | None = None,
) -> Clause:
    """The body of a search. `mode`: how far words may deviate; `prices`: limits parsed from the original query.

    `after`: the sort values of the hit that the page follows.
    """
    parsed = parse(query.q)
    if prices:
        parsed = replace(parsed, min_price=prices[0], max_price=prices[1])
    facet_filters = facets.filters(query, parsed, tree)
    request: Clause = {
        "query": ranked_query(parsed, rules, tree, mode, _fixed_filters(query)),
        "from": 0 if after else (query.page - 1) * query.limit,
        "size": query.limit + 1 if after else query.limit,
        "sort": SORTS[query.sort],
        "track_total_hits": True,
        "_source": CARD,
    }
    if after:
        request["search_after"] = after
    if facet_filters:
        request["post_filter"] = {"bool": {"filter": list(facet_filters.values())}}
    if aggregations := facets.aggregations(query, facet_filters):
        request["aggs"] = aggregations
    if parsed.words:
        request["highlight"] = HIGHLIGHT
    return request


def spelling(parsed: ParsedQuery) -> Clause:
    """Term suggester: the most similar indexed word for each unknown word."""
    term = {
        "field": "spelling",
        "analyzer": "plain_word",
        "suggest_mode": "missing",
        "sort": "score",
        "size": 1,
        "prefix_length": 1,
        "min_word_length": 4,
    }
    return {"text": " ".join(parsed.words), "term": term}


def ranked_query(parsed: ParsedQuery, rules: Rules, tree: CategoryTree, mode: Mode, fixed: Sequence[Clause]) -> Clause:
    """The matching products, ranked by score, boosts, pinned and buried products."""
    matching = words_query(parsed, rules, mode)
    query_key = key(parsed.text)
    pinned = rules.pinned.get(query_key, ())
    weighted: Clause = {
        "function_score": {
            "query": {"bool": {"filter": list(fixed), "must": [matching]}},
            "functions": [{"weight": 1.0}, *_weights(rules, tree)],
            "score_mode": "sum",
            "boost_mode": "multiply",
        }
    }
    if buried := rules.buried.get(query_key):
        negative = {"ids": {"values": list(buried)}}
        weighted = {"boosting": {"positive": weighted, "negative": negative, "negative_boost": BURIED}}
    if pinned:
        pinned_first = [
            {"constant_score": {"filter": {"ids": {"values": [product_id]}}, "boost": PINNED * (len(pinned) - place)}}
            for place, product_id in enumerate(pinned)
        ]
        return {"bool": {"filter": list(fixed), "should": [*pinned_first, weighted], "minimum_should_match": 1}}
    return weighted


def words_query(parsed: ParsedQuery, rules: Rules, mode: Mode) -> Clause:
    """A query that requires all words; in mode `relaxed`, at least one."""
    words = parsed.words
    if not words:
        return {"match_all": {}}
    synonyms = _synonyms_by_position(words, rules)
    clauses = [_word_query(words, index, synonyms.get(index, ()), mode != "exact") for index in range(len(words))]
    together: Clause = {"bool": {"must": clauses}}
    if mode == "relaxed":
        together = {"bool": {"should": clauses, "minimum_should_match": 1}}
    if len(words) > 1:
        phrase = {"match_phrase": {"title": {"query": " ".join(words), "slop": 2, "boost": 4.0}}}
        together["bool"].setdefault("should", [])
        together["bool"]["should"] = [*together["bool"]["should"], phrase]
        if mode != "relaxed":
            together["bool"]["minimum_should_match"] = 0
    exact = [
        {"term": {"title.exact": {"value": parsed.text, "boost": 30.0}}},
        {"term": {"skus": {"value": parsed.code, "boost": 100.0}}},
    ]
    if "-" in parsed.code and len(parsed.code) >= 5 and " " not in parsed.code:
        exact.append({"prefix": {"skus": {"value": parsed.code, "boost": 50.0}}})
    return {"dis_max": {"queries": [together, *exact], "tie_breaker": 1.0}}


def _word_query(words: Sequence[str], index: int, synonyms: Sequence[tuple[str, float]], fuzzy: bool) -> Clause:
    """A query for one word and its alternatives; the best match counts, others add a little."""
    word = words[index]
    alternatives: list[Clause] = [
        {"multi_match": {"query": word, "fields": list(FIELDS), "type": "best_fields", "tie_breaker": 0.3}}
    ]
    pairs = [words[index - 1] + word] if index else []
    pairs += [word + words[index + 1]] if index + 1 < len(words) else []
    alternatives += [_joined_query(pair) for pair in (word, *pairs)]
    for phrase, boost in synonyms:
        alternatives.append(_synonym_query(phrase, boost))
    if fuzzy and allows_typo(word):
        alternatives.append(
            {
                "match": {
                    "names": {
                        "query": word,
                        "fuzziness": "AUTO:4,7",
                        "prefix_length": 1,
                        "max_expansions": 30,
                        "boost": FUZZY,
                    }
                }
            }
        )
    return {"dis_max": {"queries": alternatives, "tie_breaker": 0.1}}


def _joined_query(word: str) -> Clause:
    return {"constant_score": {"filter": {"match": {"joined": word}}, "boost": JOINED}}


def _synonym_query(phrase: str, boost: float) -> Clause:
    fields = ["title^5", "category_text^5", "tags^4.5", "options^2", "description^0.2"]
    if " " not in phrase:
        return {"multi_match": {"query": phrase, "fields": fields, "tie_breaker": 0.3, "boost": boost}}
    fields = [field for field in fields if not field.startswith("description")]
    return {"multi_match": {"query": phrase, "fields": fields, "type": "phrase", "boost": boost}}


def _synonyms_by_position(words: Sequence[str], rules: Rules) -> dict[int, list[tuple[str, float]]]:
    """Synonyms by position of the word, for single words and for phrases."""
    stems = tuple(stem(word) for word in words)
    by_position: dict[int, list[tuple[str, float]]] = {}
    for start in range(len(words)):
        for length in range(1, min(max(rules.longest, 2), len(words) - start) + 1):
            alternatives = rules.synonyms.get(stems[start : start + length], ())
            if length == 2:  # "head phones" has the synonyms of "headphones"
                alternatives = (*alternatives, *rules.synonyms.get((stem("".join(words[start : start + 2])),), ()))
            for phrase in alternatives:
                for place in range(start, start + length):
                    by_position.setdefault(place, []).append((phrase, SYNONYM))
    return by_position


def _weights(rules: Rules, tree: CategoryTree) -> list[Clause]:
    boosts = rules.boosts
    functions: list[Clause] = []
    if boosts.get("in_stock"):
        functions.append({"filter": {"term": {"in_stock": True}}, "weight": boosts["in_stock"]})
    for boost, name, missing in (("rating", "liked", 0.5), ("sales", "sold", 0.0)):
        if boosts.get(boost):
            factor = {"field": name, "missing": missing}
            functions.append({"field_value_factor": factor, "weight": boosts[boost]})
    if boosts.get("margin"):
        for slug, percent in rules.margins.items():
            if percent and (ids := tree.descendant_ids(slug)):
                weight = boosts["margin"] * percent / 100
                functions.append({"filter": {"terms": {"category_id": sorted(ids)}}, "weight": weight})
    return functions


def _fixed_filters(query: SearchQuery) -> list[Clause]:
    """Filters that are not facets and apply to all facet counts."""
    filters: list[Clause] = [{"term": {"status": "active"}}]
    if query.vendor:
        filters.append({"term": {"vendor_id": query.vendor}})
    if query.in_stock is not None:
        filters.append({"term": {"in_stock": query.in_stock}})
    return filters
