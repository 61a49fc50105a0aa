"""The atomic operations that the model check runs in memory do what they do on MongoDB."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain import Allocation, Line, Take
from services.inventory.store import InventoryStore
from services.inventory.store.decisions import to_documents
from services.inventory.store.levels import Hold
from tests.service.inventory.conftest import NOW, Shop
from tests.unit.inventory.model.checker import perform
from tests.unit.inventory.model.memory import Memory

SKUS, ORDERS, TOKENS, WAREHOUSES = ("A", "B"), ("o1", "o2"), ("t1", "t2"), ("main", "near")
STOCK = {"A": {"near": 2, "main": 4}, "B": {"near": 1, "main": 3}}
moments = st.integers(0, 3).map(lambda hours: NOW + timedelta(hours=hours))
skus, orders, tokens, quantities = map(st.sampled_from, (SKUS, ORDERS, TOKENS, (1, 2, 3, 5)))
takes = st.lists(
    st.builds(Take, st.sampled_from(WAREHOUSES), st.integers(1, 2)), min_size=1, unique_by=lambda take: take.warehouse
)
allocations = st.builds(Allocation, skus, takes.map(tuple))
holds = st.builds(Hold, orders, tokens, moments, st.integers(0, 4))
seen = st.fixed_dictionaries({"_id": orders, "revision": st.integers(1, 2), "token": tokens})
statuses = st.sampled_from([("committed", ""), ("released", "expired"), ("released", "released"), ("held", "")])
reservations = st.builds(
    lambda order, status, token, lines, until: {
        "_id": order, "status": status[0], "reason": status[1], "token": token, "lines": to_documents(lines),
        "expires_at": until, "created_at": NOW, "changed_at": NOW, "revision": 1,
    },
    orders, statuses, tokens, st.lists(allocations, max_size=2), moments,
)  # fmt: skip
OPERATIONS: dict[str, tuple[Any, ...]] = {
    "hold_in_one": (st.builds(Line, skus, quantities), holds),
    "stocks": (skus,),
    "hold_in": (allocations, holds),
    "is_held": (skus, orders),
    "held_skus": (orders,),
    "free": (skus, orders, tokens),
    "free_fenced_before": (skus, orders, st.integers(0, 4)),
    "free_all": (skus, orders),
    "sell": (skus, orders, tokens),
    "extend_hold": (skus, orders, tokens, moments),
    "stale_holds": (moments, st.just(500)),
    "find": (orders,),
    "insert": (reservations,),
    "commit_held": (orders, moments),
    "decide": (seen, st.just("committed"), st.just(""), moments, st.fixed_dictionaries({"token": tokens})),
    "fence": (orders, moments),
    "overdue": (moments, st.just(500)),
    "extend": (orders, moments),
    "expire": (orders, moments),
    "commit_all_held": (st.lists(orders, max_size=2, unique=True), moments),
    "find_all": (st.lists(orders, max_size=2, unique=True),),
    "put_back": (seen, st.lists(allocations, max_size=2, unique_by=lambda line: line.sku), st.just("released"),
                 st.just("returned"), moments),
}  # fmt: skip
operations = st.sampled_from(sorted(OPERATIONS)).flatmap(
    lambda name: st.tuples(st.just(name), st.tuples(*OPERATIONS[name]))
)


placements = st.tuples(st.just("hold_in_one"), st.tuples(*OPERATIONS["hold_in_one"]))
sequences = st.builds(
    lambda inserted, first, others: [("insert", (inserted,)), *first, *others],
    reservations,
    st.lists(placements, min_size=1, max_size=3),
    st.lists(operations, min_size=5, max_size=15),
)


def is_placed(memory: Memory, line: Line | Allocation, hold: Hold) -> bool:
    """Whether the token holds the SKU already; the store places each line once under a token."""
    return any(other["token"] == hold.token for other in memory.levels[line.sku]["holds"])


def on_mongo(store: InventoryStore, name: str, arguments: tuple[Any, ...]) -> Any:
    if name == "extend_hold":
        return store.levels.extend([arguments[0]], *arguments[1:])
    if name in ("overdue", "extend", "expire"):
        return getattr(store.decisions, name)(*arguments)
    if name in ("free", "free_fenced_before", "free_all", "sell"):
        sku, *others = arguments
        return getattr(store.levels, name)([sku], *others)
    owner = store.returns if name == "put_back" else store.levels if hasattr(store.levels, name) else store.decisions
    return getattr(owner, name)(*arguments)


def state_of_mongo(store: InventoryStore) -> Any:
    levels = {
        level["_id"]: (
            sorted((entry["warehouse"], entry["on_hand"], entry["reserved"]) for entry in level["warehouses"]),
            level["holds"],
        )
        for level in store.db["levels"].find()
    }
    return levels, {each["_id"]: each for each in store.db["reservations"].find()}


def state_of_memory(memory: Memory) -> Any:
    levels = {sku: (sorted(level["warehouses"]), list(level["holds"])) for sku, level in memory.levels.items()}
    return levels, memory.reservations


def compare(store: InventoryStore, steps: list[tuple[str, tuple[Any, ...]]]) -> set[str]:
    """Take the steps in memory and on MongoDB; returns the operations that changed something."""
    changed: set[str] = set()
    store.db["levels"].delete_many({})
    store.db["reservations"].delete_many({})
    for sku, by_warehouse in STOCK.items():
        for warehouse, units in by_warehouse.items():
            store.adjust(sku, units, "delivery", warehouse, 0, None)
    memory = Memory.with_stock(**STOCK)
    for name, arguments in steps:
        if name in ("hold_in_one", "hold_in") and is_placed(memory, *arguments):
            continue
        before = state_of_memory(memory)
        memory, result = perform(memory, (name, arguments))
        actual = on_mongo(store, name, arguments)
        if name in ("held_skus", "stale_holds"):  # in no particular order
            actual, result = sorted(actual, key=lambda each: each[0]), sorted(result, key=lambda each: each[0])
        if name in ("overdue", "find_all"):
            actual, result = (sorted(each, key=lambda one: str(one["_id"])) for each in (actual, result))
        assert actual == result, (name, arguments)
        assert state_of_mongo(store) == state_of_memory(memory), (name, arguments)
        if state_of_memory(memory) != before:
            changed.add(name)
    return changed


@pytest.fixture
def store(shop: Shop) -> InventoryStore:
    shop.store.warehouses.put("near", {"name": "Near", "priority": 1, "country": None})
    return shop.store


def test_operations_in_memory_equal_those_on_mongodb(store: InventoryStore) -> None:
    changed: set[str] = set()

    @settings(max_examples=100, deadline=None)
    @given(sequences)
    def check(steps: list[tuple[str, tuple[Any, ...]]]) -> None:
        changed.update(compare(store, steps))

    check()

    reads = {"stocks", "is_held", "held_skus", "stale_holds", "find", "find_all", "overdue"}
    assert len(set(OPERATIONS) - reads - changed) <= 4, "too few operations were tried with an effect"


def test_units_come_back_under_the_stored_token(store: InventoryStore) -> None:
    """Units held under the reservation's own token are sold first, whatever token the caller has read."""
    reservation = {"_id": "o1", "status": "committed", "reason": "", "token": "t2", "lines": [], "expires_at": NOW}
    outdated = {"_id": "o1", "revision": 1, "token": "t1"}
    line = Allocation("A", (Take("main", 1),))

    changed = compare(
        store,
        [
            ("insert", ({**reservation, "created_at": NOW, "changed_at": NOW, "revision": 1},)),
            ("hold_in_one", (Line("A", 1), Hold("o1", "t1", NOW))),
            ("put_back", (outdated, [line], "released", "returned", NOW)),
        ],
    )

    assert changed == {"insert", "hold_in_one", "put_back"}
