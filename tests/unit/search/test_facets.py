"""Facets: filtered by the others, never by themselves."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.api.search import SearchQuery
from services.search.domain import facets
from services.search.domain.tree import Tree, plant
from services.search.domain.words import read

HOME = {"id": "1", "slug": "home", "name": "Home", "parent": None}
LAMPS = {"id": "2", "slug": "lamps", "name": "Lamps", "parent": "home", "children": []}
TREE = plant([{**HOME, "children": [LAMPS]}])


def asked(**values: Any) -> tuple[SearchQuery, dict[str, Any], dict[str, Any]]:
    query = SearchQuery.model_validate(values)
    chosen = facets.filters(query, read(query.q), TREE)
    return query, chosen, facets.aggregations(query, chosen)


def test_without_a_choice_facets_count_everything() -> None:
    _, chosen, counted = asked(q="lamp")

    assert chosen == {}
    assert list(counted) == ["category", "brand", "price", "rating", "attributes"]
    assert counted["brand"] == {"terms": {"field": "brand.exact", "size": 50}}


def test_a_choice_filters_the_others_and_not_itself() -> None:
    _, chosen, counted = asked(q="lamp", brand="Ikea", min_price=1000)

    assert counted["brand"]["filter"] == {"bool": {"filter": [chosen["price"]]}}
    assert counted["price"]["filter"] == {"bool": {"filter": [chosen["brand"]]}}
    assert counted["category"]["filter"] == {"bool": {"filter": [chosen["brand"], chosen["price"]]}}


def test_a_chosen_attribute_is_counted_by_itself_too() -> None:
    query = {"q": "lamp", "attr.colour": "Red"}

    _, chosen, counted = asked(**query)

    assert chosen == {"attr.colour": {"term": {"attr_keys": "colour=red"}}}
    assert counted["attr.colour"] == {"terms": {"field": "attrs", "size": 50, "include": "colour=.*"}}


def test_only_wanted_facets_are_counted() -> None:
    assert list(asked(q="lamp", facets="brand,attr.size")[2]) == ["brand", "attr.size"]
    assert asked(q="lamp", facets="")[2] == {}


def test_a_category_means_everything_below_it_and_an_unknown_one_nothing() -> None:
    assert asked(category="home")[1] == {"category": {"terms": {"category_id": ["1", "2"]}}}
    assert asked(category="nowhere")[1] == {"category": {"terms": {"category_id": []}}}


def test_a_price_in_the_words_and_one_beside_them_must_both_hold() -> None:
    assert asked(q="lamp under 50", max_price=9_900)[1]["price"] == {"range": {"price": {"lte": 5_000}}}


def test_categories_count_what_is_below_them() -> None:
    query = SearchQuery(q="lamp", category="lamps")
    found = {"category": {"inner": {"buckets": [{"key": "1", "doc_count": 2}, {"key": "2", "doc_count": 3}]}}}

    (facet,) = facets.read(query, read("lamp"), found, TREE)

    assert facet["type"] == "tree"
    assert [(each["value"], each["count"], each["selected"], each["parent"]) for each in facet["values"]] == [
        ("home", 5, False, None),
        ("lamps", 3, True, "home"),
    ]


def test_a_range_is_selected_by_its_bounds() -> None:
    query = SearchQuery(q="lamp", min_price=1_000, max_price=2_499)
    buckets = {facets._key(low, high): {"doc_count": 1} for low, high in facets._price_ranges()}

    (facet,) = facets.read(query, read("lamp"), {"price": {"buckets": buckets}}, Tree())

    assert [each["value"] for each in facet["values"] if each["selected"]] == ["1000-2499"]


@pytest.mark.parametrize(
    "wrong",
    [{"page": 501, "limit": 20}, {"min_price": 2, "max_price": 1}, {"facets": "Brand!"}, {"sort": "best"}, {"x": 1}],
)
def test_what_is_no_search_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SearchQuery.model_validate({"q": "lamp", **wrong})


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("facets", {"facets": "brand,colour"}),
        ("max_price", {"min_price": 2, "max_price": 1}),
        ("page", {"page": 101, "limit": 100}),
        ("page", {"page": 501}),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(field: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        SearchQuery.model_validate(values)
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]
