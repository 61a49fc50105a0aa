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
def own_index() -> Iterator[SearchIndex]:
    """A store with indexes of its own, which a rebuild replaces."""
    with connect_elastic("search", SearchStore) as store:
        yield SearchIndex(store)


def _since(name: str) -> int:
    return int(name.rpartition("_")[2])


def test_rebuilt_index_equals_old_one(own_index: SearchIndex) -> None:
    snapshots = [own_index.snapshot(f"Mug {number}", skus=[f"MUG-{number}"]) for number in range(3)]
    own_index.put(*snapshots)
    first = str(snapshots[0]["id"])
    own_index.store.writer.stock([("MUG-0", 5, 1)])
    own_index.store.writer.ratings(first, 4.0, 3, 2)
    own_index.store.writer.sales({first: 9}, 1_000)
    before = own_index.document(first) or {}

    name = own_index.store.indexes.create_next()
    own_index.store.writer.fill(name, snapshots)
    own_index.store.writer.catch_up(name, _since(name))
    own_index.store.indexes.swap(name)

    after = own_index.document(first) or {}
    ignored = ("touched_at",)
    assert {k: v for k, v in after.items() if k not in ignored} == {k: v for k, v in before.items() if k not in ignored}
    assert own_index.store.indexes.targets() == [name]
    assert sorted(own_index.titles("mug")) == ["Mug 0", "Mug 1", "Mug 2"]


def test_rebuild_is_atomic_and_loses_no_change(own_index: SearchIndex) -> None:
    snapshots = [own_index.snapshot(f"Mug {number}", skus=[f"HALF-{number}"]) for number in range(PRODUCTS)]
    own_index.put(*snapshots)
    own_index.store.indexes.refresh()
    done, totals, errors_, versions = threading.Event(), set(), [], {}

    def search() -> None:
        while not done.is_set():
            reply = own_index.engine.search(
                SearchQuery(q="mug", limit=1, facets=""), own_index.store.reference_data.current()
            )
            totals.add(reply["total"])

    def write(numbers: list[int]) -> None:
        version = 1
        while not done.is_set():
            version += 1
            for number in numbers:
                snapshot = {**snapshots[number], "version": version, "title": f"Mug {number} v{version}"}
                try:
                    own_index.put(snapshot)
                    own_index.store.writer.stock([(f"HALF-{number}", version, version)])
                except ServiceUnavailable:  # the event would be redelivered
                    own_index.put(snapshot)
                    own_index.store.writer.stock([(f"HALF-{number}", version, version)])
                except Exception as error:
                    errors_.append(error)
                versions[number] = version

    workers = [
        threading.Thread(target=search),
        *(threading.Thread(target=write, args=([n, n + 50],)) for n in range(3)),
    ]
    for worker in workers:
        worker.start()
    for _ in range(3):
        name = own_index.store.indexes.create_next()
        for start in range(0, PRODUCTS, 20):  # outdated snapshots of the catalogue
            own_index.store.writer.fill(name, snapshots[start : start + 20])
        own_index.store.writer.catch_up(name, _since(name))
        own_index.store.indexes.refresh(name)
        own_index.store.indexes.swap(name)
    done.set()
    for worker in workers:
        worker.join()

    assert errors_ == []
    assert totals == {PRODUCTS}
    for number, version in versions.items():
        document = own_index.document(str(snapshots[number]["id"])) or {}
        assert (document["version"], document["levels"]) == (version, {f"HALF-{number}": [version, version]})


def test_new_rebuild_replaces_abandoned_one(own_index: SearchIndex) -> None:
    first_name = own_index.store.indexes.create_next()

    second_name = own_index.store.indexes.create_next()

    assert own_index.store.indexes.index_being_built() == second_name
    assert first_name not in own_index.store.indexes.targets()
    own_index.store.indexes.swap(second_name)
    with pytest.raises(ServiceUnavailable):
        own_index.store.indexes.index_being_built()
