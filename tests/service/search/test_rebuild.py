"""Rebuild of the index: atomic, and without loss of concurrent changes."""

import threading
from collections.abc import Iterator

import pytest

from schemas.api.search import SearchQuery
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.testing import connect_elastic
from services.search.store import SearchStore
from tests.service.search.conftest import SearchIndex

PRODUCTS = 120


@pytest.fixture
def own() -> Iterator[SearchIndex]:
    """Indexes that no other test has: a rebuild replaces them."""
    with connect_elastic("search", SearchStore) as store:
        yield SearchIndex(store)


def _since(name: str) -> int:
    return int(name.rpartition("_")[2])


def test_rebuilt_index_equals_old_one(own: SearchIndex) -> None:
    snapshots = [own.snapshot(f"Mug {number}", skus=[f"MUG-{number}"]) for number in range(3)]
    own.put(*snapshots)
    first = str(snapshots[0]["id"])
    own.store.writer.stock([("MUG-0", 5, 1)])
    own.store.writer.ratings(first, 4.0, 3, 2)
    own.store.writer.sales({first: 9}, 1_000)
    before = own.document(first) or {}

    name = own.store.indexes.create_next()
    own.store.writer.fill(name, snapshots)
    own.store.writer.catch_up(name, _since(name))
    own.store.indexes.swap(name)

    after = own.document(first) or {}
    ignored = ("touched_at",)
    assert {k: v for k, v in after.items() if k not in ignored} == {k: v for k, v in before.items() if k not in ignored}
    assert own.store.indexes.targets() == [name]
    assert sorted(own.titles("mug")) == ["Mug 0", "Mug 1", "Mug 2"]


def test_rebuild_is_atomic_and_loses_no_change(own: SearchIndex) -> None:
    snapshots = [own.snapshot(f"Mug {number}", skus=[f"HALF-{number}"]) for number in range(PRODUCTS)]
    own.put(*snapshots)
    own.store.indexes.refresh()
    done, totals, faults, versions = threading.Event(), set(), [], {}

    def parse() -> None:
        while not done.is_set():
            reply = own.engine.search(SearchQuery(q="mug", limit=1, facets=""), own.store.reference_data.current())
            totals.add(reply["total"])

    def write(mine: list[int]) -> None:
        version = 1
        while not done.is_set():
            version += 1
            for number in mine:
                shot = {**snapshots[number], "version": version, "title": f"Mug {number} v{version}"}
                try:
                    own.put(shot)
                    own.store.writer.stock([(f"HALF-{number}", version, version)])
                except ServiceUnavailable:  # the event would come again
                    own.put(shot)
                    own.store.writer.stock([(f"HALF-{number}", version, version)])
                except Exception as fault:
                    faults.append(fault)
                versions[number] = version

    workers = [threading.Thread(target=parse), *(threading.Thread(target=write, args=([n, n + 50],)) for n in range(3))]
    for worker in workers:
        worker.start()
    for _ in range(3):
        name = own.store.indexes.create_next()
        for start in range(0, PRODUCTS, 20):  # what the catalogue said some time ago
            own.store.writer.fill(name, snapshots[start : start + 20])
        own.store.writer.catch_up(name, _since(name))
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


def test_new_rebuild_replaces_abandoned_one(own: SearchIndex) -> None:
    abandoned = own.store.indexes.create_next()

    name = own.store.indexes.create_next()

    assert own.store.indexes.index_being_built() == name
    assert abandoned not in own.store.indexes.targets()
    own.store.indexes.swap(name)
    with pytest.raises(ServiceUnavailable):
        own.store.indexes.index_being_built()
