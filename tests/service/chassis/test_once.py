"""Once: a command under its key, an event in the inbox, however many come at the same moment."""

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
from tests.service.chassis.stores import HotStore, NoteStore, SimulatedCrash, command, hot_store, note_store

Step = Callable[..., int]


@pytest.fixture(scope="module")
def notes() -> Iterator[NoteStore]:
    with note_store() as (store, _):
        yield store


@pytest.fixture(scope="module")
def counters() -> Iterator[HotStore]:
    with hot_store() as (store, _):
        yield store


@pytest.fixture(params=["postgres", "mongo"])
def store(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("notes" if request.param == "postgres" else "counters")


@pytest.fixture
def step(store: Any) -> Step:
    return store.step if isinstance(store, NoteStore) else store.step_beside


def heard(store: Any, event: OrderStockReleased, handler: str = "") -> bool:
    """Whether this handler sees the event for the first time."""
    if isinstance(store, NoteStore):
        with store.transaction() as session:
            return store.first_time(session, event, handler)
    return bool(store.in_transaction(lambda session: store.first_time(session, event, handler)))


def received() -> OrderStockReleased:
    return OrderStockReleased.from_envelope(envelope(OrderStockReleased(order_id=new_id())))


def test_twenty_equal_commands_run_once_with_same_reply(step: Step) -> None:
    key, subject = command(new_id()), new_id()

    def twin(_: int) -> int | str:
        for _ in range(50):
            try:
                return step(subject, key=key)
            except IdempotencyInProgress:  # a client is told to come again
                continue
        return "never"

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(twin, range(20)))

    assert answers == [1] * 20
    assert step(subject) == 2


def test_key_reuse_is_refused_and_keys_belong_to_callers(step: Step) -> None:
    key, subject = new_id(), new_id()
    step(subject, key=command(key))

    with pytest.raises(IdempotencyKeyReused):
        step(subject, key=command(key, "another"))

    assert step(subject, key=Idempotency(owner="user:grace", key=key, fingerprint="another")) == 2


def test_a_command_that_failed_is_free_to_be_tried_again(step: Step) -> None:
    key, subject = command(new_id()), new_id()
    with pytest.raises(SimulatedCrash):
        step(subject, fails=True, key=key)

    assert step(subject, key=key) == 1


def test_an_event_is_new_once_to_each_handler(store: Any) -> None:
    event = received()

    assert [heard(store, event), heard(store, event), heard(store, event, "another"), heard(store, received())] == [
        True,
        False,
        True,
        True,
    ]


def test_event_is_new_to_one_of_many_concurrent_handlers(store: Any) -> None:
    event = received()

    with ThreadPoolExecutor(12) as pool:
        seen = list(pool.map(lambda _: heard(store, event), range(12)))

    assert seen.count(True) == 1


def test_event_is_new_again_after_rollback(notes: NoteStore) -> None:
    event = received()

    def dies() -> None:
        with notes.transaction() as session:
            assert notes.first_time(session, event)
            raise SimulatedCrash

    with pytest.raises(SimulatedCrash):
        dies()

    assert heard(notes, event)


def test_keys_and_events_are_forgotten_after_a_week(notes: NoteStore) -> None:
    old, young = command(new_id()), command(new_id())
    event = received()
    for key in (old, young):
        notes.step(new_id(), key=key)
    heard(notes, event)
    with notes.transaction() as session:
        week = "interval '8 days'"
        session.execute(text(f"update idempotency set created_at = now() - {week} where key = :key"), {"key": old.key})
        session.execute(text(f"update inbox set handled_at = now() - {week}"))

    notes.forget_old()

    with notes.reading() as session:
        assert notes.known(session, old) is None
        assert notes.known(session, young) == {"number": 1}
    assert heard(notes, event)


def test_command_without_key_runs_each_time(step: Step) -> None:
    subject = new_id()

    assert [step(subject), step(subject)] == [1, 2]
