"""From a question to the engine's body: which products match, how they are ordered, what else is counted.

Each word must be found by something: in a field, joined with its neighbour, by a synonym, and, in the second try, with
a typing error. How much it counts depends on where it is found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from schemas.api.search import SearchQuery
from services.chassis.common.text import stem
from services.search.domain import facets
from services.search.domain.tree import Tree
from services.search.domain.tuning import Rules
from services.search.domain.words import Asked, key, may_be_misspelt, read

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

SORTS: Final[dict[str, list[Any]]] = {
    "relevance": ["_score", {"created_at": "desc"}],
    "price": [{"price": "asc"}, "_score"],
    "-price": [{"price": "desc"}, "_score"],
    "-rating": [{"rating": {"order": "desc", "missing": "_last"}}, "_score"],
    "-created_at": [{"created_at": "desc"}],
    "title": [{"title.exact": "asc"}],
}
CARD: Final = ["card", "rating", "rating_count", "in_stock"]
MARKED: Final = {
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
    tree: Tree,
    mode: Mode = "exact",
    prices: tuple[int | None, int | None] | None = None,
) -> Clause:
    """The whole request. `mode` says how much may be wrong with the words; `prices` were in the words before."""
    asked = read(query.q)
    if prices:
        asked = replace(asked, min_price=prices[0], max_price=prices[1])
    chosen = facets.filters(query, asked, tree)
    request: Clause = {
        "query": ranked(asked, rules, tree, mode, _fixed(query)),
        "from": (query.page - 1) * query.limit,
        "size": query.limit,
        "sort": SORTS[query.sort],
        "track_total_hits": True,
        "_source": CARD,
    }
    if query.sort == "relevance":
        del request["sort"]  # the engine's own order, by score: cheaper
    if chosen:
        request["post_filter"] = {"bool": {"filter": list(chosen.values())}}
    if counted := facets.aggregations(query, chosen):
        request["aggs"] = counted
    if asked.words:
        request["highlight"] = MARKED
    return request


def spelling(asked: Asked) -> Clause:
    """For each word that the catalogue doesn't have: the one that looks most like it."""
    term = {
        "field": "spelling",
        "analyzer": "plain_word",
        "suggest_mode": "missing",
        "sort": "score",
        "size": 1,
        "prefix_length": 1,
        "min_word_length": 4,
    }
    return {"text": " ".join(asked.words), "term": term}


def ranked(asked: Asked, rules: Rules, tree: Tree, mode: Mode, fixed: Sequence[Clause]) -> Clause:
    """What matches, with the shop's weights on it."""
    matching = words_query(asked, rules, mode)
    asked_for = key(asked.text)
    pinned = rules.pinned.get(asked_for, ())
    weighed: Clause = {
        "function_score": {
            "query": {"bool": {"filter": list(fixed), "must": [matching]}},
            "functions": [{"weight": 1.0}, *_weights(rules, tree)],
            "score_mode": "sum",
            "boost_mode": "multiply",
        }
    }
    if buried := rules.buried.get(asked_for):
        negative = {"ids": {"values": list(buried)}}
        weighed = {"boosting": {"positive": weighed, "negative": negative, "negative_boost": BURIED}}
    if pinned:
        first = [
            {"constant_score": {"filter": {"ids": {"values": [product_id]}}, "boost": PINNED * (len(pinned) - place)}}
            for place, product_id in enumerate(pinned)
        ]
        return {"bool": {"filter": list(fixed), "should": [*first, weighed], "minimum_should_match": 1}}
    return weighed


def words_query(asked: Asked, rules: Rules, mode: Mode) -> Clause:
    """All words, each found somehow; for `relaxed`, some of them."""
    words = asked.words
    if not words:
        return {"match_all": {}}
    also = _synonyms(words, rules)
    clauses = [_word(words, index, also.get(index, ()), mode != "exact") for index in range(len(words))]
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
        {"term": {"title.exact": {"value": asked.text, "boost": 30.0}}},
        {"term": {"skus": {"value": asked.code, "boost": 100.0}}},
    ]
    if "-" in asked.code and len(asked.code) >= 5 and " " not in asked.code:
        exact.append({"prefix": {"skus": {"value": asked.code, "boost": 50.0}}})
    return {"dis_max": {"queries": [together, *exact], "tie_breaker": 1.0}}


def _word(words: Sequence[str], index: int, synonyms: Sequence[tuple[str, float]], fuzzy: bool) -> Clause:
    """One word and all that may stand for it; the best place counts, the others a little."""
    word = words[index]
    ways: list[Clause] = [
        {"multi_match": {"query": word, "fields": list(FIELDS), "type": "best_fields", "tie_breaker": 0.3}}
    ]
    pairs = [words[index - 1] + word] if index else []
    pairs += [word + words[index + 1]] if index + 1 < len(words) else []
    ways += [_joined(pair) for pair in (word, *pairs)]
    for phrase, boost in synonyms:
        ways.append(_synonym(phrase, boost))
    if fuzzy and may_be_misspelt(word):
        ways.append(
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
    return {"dis_max": {"queries": ways, "tie_breaker": 0.1}}


def _joined(word: str) -> Clause:
    return {"constant_score": {"filter": {"match": {"joined": word}}, "boost": JOINED}}


def _synonym(phrase: str, boost: float) -> Clause:
    fields = ["title^5", "category_text^5", "tags^4.5", "options^2", "description^0.2"]
    if " " not in phrase:
        return {"multi_match": {"query": phrase, "fields": fields, "tie_breaker": 0.3, "boost": boost}}
    fields = [field for field in fields if not field.startswith("description")]
    return {"multi_match": {"query": phrase, "fields": fields, "type": "phrase", "boost": boost}}


def _synonyms(words: Sequence[str], rules: Rules) -> dict[int, list[tuple[str, float]]]:
    """By the place of each word: what may stand for it, alone or together with its neighbours."""
    stems = tuple(stem(word) for word in words)
    found: dict[int, list[tuple[str, float]]] = {}
    for start in range(len(words)):
        for length in range(1, min(max(rules.longest, 2), len(words) - start) + 1):
            also = rules.synonyms.get(stems[start : start + length], ())
            if length == 2:  # head phones, that are called earphones too
                also = (*also, *rules.synonyms.get((stem("".join(words[start : start + 2])),), ()))
            for phrase in also:
                for place in range(start, start + length):
                    found.setdefault(place, []).append((phrase, SYNONYM))
    return found


def _weights(rules: Rules, tree: Tree) -> list[Clause]:
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
            if percent and (ids := tree.below(slug)):
                weight = boosts["margin"] * percent / 100
                functions.append({"filter": {"terms": {"category_id": sorted(ids)}}, "weight": weight})
    return functions


def _fixed(query: SearchQuery) -> list[Clause]:
    """What is no facet: it counts for all of them."""
    found: list[Clause] = [{"term": {"status": "active"}}]
    if query.vendor:
        found.append({"term": {"vendor_id": query.vendor}})
    if query.in_stock is not None:
        found.append({"term": {"in_stock": query.in_stock}})
    return found


def proposals(text: str, limit: int) -> Clause | None:
    """Products by the beginnings of the words typed so far, with one error in the longer ones."""
    words = read(text).words
    if not words:
        return None
    clauses = [_beginning(word) for word in words]
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


def _beginning(word: str) -> Clause:
    as_typed = {"constant_score": {"filter": {"term": {"title.beginnings": word[:15]}}, "boost": 3.0}}
    if not may_be_misspelt(word):
        return as_typed
    misspelt = {"fuzzy": {"title.beginnings": {"value": word[:15], "fuzziness": 1, "prefix_length": 1}}}
    return {"dis_max": {"queries": [as_typed, {"constant_score": {"filter": misspelt, "boost": 1.0}}]}}
