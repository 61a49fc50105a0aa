"""Search tuning: synonyms, pinned and buried products, boosts."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.api.search import SearchQuery
from schemas.api.search_tuning import Tuning
from services.search.domain.categories import CategoryTree, build_tree
from services.search.domain.tuning import expand, rules
from services.search.engine.preview import _scored_terms
from services.search.engine.query_bodies import body

ONE, TWO = "0197a000-0000-7000-8000-000000000001", "0197a000-0000-7000-8000-000000000002"


def search_rules(**values: Any) -> Any:
    return rules(Tuning.model_validate(values).model_dump())


def test_synonym_line_works_in_both_directions() -> None:
    synonyms = expand(["couch, sofa, settee"])

    assert synonyms[("couch",)] == ("sofa", "settee")
    assert synonyms[("sofa",)] == ("couch", "settee")


def test_arrow_works_in_one_direction() -> None:
    assert expand(["TV, Telly => television"]) == {("tv",): ("television",), ("telly",): ("television",)}


def test_synonym_phrases_are_stemmed() -> None:
    synonyms = expand(["cell phones, smartphone"])

    assert synonyms[("cell", "phone")] == ("smartphone",)
    assert synonyms[("smartphone",)] == ("cell phones",)


@pytest.mark.parametrize("line", ["sofa", "sofa,", "=> sofa", "a => b => c", "tv =>", "  ,  "])
def test_empty_synonym_line_is_refused(line: str) -> None:
    with pytest.raises(ValidationError, match="synonyms"):
        Tuning(synonyms=[line])


def test_pinned_product_is_first() -> None:
    pinned = search_rules(pinned=[{"query": "Red Dresses", "product_ids": [TWO, ONE]}])

    clauses = body(SearchQuery(q="red dress"), pinned, CategoryTree())["query"]["bool"]["should"]

    boosts = {
        clause["constant_score"]["filter"]["ids"]["values"][0]: clause["constant_score"]["boost"]
        for clause in clauses[:2]
    }
    assert boosts[TWO] > boosts[ONE] > 1e5
    assert "bool" not in body(SearchQuery(q="blue dress"), pinned, CategoryTree())["query"]


def test_buried_product_is_last() -> None:
    buried = search_rules(buried=[{"query": "sofa", "product_ids": [ONE]}])

    boosting = body(SearchQuery(q="sofas"), buried, CategoryTree())["query"]["boosting"]

    assert boosting["negative"] == {"ids": {"values": [ONE]}}
    assert boosting["negative_boost"] < 0.01


def test_zero_boost_adds_no_function() -> None:
    no_boosts = search_rules(boosts={"in_stock": 0.0, "rating": 0.0, "sales": 0.0, "margin": 0.0})

    assert body(SearchQuery(q="sofa"), no_boosts, CategoryTree())["query"]["function_score"]["functions"] == [
        {"weight": 1.0}
    ]


def test_margin_includes_descendants() -> None:
    tree = build_tree([_category("home", children=[_category("lamps", parent="home")]), _category("garden")])
    margins = search_rules(
        boosts={"in_stock": 0.0, "rating": 0.0, "sales": 0.0, "margin": 2.0}, margins={"home": 40, "old": 9}
    )

    _, margin = body(SearchQuery(q="lamp"), margins, tree)["query"]["function_score"]["functions"]

    assert margin == {"filter": {"terms": {"category_id": ["id-home", "id-lamps"]}}, "weight": 0.8}


def _category(slug: str, parent: str | None = None, children: Any = ()) -> dict[str, Any]:
    return {"id": f"id-{slug}", "slug": slug, "name": slug.title(), "parent": parent, "children": list(children)}


@pytest.mark.parametrize("boost", ["", "^5.0"])
def test_preview_reason_is_the_word_without_boost(boost: str) -> None:
    explanation = {"description": f"ConstantScore(joined:phone){boost}", "value": 5.0}
    assert list(_scored_terms(explanation)) == [('"phone" written as one word', 5.0)]
