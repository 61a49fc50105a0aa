"""Synonyms, pins and boosts, from how administrators write them to how a query uses them."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.api.search import SearchQuery, Tuning
from services.search.domain.query import body
from services.search.domain.tree import Tree, plant
from services.search.domain.tuning import expand, rules
from services.search.preview import _leaves

ONE, TWO = "0197a000-0000-7000-8000-000000000001", "0197a000-0000-7000-8000-000000000002"


def tuned(**values: Any) -> Any:
    return rules(Tuning.model_validate(values).model_dump())


def test_words_of_a_line_find_each_other() -> None:
    found = expand(["couch, sofa, settee"])

    assert found[("couch",)] == ("sofa", "settee")
    assert found[("sofa",)] == ("couch", "settee")


def test_an_arrow_leads_one_way() -> None:
    assert expand(["TV, Telly => television"]) == {("tv",): ("television",), ("telly",): ("television",)}


def test_several_words_can_mean_one_and_forms_dont_matter() -> None:
    found = expand(["cell phones, smartphone"])

    assert found[("cell", "phone")] == ("smartphone",)
    assert found[("smartphone",)] == ("cell phones",)


@pytest.mark.parametrize("line", ["sofa", "sofa,", "=> sofa", "a => b => c", "tv =>", "  ,  "])
def test_a_rule_that_says_nothing_is_refused(line: str) -> None:
    with pytest.raises(ValidationError, match="synonyms"):
        Tuning(synonyms=[line])


def test_a_pinned_product_comes_first_whatever_the_words() -> None:
    pinned = tuned(pinned=[{"query": "Red Dresses", "product_ids": [TWO, ONE]}])

    asked = body(SearchQuery(q="red dress"), pinned, Tree())["query"]["bool"]["should"]

    boosts = {
        each["constant_score"]["filter"]["ids"]["values"][0]: each["constant_score"]["boost"] for each in asked[:2]
    }
    assert boosts[TWO] > boosts[ONE] > 1e5
    assert "bool" not in body(SearchQuery(q="blue dress"), pinned, Tree())["query"]


def test_a_buried_one_comes_last() -> None:
    buried = tuned(buried=[{"query": "sofa", "product_ids": [ONE]}])

    asked = body(SearchQuery(q="sofas"), buried, Tree())["query"]["boosting"]

    assert asked["negative"] == {"ids": {"values": [ONE]}}
    assert asked["negative_boost"] < 0.01


def test_a_weight_of_zero_costs_nothing() -> None:
    nothing = tuned(boosts={"in_stock": 0.0, "rating": 0.0, "sales": 0.0, "margin": 0.0})

    assert body(SearchQuery(q="sofa"), nothing, Tree())["query"]["function_score"]["functions"] == [{"weight": 1.0}]


def test_a_margin_counts_for_a_category_and_all_below_it() -> None:
    tree = plant([_category("home", children=[_category("lamps", parent="home")]), _category("garden")])
    margins = tuned(
        boosts={"in_stock": 0.0, "rating": 0.0, "sales": 0.0, "margin": 2.0}, margins={"home": 40, "old": 9}
    )

    _, margin = body(SearchQuery(q="lamp"), margins, tree)["query"]["function_score"]["functions"]

    assert margin == {"filter": {"terms": {"category_id": ["id-home", "id-lamps"]}}, "weight": 0.8}


def _category(slug: str, parent: str | None = None, children: Any = ()) -> dict[str, Any]:
    return {"id": f"id-{slug}", "slug": slug, "name": slug.title(), "parent": parent, "children": list(children)}


@pytest.mark.parametrize("boost", ["", "^5.0"])
def test_a_preview_says_the_word_and_not_its_boost(boost: str) -> None:
    explained = {"description": f"ConstantScore(joined:phone){boost}", "value": 5.0}
    assert list(_leaves(explained)) == [('"phone" written as one word', 5.0)]
