"""Tuning in force at once, for everybody, and one administrator at a time."""

import threading
from typing import Any

import pytest

from schemas.api.search import PreviewRequest, Tuning
from services.chassis.common.errors import Conflict
from services.search.domain.documents import Document
from services.search.preview import compare
from services.search.store.facts import Facts, default_tuning
from tests.service.search.conftest import Shelf


def tuned(**values: Any) -> Document:
    return {**default_tuning(), **values}


def test_synonyms_are_in_force_at_once(shelf: Shelf) -> None:
    shelf.add("Blue Wellington")
    assert shelf.titles("gumboots") == []

    shelf.store.facts.set_tuning(tuned(synonyms=["gumboot => wellington"]), 0)

    assert shelf.titles("gumboots") == ["Blue Wellington"]


def test_pinned_come_first_and_buried_last(shelf: Shelf) -> None:
    ids = {title: shelf.add(title) for title in ("Mug one", "Mug two", "Mug three", "Teapot")}

    placed = {
        "pinned": [{"query": "mugs", "product_ids": [ids["Teapot"], ids["Mug two"]]}],
        "buried": [{"query": "mug", "product_ids": [ids["Mug one"]]}],
    }
    shelf.store.facts.set_tuning(tuned(**placed), 0)

    assert shelf.titles("mug") == ["Teapot", "Mug two", "Mug three", "Mug one"]


def test_a_boost_changes_the_order(shelf: Shelf) -> None:
    shelf.add("Mug", skus=["M-1"])
    there = shelf.snapshot("Mug", skus=["M-2"], stock={"M-2": (5, 1)})
    shelf.put(there)

    shelf.store.facts.set_tuning(tuned(boosts={"in_stock": 5.0, "rating": 0.0, "sales": 0.0, "margin": 0.0}), 0)

    assert shelf.search("mug")["items"][0]["id"] == there["id"]


def test_of_two_changes_at_once_one_is_refused(shelf: Shelf) -> None:
    outcomes: list[str] = []

    def change(synonyms: list[str]) -> None:
        try:
            shelf.store.facts.set_tuning(tuned(synonyms=synonyms), 0)
            outcomes.append("done")
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=change, args=([f"a{number}, b{number}"],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["done"] + ["refused"] * 5
    assert shelf.store.facts.tuning()["version"] == 1
    with pytest.raises(Conflict):
        shelf.store.facts.set_tuning(tuned(), 0)
    shelf.store.facts.set_tuning(tuned(), 1)


def test_another_process_follows(shelf: Shelf) -> None:
    other = Facts(shelf.store, shelf.store.indexes)
    before = other.known()

    shelf.store.facts.set_tuning(tuned(synonyms=["x1, y1"]), 0)
    other.refresh()

    assert ("x1",) not in before.rules.synonyms
    assert other.known().rules.synonyms[("x1",)] == ("y1",)


def test_popular_queries_and_categories_keep_their_newest_word(shelf: Shelf) -> None:
    shelf.store.facts.set_popular(["new"], 2_000)
    shelf.store.facts.set_popular(["old"], 1_000)

    assert shelf.store.facts.known().popular == ("new",)


def test_a_preview_shows_both_orders_and_why(shelf: Shelf) -> None:
    plain = shelf.add("Mug with a long handle")
    other = shelf.add("Mug", rating={"average": 5.0, "count": 50})
    shelf.store.indexes.refresh()
    tuning = Tuning(pinned=[{"query": "mug", "product_ids": [plain]}])  # type: ignore[list-item]

    seen = compare(shelf.engine, shelf.store.facts.known(), PreviewRequest(q="mug", tuning=tuning))

    assert [each["id"] for each in seen["before"]] == [other, plain]
    assert [each["id"] for each in seen["after"]] == [plain, other]
    assert [each["other_position"] for each in seen["after"]] == [2, 1]
    assert seen["after"][0]["reasons"][0]["what"] == "pinned"
    reasons = {reason["what"]: reason["points"] for reason in seen["before"][0]["reasons"]}
    assert reasons['"mug" in title'] > 0
    assert reasons["rating"] > 0
    assert shelf.store.facts.tuning()["version"] == 0


def test_each_change_is_told_to_the_audit_trail_once_it_is_published(shelf: Shelf) -> None:
    facts = shelf.store.facts
    facts.set_tuning(tuned(synonyms=["a1, b1"]), 0)
    facts.set_tuning(tuned(synonyms=["a2, b2"]), 1)
    heard: list[Document] = []

    def publish(envelopes: list[Document]) -> set[str]:
        heard.extend(envelopes)
        return {envelopes[0]["id"]}

    facts.publish_pending(publish)
    facts.refresh()
    facts.publish_pending(publish)
    facts.refresh()
    facts.publish_pending(publish)

    assert [wrapped["data"]["action"] for wrapped in heard] == ["search_tuning.update"] * 3
    assert len({wrapped["id"] for wrapped in heard}) == 2
    (change,) = heard[1]["data"]["changes"]
    assert (change["field"], change["before"], change["after"]) == ("synonyms", ["a1, b1"], ["a2, b2"])
    assert "outbox" not in facts.tuning()
