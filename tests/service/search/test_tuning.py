"""Tuning: effect, propagation, concurrent changes, preview, audit."""

import threading
from typing import Any

import pytest
from nameko.testing.services import worker_factory

from schemas.api.search import SuggestQuery
from schemas.api.search_tuning import Tuning, TuningPreviewRequest
from services.chassis.common.errors import Conflict
from services.search.domain.documents import Document
from services.search.engine.preview import compare
from services.search.service import SearchService
from services.search.store.reference_data import ReferenceDataStore, default_tuning
from tests.service.search.conftest import SearchIndex


def with_defaults(**values: Any) -> Document:
    return {**default_tuning(), **values}


def test_synonyms_apply_at_once(search_index: SearchIndex) -> None:
    search_index.add("Blue Wellington")
    assert search_index.titles("gumboots") == []

    search_index.store.reference_data.set_tuning(with_defaults(synonyms=["gumboot => wellington"]), 0)

    assert search_index.titles("gumboots") == ["Blue Wellington"]


def test_pinned_first_and_buried_last(search_index: SearchIndex) -> None:
    ids = {title: search_index.add(title) for title in ("Mug one", "Mug two", "Mug three", "Teapot")}

    positions = {
        "pinned": [{"query": "mugs", "product_ids": [ids["Teapot"], ids["Mug two"]]}],
        "buried": [{"query": "mug", "product_ids": [ids["Mug one"]]}],
    }
    search_index.store.reference_data.set_tuning(with_defaults(**positions), 0)

    assert search_index.titles("mug") == ["Teapot", "Mug two", "Mug three", "Mug one"]


def test_boost_changes_ranking(search_index: SearchIndex) -> None:
    search_index.add("Mug", skus=["M-1"])
    in_stock = search_index.snapshot("Mug", skus=["M-2"], stock={"M-2": (5, 1)})
    search_index.put(in_stock)

    search_index.store.reference_data.set_tuning(
        with_defaults(boosts={"in_stock": 5.0, "rating": 0.0, "sales": 0.0, "margin": 0.0}), 0
    )

    assert search_index.search("mug")["items"][0]["id"] == in_stock["id"]


def test_concurrent_tuning_change_is_refused(search_index: SearchIndex) -> None:
    outcomes: list[str] = []

    def change(synonyms: list[str]) -> None:
        try:
            search_index.store.reference_data.set_tuning(with_defaults(synonyms=synonyms), 0)
            outcomes.append("done")
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=change, args=([f"a{number}, b{number}"],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["done"] + ["refused"] * 5
    assert search_index.store.reference_data.tuning()["version"] == 1
    with pytest.raises(Conflict):
        search_index.store.reference_data.set_tuning(with_defaults(), 0)
    search_index.store.reference_data.set_tuning(with_defaults(), 1)


def test_other_process_loads_tuning(search_index: SearchIndex) -> None:
    other = ReferenceDataStore(search_index.store, search_index.store.indexes)
    before = other.current()

    search_index.store.reference_data.set_tuning(with_defaults(synonyms=["x1, y1"]), 0)
    other.refresh()

    assert ("x1",) not in before.rules.synonyms
    assert other.current().rules.synonyms[("x1",)] == ("y1",)


def test_newest_popular_queries_and_categories_count(search_index: SearchIndex) -> None:
    search_index.store.reference_data.set_popular(["new"], 2_000)
    search_index.store.reference_data.set_popular(["old"], 1_000)

    assert search_index.store.reference_data.current().popular == ("new",)


def test_hidden_query_is_not_suggested(search_index: SearchIndex) -> None:
    reference_data = search_index.store.reference_data
    reference_data.set_popular(["mug", "Rude Mug", "mug of evil.example"], 1_000)
    service = worker_factory(SearchService, backend=search_index)
    query = SuggestQuery(q="mug")

    before = service.suggest(query)["queries"]
    reference_data.set_tuning(with_defaults(hidden_suggestions=["rude  mug"]), 0)
    after = service.suggest(query)["queries"]

    assert (before, after) == (["mug", "Rude Mug"], ["mug"])
    assert reference_data.tuning()["hidden_suggestions"] == ["rude  mug"]


def test_preview_shows_both_rankings_with_reasons(search_index: SearchIndex) -> None:
    unrated = search_index.add("Mug with a long handle")
    rated = search_index.add("Mug", rating={"average": 5.0, "count": 50})
    search_index.store.indexes.refresh()
    tuning = Tuning(pinned=[{"query": "mug", "product_ids": [unrated]}])  # type: ignore[list-item]

    preview = compare(
        search_index.engine, search_index.store.reference_data.current(), TuningPreviewRequest(q="mug", tuning=tuning)
    )

    assert [item["id"] for item in preview["before"]] == [rated, unrated]
    assert [item["id"] for item in preview["after"]] == [unrated, rated]
    assert [item["other_position"] for item in preview["after"]] == [2, 1]
    assert preview["after"][0]["reasons"][0]["what"] == "pinned"
    reasons = {reason["what"]: reason["points"] for reason in preview["before"][0]["reasons"]}
    assert reasons['"mug" in title'] > 0
    assert reasons["rating"] > 0
    assert search_index.store.reference_data.tuning()["version"] == 0


def test_tuning_change_is_audited_once(search_index: SearchIndex) -> None:
    reference_data = search_index.store.reference_data
    reference_data.set_tuning(with_defaults(synonyms=["a1, b1"]), 0)
    reference_data.set_tuning(with_defaults(synonyms=["a2, b2"]), 1)
    published: list[Document] = []

    def publish(envelopes: list[Document]) -> set[str]:
        published.extend(envelopes)
        return {envelopes[0]["id"]}

    reference_data.publish_pending(publish)
    reference_data.refresh()
    reference_data.publish_pending(publish)
    reference_data.refresh()
    reference_data.publish_pending(publish)

    assert [event["data"]["action"] for event in published] == ["search_tuning.update"] * 3
    assert len({event["id"] for event in published}) == 2
    (change,) = published[1]["data"]["changes"]
    assert (change["field"], change["before"], change["after"]) == ("synonyms", ["a1, b1"], ["a2, b2"])
    assert "outbox" not in reference_data.tuning()
