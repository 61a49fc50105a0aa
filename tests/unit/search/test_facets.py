"""Facets: filters, aggregations and values."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.api.search import SearchQuery
from services.search.domain.categories import CategoryTree, build_tree
from services.search.domain.query_parsing import parse
from services.search.engine import facets

HOME = {"id": "1", "slug": "home", "name": "Home", "parent": None}
LAMPS = {"id": "2", "slug": "lamps", "name": "Lamps", "parent": "home", "children": []}
TREE = build_tree([{**HOME, "children": [LAMPS]}])


def facet_query(**values: Any) -> tuple[SearchQuery, dict[str, Any], dict[str, Any]]:
    query = SearchQuery.model_validate(values)
    selected = facets.filters(query, parse(query.q), TREE)
    return query, selected, facets.aggregations(query, selected)


def test_facets_without_selection_count_all() -> None:
    _, selected, aggregations = facet_query(q="lamp")

    assert selected == {}
    assert list(aggregations) == ["category", "brand", "price", "rating", "attributes"]
    assert aggregations["brand"] == {"terms": {"field": "brand.exact", "size": 50}}


def test_selection_filters_other_facets_only() -> None:
    _, selected, aggregations = facet_query(q="lamp", brand="Ikea", min_price=1000)

    assert aggregations["brand"]["filter"] == {"bool": {"filter": [selected["price"]]}}
    assert aggregations["price"]["filter"] == {"bool": {"filter": [selected["brand"]]}}
    assert aggregations["category"]["filter"] == {"bool": {"filter": [selected["brand"], selected["price"]]}}


def test_selected_attribute_has_its_own_aggregation() -> None:
    query = {"q": "lamp", "attr.colour": "Red"}

    _, selected, aggregations = facet_query(**query)

    assert selected == {"attr.colour": {"term": {"attr_keys": "colour=red"}}}
    assert aggregations["attr.colour"] == {"terms": {"field": "attrs", "size": 50, "include": "colour=.*"}}


def test_only_requested_facets_are_aggregated() -> None:
    assert list(facet_query(q="lamp", facets="brand,attr.size")[2]) == ["brand", "attr.size"]
    assert facet_query(q="lamp", facets="")[2] == {}


def test_category_filter_includes_descendants() -> None:
    assert facet_query(category="home")[1] == {"category": {"terms": {"category_id": ["1", "2"]}}}
    assert facet_query(category="nowhere")[1] == {"category": {"terms": {"category_id": []}}}


def test_price_limits_of_query_and_filter_combine() -> None:
    assert facet_query(q="lamp under 50", max_price=9_900)[1]["price"] == {"range": {"price": {"lte": 5_000}}}


def test_category_counts_include_descendants() -> None:
    query = SearchQuery(q="lamp", category="lamps")
    result = {"category": {"inner": {"buckets": [{"key": "1", "doc_count": 2}, {"key": "2", "doc_count": 3}]}}}

    (facet,) = facets.facets_of(query, parse("lamp"), result, TREE)

    assert facet["type"] == "tree"
    assert [(value["value"], value["count"], value["selected"], value["parent"]) for value in facet["values"]] == [
        ("home", 5, False, None),
        ("lamps", 3, True, "home"),
    ]


def test_price_range_is_selected_by_its_bounds() -> None:
    query = SearchQuery(q="lamp", min_price=1_000, max_price=2_499)
    buckets = {facets._key(low, high): {"doc_count": 1} for low, high in facets._price_ranges()}

    (facet,) = facets.facets_of(query, parse("lamp"), {"price": {"buckets": buckets}}, CategoryTree())

    assert [value["value"] for value in facet["values"] if value["selected"]] == ["1000-2499"]


@pytest.mark.parametrize(
    "invalid",
    [{"page": 501, "limit": 20}, {"min_price": 2, "max_price": 1}, {"facets": "Brand!"}, {"sort": "best"}, {"x": 1}],
)
def test_invalid_search_is_refused(invalid: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SearchQuery.model_validate({"q": "lamp", **invalid})


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("facets", {"facets": "brand,colour"}),
        ("max_price", {"min_price": 2, "max_price": 1}),
        ("page", {"page": 101, "limit": 100}),
        ("page", {"page": 501}),
    ],
)
def test_contradiction_is_refused_by_its_field(field: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        SearchQuery.model_validate(values)
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]
