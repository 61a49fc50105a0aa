"""Preview of a tuning: the current and the changed ranking of a query, with the reasons of each score."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from schemas.api.search import SearchQuery
from schemas.api.search_tuning import TuningPreviewRequest
from services.search.domain import tuning
from services.search.domain.documents import Document
from services.search.domain.query_parsing import key
from services.search.domain.tuning import Rules
from services.search.engine.client import SearchEngine
from services.search.store.reference_data import ReferenceData

MAX_REASONS: Final = 12
_WORD: Final = re.compile(r"weight\((?:Synonym\()?([\w.]+):(.+?)\)? in \d+\)")
_FILTERED: Final = re.compile(r"(?:match filter: |ConstantScore\()([\w.]+):(\S+?)\)?(?:\^[\d.]+)?$")
_FIELD: Final = re.compile(r"field value function: none\(doc\['(\w+)'\]")
_NAMES: Final = {"liked": "rating", "sold": "sales", "in_stock": "in stock", "category_id": "margin"}


def compare(engine: SearchEngine, reference_data: ReferenceData, request: TuningPreviewRequest) -> Document:
    """The rankings as `schemas.api.search.Preview`; two searches with `explain`."""
    changed = replace(reference_data, rules=tuning.rules(request.tuning.model_dump()))
    query = SearchQuery(q=request.q, limit=request.limit, facets="")
    sides = [_explained_hits(engine, query, each) for each in (reference_data, changed)]
    places = [{each["id"]: each["position"] for each in side} for side in sides]
    for side, other in zip(sides, reversed(places), strict=True):
        for each in side:
            each["other_position"] = other.get(each["id"])
    return {"before": sides[0], "after": sides[1]}


def _explained_hits(engine: SearchEngine, query: SearchQuery, reference_data: ReferenceData) -> list[Document]:
    hits = engine.explain(query, reference_data)
    placement = _placements(query.q, reference_data.rules)
    return [
        {
            "position": number,
            "id": hit["_id"],
            "title": hit["_source"]["card"]["title"],
            "score": round(hit["_score"], 3),
            "reasons": _reasons(hit["_explanation"], placement.get(hit["_id"])),
        }
        for number, hit in enumerate(hits, 1)
    ]


def _placements(text: str, rules: Rules) -> dict[str, str]:
    query_key = key(text)
    pinned = dict.fromkeys(rules.pinned.get(query_key, ()), "pinned")
    return pinned | dict.fromkeys(rules.buried.get(query_key, ()), "buried")


def _reasons(explanation: Mapping[str, Any], placement: str | None) -> list[Document]:
    """The words and boosts of a score, the highest first."""
    points_by_reason: dict[str, float] = {}
    for reason, points in _scored_terms(explanation):
        points_by_reason[reason] = max(points_by_reason.get(reason, 0.0), points)
    highest = sorted(points_by_reason.items(), key=lambda pair: -pair[1])[:MAX_REASONS]
    reasons = [{"what": reason, "points": round(points, 3)} for reason, points in highest]
    return [{"what": placement, "points": 0.0}, *reasons] if placement else reasons


def _scored_terms(node: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    description, value = node["description"], float(node["value"])
    if (word := _WORD.search(description)) is not None:
        yield f'"{word[2]}" in {word[1]}', value
        return
    if description.startswith("function score, product of:"):
        words, functions = node["details"][0], node["details"][1:]
        yield from _scored_terms(words)
        yield from ((name, points * float(words["value"])) for part in functions for name, points in _boosts(part))
        return
    if description.startswith("ConstantScore(") and (match := _FILTERED.search(description)):
        if match[1] == "joined":
            yield f'"{match[2]}" written as one word', value
        return
    for inner in node.get("details", ()):
        yield from _scored_terms(inner)


def _boosts(node: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The boosts in a function's explanation: each has a filter or a field."""
    parts = node.get("details", ())
    if parts and parts[0]["description"].startswith(("match filter:", "field value function:")):
        names = [name for name in map(_boost, _descriptions(node)) if name]
        if names:
            yield names[0], float(node["value"])
        return
    for part in parts:
        yield from _boosts(part)


def _boost(description: str) -> str | None:
    if (points_by_reason := _FIELD.search(description)) is not None:
        return _NAMES.get(points_by_reason[1], points_by_reason[1])
    if (points_by_reason := _FILTERED.search(description)) is not None:
        return _NAMES.get(points_by_reason[1])
    return None


def _descriptions(node: Mapping[str, Any]) -> Iterator[str]:
    yield node["description"]
    for inner in node.get("details", ()):
        yield from _descriptions(inner)
