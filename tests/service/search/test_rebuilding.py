"""A new index takes the place of the living one: nobody sees a half one, and nothing that changes meanwhile is lost."""

import threading
from collections.abc import Iterator

import pytest

from schemas.api.search import SearchQuery
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.testing import connect_elastic
from services.search.store import SearchStore
from tests.service.search.conftest import Shelf

PRODUCTS = 120


@pytest.fixture
def own() -> Iterator[Shelf]:
    """Indexes that no other test has: a rebuild replaces them."""
    with connect_elastic("search", SearchStore) as store:
        yield Shelf(store)


def _since(name: str) -> int:
    return int(name.rpartition("_")[2])


def test_a_rebuilt_index_knows_what_the_old_one_knew(own: Shelf) -> None:
    snapshots = [own.snapshot(f"Mug {number}", skus=[f"MUG-{number}"]) for number in range(3)]
    own.put(*snapshots)
    first = str(snapshots[0]["id"])
    own.store.indexing.stock([("MUG-0", 5, 1)])
    own.store.indexing.ratings(first, 4.0, 3, 2)
    own.store.indexing.sales({first: 9}, 1_000)
    before = own.document(first) or {}

    name = own.store.indexes.begin()
    own.store.indexing.fill(name, snapshots)
    own.store.indexing.catch_up(name, _since(name))
    own.store.indexes.swap(name)

    after = own.document(first) or {}
    ignored = ("touched_at",)
    assert {k: v for k, v in after.items() if k not in ignored} == {k: v for k, v in before.items() if k not in ignored}
    assert own.store.indexes.targets() == [name]
    assert sorted(own.titles("mug")) == ["Mug 0", "Mug 1", "Mug 2"]


def test_nobody_sees_a_half_index_and_no_change_is_lost(own: Shelf) -> None:
    snapshots = [own.snapshot(f"Mug {number}", skus=[f"HALF-{number}"]) for number in range(PRODUCTS)]
    own.put(*snapshots)
    own.store.indexes.refresh()
    done, totals, faults, versions = threading.Event(), set(), [], {}

    def read() -> None:
        while not done.is_set():
            found = own.engine.search(SearchQuery(q="mug", limit=1, facets=""), own.store.facts.known())
            totals.add(found["total"])

    def write(mine: list[int]) -> None:
        version = 1
        while not done.is_set():
            version += 1
            for number in mine:
                shot = {**snapshots[number], "version": version, "title": f"Mug {number} v{version}"}
                try:
                    own.put(shot)
                    own.store.indexing.stock([(f"HALF-{number}", version, version)])
                except ServiceUnavailable:  # the event would come again
                    own.put(shot)
                    own.store.indexing.stock([(f"HALF-{number}", version, version)])
                except Exception as fault:
                    faults.append(fault)
                versions[number] = version

    workers = [threading.Thread(target=read), *(threading.Thread(target=write, args=([n, n + 50],)) for n in range(3))]
    for worker in workers:
        worker.start()
    for _ in range(3):
        name = own.store.indexes.begin()
        for start in range(0, PRODUCTS, 20):  # what the catalogue said some time ago
            own.store.indexing.fill(name, snapshots[start : start + 20])
        own.store.indexing.catch_up(name, _since(name))
        own.store.indexes.refresh(name)
        own.store.indexes.swap(name)
    done.set()
    for worker in workers:
        worker.join()

    assert faults == []
    assert totals == {PRODUCTS}
    for number, version in versions.items():
        document = own.document(str(snapshots[number]["id"])) or {}
        assert (document["version"], document["levels"]) == (version, {f"HALF-{number}": [version, version]})


def test_a_new_rebuild_takes_over_from_an_abandoned_one(own: Shelf) -> None:
    abandoned = own.store.indexes.begin()

    name = own.store.indexes.begin()

    assert own.store.indexes.building() == name
    assert abandoned not in own.store.indexes.targets()
    own.store.indexes.swap(name)
    with pytest.raises(ServiceUnavailable):
        own.store.indexes.building()
