"""A tuning tried on a query: the order today beside the order that it would be, with what each place comes from."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from schemas.api.search import PreviewRequest, SearchQuery
from services.search.domain import tuning
from services.search.domain.documents import Document
from services.search.domain.tuning import Rules
from services.search.domain.words import key
from services.search.engine import Engine
from services.search.store.facts import Known

MOST_REASONS: Final = 12
_WORD: Final = re.compile(r"weight\((?:Synonym\()?([\w.]+):(.+?)\)? in \d+\)")
_FILTERED: Final = re.compile(r"(?:match filter: |ConstantScore\()([\w.]+):(\S+?)\)?(?:\^[\d.]+)?$")
_FIELD: Final = re.compile(r"field value function: none\(doc\['(\w+)'\]")
_NAMES: Final = {"liked": "rating", "sold": "sales", "in_stock": "in stock", "category_id": "margin"}


def compare(engine: Engine, known: Known, request: PreviewRequest) -> Document:
    """`Preview`. Costs two searches that explain themselves."""
    tried = replace(known, rules=tuning.rules(request.tuning.model_dump()))
    query = SearchQuery(q=request.q, limit=request.limit, facets="")
    sides = [_side(engine, query, one) for one in (known, tried)]
    places = [{each["id"]: each["position"] for each in side} for side in sides]
    for side, other in zip(sides, reversed(places), strict=True):
        for each in side:
            each["other_position"] = other.get(each["id"])
    return {"before": sides[0], "after": sides[1]}


def _side(engine: Engine, query: SearchQuery, known: Known) -> list[Document]:
    hits = engine.explain(query, known)
    placed = _placed(query.q, known.rules)
    return [
        {
            "position": number,
            "id": hit["_id"],
            "title": hit["_source"]["card"]["title"],
            "score": round(hit["_score"], 3),
            "reasons": _reasons(hit["_explanation"], placed.get(hit["_id"])),
        }
        for number, hit in enumerate(hits, 1)
    ]


def _placed(text: str, rules: Rules) -> dict[str, str]:
    asked = key(text)
    pinned = dict.fromkeys(rules.pinned.get(asked, ()), "pinned")
    return pinned | dict.fromkeys(rules.buried.get(asked, ()), "buried")


def _reasons(explanation: Mapping[str, Any], placed: str | None) -> list[Document]:
    """The words and boosts that counted, the weightiest first."""
    found: dict[str, float] = {}
    for what, points in _leaves(explanation):
        found[what] = max(found.get(what, 0.0), points)
    weightiest = sorted(found.items(), key=lambda pair: -pair[1])[:MOST_REASONS]
    reasons = [{"what": what, "points": round(points, 3)} for what, points in weightiest]
    return [{"what": placed, "points": 0.0}, *reasons] if placed else reasons


def _leaves(node: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    description, value = node["description"], float(node["value"])
    if (word := _WORD.search(description)) is not None:
        yield f'"{word[2]}" in {word[1]}', value
        return
    if description.startswith("function score, product of:"):
        words, functions = node["details"][0], node["details"][1:]
        yield from _leaves(words)
        yield from ((name, points * float(words["value"])) for part in functions for name, points in _boosts(part))
        return
    if description.startswith("ConstantScore(") and (match := _FILTERED.search(description)):
        if match[1] == "joined":
            yield f'"{match[2]}" written as one word', value
        return
    for inner in node.get("details", ()):
        yield from _leaves(inner)


def _boosts(node: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The weights among a function's parts: each has a filter, or a field whose value it takes."""
    parts = node.get("details", ())
    if parts and parts[0]["description"].startswith(("match filter:", "field value function:")):
        names = [name for name in map(_boost, _all(node)) if name]
        if names:
            yield names[0], float(node["value"])
        return
    for part in parts:
        yield from _boosts(part)


def _boost(description: str) -> str | None:
    if (found := _FIELD.search(description)) is not None:
        return _NAMES.get(found[1], found[1])
    if (found := _FILTERED.search(description)) is not None:
        return _NAMES.get(found[1])
    return None


def _all(node: Mapping[str, Any]) -> Iterator[str]:
    yield node["description"]
    for inner in node.get("details", ()):
        yield from _all(inner)
