"""Facets: how what was found is spread, and the filters that a choice in one of them means.

A facet's own filter must not count for it, or choosing red would hide that there is blue. So these filters come after
the query, and each facet is counted under the filters of the others.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from schemas.api.search import FACETS, SearchQuery
from services.chassis.common.text import fold
from services.search.domain.documents import attribute_key
from services.search.domain.tree import Tree
from services.search.domain.words import Asked

Clause = dict[str, Any]

USUAL: Final = FACETS
PRICES: Final = (0, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, None)
"""Ends of the ranges, in minor units."""
STARS: Final = (4, 3, 2, 1)
MOST_VALUES: Final = 50
MOST_ATTRIBUTES: Final = 200


def filters(query: SearchQuery, asked: Asked, tree: Tree) -> dict[str, Clause]:
    """By facet: what was chosen in it."""
    chosen: dict[str, Clause] = {}
    if query.category:
        chosen["category"] = {"terms": {"category_id": sorted(tree.below(query.category))}}
    if query.brand:
        chosen["brand"] = {"term": {"brand.folded": query.brand}}
    bounds = {"gte": _highest(query.min_price, asked.min_price), "lte": _lowest(query.max_price, asked.max_price)}
    if price := {name: value for name, value in bounds.items() if value is not None}:
        chosen["price"] = {"range": {"price": price}}
    if query.rating is not None:
        chosen["rating"] = {"range": {"rating": {"gte": query.rating}}}
    for name, value in query.attributes.items():
        chosen[f"attr.{name}"] = {"term": {"attr_keys": attribute_key(name, value)}}
    return chosen


def wanted(query: SearchQuery) -> list[str]:
    """The facets to count."""
    if query.facets is None:
        names = list(USUAL)
    else:
        names = [name for name in dict.fromkeys(query.facets.split(",")) if name in USUAL or name.startswith("attr.")]
    if "attributes" in names:
        names += [f"attr.{name}" for name in query.attributes if f"attr.{name}" not in names]
    return names


def aggregations(query: SearchQuery, chosen: Mapping[str, Clause]) -> Clause:
    """One for each facet, under the filters of the others."""
    counted: Clause = {}
    for name in wanted(query):
        inner = _aggregation(name)
        others = [clause for other, clause in chosen.items() if other != name]
        if others:
            inner = {"filter": {"bool": {"filter": others}}, "aggs": {"inner": inner}}
        counted[name] = inner
    return counted


def _aggregation(name: str) -> Clause:
    if name == "category":
        return {"terms": {"field": "category_id", "size": 1_000}}
    if name == "brand":
        return {"terms": {"field": "brand.exact", "size": MOST_VALUES}}
    if name == "price":
        ranges = [_range(low, high) for low, high in _price_ranges()]
        return {"range": {"field": "price", "ranges": ranges, "keyed": True}}
    if name == "rating":
        ranges = [{"key": str(stars), "from": stars} for stars in STARS]
        return {"range": {"field": "rating", "ranges": ranges, "keyed": True}}
    if name == "attributes":
        return {"terms": {"field": "attrs", "size": MOST_ATTRIBUTES}}
    attribute = name.removeprefix("attr.")
    return {"terms": {"field": "attrs", "size": MOST_VALUES, "include": f"{attribute}=.*"}}


def read(query: SearchQuery, asked: Asked, found: Mapping[str, Any], tree: Tree) -> list[Clause]:
    """The facets of the reply, of the engine's aggregations. What nothing has is left out."""
    counts = {name: each.get("inner", each)["buckets"] for name, each in found.items()}
    facets: list[Clause] = []
    for name in wanted(query):
        if name not in counts:
            continue
        buckets = counts[name]
        if name == "category":
            facets += _facet(name, "tree", _categories(query, buckets, tree))
        elif name == "brand":
            mine = fold(query.brand) if query.brand else None
            values = [_value(each["key"], each["doc_count"], fold(each["key"]) == mine) for each in buckets]
            facets += _facet(name, "terms", values)
        elif name == "price":
            facets += _facet(name, "range", _prices(query, asked, buckets))
        elif name == "rating":
            values = [
                _value(str(stars), buckets[str(stars)]["doc_count"], query.rating == stars, f"{stars} and up")
                for stars in STARS
                if buckets[str(stars)]["doc_count"]
            ]
            facets += _facet(name, "range", values)
        elif name == "attributes":
            facets += _attributes(query, [each for each in buckets if f"attr.{_name(each)}" not in counts])
        else:
            facets += _attributes(query, buckets)
    return facets


def _facet(field: str, kind: str, values: list[Clause]) -> Iterator[Clause]:
    if values:
        yield {"field": field, "type": kind, "values": values}


def _value(value: str, count: int, selected: bool, label: str | None = None) -> Clause:
    return {"value": value, "label": label or value, "count": count, "selected": selected}


def _categories(query: SearchQuery, buckets: list[Clause], tree: Tree) -> list[Clause]:
    """A category counts what is in it and everything below it."""
    counts: dict[str, int] = {}
    for bucket in buckets:
        node = tree.by_id.get(bucket["key"])
        for step in tree.path(node) if node else ():
            counts[step.slug] = counts.get(step.slug, 0) + bucket["doc_count"]
    return [
        {**_value(node.slug, counts[node.slug], node.slug == query.category, node.name), "parent": node.parent}
        for node in tree.nodes
        if node.slug in counts
    ]


def _prices(query: SearchQuery, asked: Asked, buckets: Mapping[str, Clause]) -> list[Clause]:
    lowest = _highest(query.min_price, asked.min_price)
    highest = _lowest(query.max_price, asked.max_price)
    values = []
    for low, high in _price_ranges():
        key = _key(low, high)
        selected = (lowest or 0, highest) == (low, high and high - 1) and (lowest, highest) != (None, None)
        if buckets[key]["doc_count"]:
            values.append(_value(key, buckets[key]["doc_count"], selected, _label(low, high)))
    return values


def _price_ranges() -> Iterator[tuple[int, int | None]]:
    for low, high in pairwise(PRICES):
        if low is not None:
            yield low, high


def _range(low: int, high: int | None) -> Clause:
    bounds: Clause = {"key": _key(low, high), "from": low}
    return bounds if high is None else {**bounds, "to": high}


def _key(low: int, high: int | None) -> str:
    """As `min_price` and `max_price` take it: both ends are in it."""
    return f"{low or ''}-{'' if high is None else high - 1}"


def _label(low: int, high: int | None) -> str:
    if high is None:
        return f"{low // 100} and up"
    return f"{low // 100} to {high // 100}" if low else f"up to {high // 100}"


def _name(bucket: Clause) -> str:
    return str(bucket["key"]).partition("=")[0]


def _attributes(query: SearchQuery, buckets: list[Clause]) -> Iterator[Clause]:
    by_name: dict[str, list[Clause]] = {}
    for bucket in buckets:
        name, _, value = bucket["key"].partition("=")
        chosen = query.attributes.get(name)
        selected = chosen is not None and chosen.casefold() == value.casefold()
        by_name.setdefault(name, []).append(_value(value, bucket["doc_count"], selected))
    for name, values in by_name.items():
        yield from _facet(f"attr.{name}", "terms", values[:MOST_VALUES])


def _highest(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _lowest(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)
