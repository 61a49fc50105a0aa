"""Idempotency: a command runs once per key, an event is handled once per handler, under concurrency."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from schemas.base import Idempotency
from schemas.events.orders import OrderStockReleased
from services.chassis.common.errors import IdempotencyInProgress, IdempotencyKeyReused
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import envelope
from tests.service.chassis.stores import (
    MongoCounterStore,
    PostgresCounterStore,
    SimulatedCrash,
    command,
    mongo_counter_store,
    postgres_counter_store,
)

Step = Callable[..., int]


@pytest.fixture(scope="module")
def postgres_counters() -> Iterator[PostgresCounterStore]:
    with postgres_counter_store() as (store, _):
        yield store


@pytest.fixture(scope="module")
def mongo_counters() -> Iterator[MongoCounterStore]:
    with mongo_counter_store() as (store, _):
        yield store


@pytest.fixture(params=["postgres", "mongo"])
def store(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("postgres_counters" if request.param == "postgres" else "mongo_counters")


@pytest.fixture
def step(store: Any) -> Step:
    return store.step if isinstance(store, PostgresCounterStore) else store.step_with_outbox_collection


def is_first_delivery(store: Any, event: OrderStockReleased, handler: str = "") -> bool:
    """Whether this handler receives the event for the first time."""
    if isinstance(store, PostgresCounterStore):
        with store.transaction() as session:
            return store.first_time(session, event, handler)
    return bool(store.in_transaction(lambda session: store.first_time(session, event, handler)))


def consumed_event() -> OrderStockReleased:
    return OrderStockReleased.from_envelope(envelope(OrderStockReleased(order_id=new_id())))


def test_twenty_equal_commands_run_once_with_same_reply(step: Step) -> None:
    key, subject = command(new_id()), new_id()

    def repeat(_: int) -> int | str:
        for _ in range(50):
            try:
                return step(subject, key=key)
            except IdempotencyInProgress:  # the client is told to retry
                continue
        return "never"

    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(repeat, range(20)))

    assert replies == [1] * 20
    assert step(subject) == 2


def test_key_reuse_is_refused_and_keys_belong_to_callers(step: Step) -> None:
    key, subject = new_id(), new_id()
    step(subject, key=command(key))

    with pytest.raises(IdempotencyKeyReused):
        step(subject, key=command(key, "another"))

    assert step(subject, key=Idempotency(owner="user:grace", key=key, fingerprint="another")) == 2


def test_failed_command_can_be_repeated(step: Step) -> None:
    key, subject = command(new_id()), new_id()
    with pytest.raises(SimulatedCrash):
        step(subject, fails=True, key=key)

    assert step(subject, key=key) == 1


def test_event_is_new_once_for_each_handler(store: Any) -> None:
    event = consumed_event()

    assert [
        is_first_delivery(store, event),
        is_first_delivery(store, event),
        is_first_delivery(store, event, "another"),
        is_first_delivery(store, consumed_event()),
    ] == [
        True,
        False,
        True,
        True,
    ]


def test_event_is_new_to_one_of_many_concurrent_handlers(store: Any) -> None:
    event = consumed_event()

    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(lambda _: is_first_delivery(store, event), range(12)))

    assert results.count(True) == 1


def test_event_is_new_again_after_rollback(postgres_counters: PostgresCounterStore) -> None:
    event = consumed_event()

    def rolled_back_handler() -> None:
        with postgres_counters.transaction() as session:
            assert postgres_counters.first_time(session, event)
            raise SimulatedCrash

    with pytest.raises(SimulatedCrash):
        rolled_back_handler()

    assert is_first_delivery(postgres_counters, event)


def test_keys_and_events_are_forgotten_after_a_week(postgres_counters: PostgresCounterStore) -> None:
    old, recent = command(new_id()), command(new_id())
    event = consumed_event()
    for key in (old, recent):
        postgres_counters.step(new_id(), key=key)
    is_first_delivery(postgres_counters, event)
    with postgres_counters.transaction() as session:
        age = "interval '8 days'"
        session.execute(text(f"update idempotency set created_at = now() - {age} where key = :key"), {"key": old.key})
        session.execute(text(f"update inbox set handled_at = now() - {age}"))

    postgres_counters.delete_expired()

    with postgres_counters.reading() as session:
        assert postgres_counters.known(session, old) is None
        assert postgres_counters.known(session, recent) == {"number": 1}
    assert is_first_delivery(postgres_counters, event)


def test_command_without_key_runs_each_time(step: Step) -> None:
    subject = new_id()

    assert [step(subject), step(subject)] == [1, 2]
