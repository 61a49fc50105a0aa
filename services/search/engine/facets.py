"""Facets: their filters, aggregations and values.

A facet's counts ignore its own filter (selecting red must not hide blue). So facet filters are post filters, and each
aggregation is filtered by the other facets.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from schemas.api.search import FACETS, SearchQuery
from services.chassis.common.text import fold
from services.search.domain.categories import CategoryTree
from services.search.domain.documents import attribute_key
from services.search.domain.query_parsing import ParsedQuery

Clause = dict[str, Any]

DEFAULT_FACETS: Final = FACETS
PRICES: Final = (0, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, None)
"""Bounds of the price ranges, in minor units."""
STARS: Final = (4, 3, 2, 1)
MAX_VALUES: Final = 50
MAX_ATTRIBUTES: Final = 200


def filters(query: SearchQuery, parsed: ParsedQuery, tree: CategoryTree) -> dict[str, Clause]:
    """The selected filters by facet."""
    selected_filters: dict[str, Clause] = {}
    if query.category:
        selected_filters["category"] = {"terms": {"category_id": sorted(tree.descendant_ids(query.category))}}
    if query.brand:
        selected_filters["brand"] = {"term": {"brand.folded": query.brand}}
    bounds = {
        "gte": _max_given(query.min_price, parsed.min_price),
        "lte": _min_given(query.max_price, parsed.max_price),
    }
    if price := {name: value for name, value in bounds.items() if value is not None}:
        selected_filters["price"] = {"range": {"price": price}}
    if query.rating is not None:
        selected_filters["rating"] = {"range": {"rating": {"gte": query.rating}}}
    for name, value in query.attributes.items():
        selected_filters[f"attr.{name}"] = {"term": {"attr_keys": attribute_key(name, value)}}
    return selected_filters


def requested(query: SearchQuery) -> list[str]:
    """The names of the facets to aggregate."""
    if query.facets is None:
        names = list(DEFAULT_FACETS)
    else:
        names = [
            name
            for name in dict.fromkeys(query.facets.split(","))
            if name in DEFAULT_FACETS or name.startswith("attr.")
        ]
    if "attributes" in names:
        names += [f"attr.{name}" for name in query.attributes if f"attr.{name}" not in names]
    return names


def aggregations(query: SearchQuery, selected_filters: Mapping[str, Clause]) -> Clause:
    """One aggregation per facet, filtered by the other facets."""
    aggregations_: Clause = {}
    for name in requested(query):
        inner = _aggregation(name)
        others = [clause for other, clause in selected_filters.items() if other != name]
        if others:
            inner = {"filter": {"bool": {"filter": others}}, "aggs": {"inner": inner}}
        aggregations_[name] = inner
    return aggregations_


def _aggregation(name: str) -> Clause:
    if name == "category":
        return {"terms": {"field": "category_id", "size": 1_000}}
    if name == "brand":
        return {"terms": {"field": "brand.exact", "size": MAX_VALUES}}
    if name == "price":
        ranges = [_range(low, high) for low, high in _price_ranges()]
        return {"range": {"field": "price", "ranges": ranges, "keyed": True}}
    if name == "rating":
        ranges = [{"key": str(stars), "from": stars} for stars in STARS]
        return {"range": {"field": "rating", "ranges": ranges, "keyed": True}}
    if name == "attributes":
        return {"terms": {"field": "attrs", "size": MAX_ATTRIBUTES}}
    attribute = name.removeprefix("attr.")
    return {"terms": {"field": "attrs", "size": MAX_VALUES, "include": f"{attribute}=.*"}}


def facets_of(query: SearchQuery, parsed: ParsedQuery, response: Mapping[str, Any], tree: CategoryTree) -> list[Clause]:
    """The facets of the reply, from the aggregations; empty ones are left out."""
    counts = {name: each.get("inner", each)["buckets"] for name, each in response.items()}
    facets: list[Clause] = []
    for name in requested(query):
        if name not in counts:
            continue
        buckets = counts[name]
        if name == "category":
            facets += _facet(name, "tree", _categories(query, buckets, tree))
        elif name == "brand":
            selected_brand = fold(query.brand) if query.brand else None
            values = [_value(each["key"], each["doc_count"], fold(each["key"]) == selected_brand) for each in buckets]
            facets += _facet(name, "terms", values)
        elif name == "price":
            facets += _facet(name, "range", _prices(query, parsed, buckets))
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


def _categories(query: SearchQuery, buckets: list[Clause], tree: CategoryTree) -> list[Clause]:
    """Category counts include all descendants."""
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


def _prices(query: SearchQuery, parsed: ParsedQuery, buckets: Mapping[str, Clause]) -> list[Clause]:
    lowest = _max_given(query.min_price, parsed.min_price)
    highest = _min_given(query.max_price, parsed.max_price)
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
    """The range as `min_price` and `max_price` accept it: both bounds inclusive."""
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
        selected_value = query.attributes.get(name)
        selected = selected_value is not None and selected_value.casefold() == value.casefold()
        by_name.setdefault(name, []).append(_value(value, bucket["doc_count"], selected))
    for name, values in by_name.items():
        yield from _facet(f"attr.{name}", "terms", values[:MAX_VALUES])


def _max_given(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _min_given(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)
