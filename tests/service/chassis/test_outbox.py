"""Outbox relays: committed events are published in order, by one relay at a time, and none is lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import pytest
from pymongo.monitoring import CommandListener, CommandStartedEvent

from services.chassis.common.ids import new_id
from services.chassis.outbox import mongo as mongo_outbox
from services.chassis.outbox import postgres as postgres_outbox
from services.chassis.outbox import publisher
from services.chassis.outbox.postgres import OutboxTable
from tests.service.chassis.stores import (
    EXCHANGE,
    TYPE,
    EventQueue,
    MongoCounterStore,
    PostgresCounterStore,
    Relays,
    SimulatedCrash,
    first_occurrences,
    mongo_counter_store,
    mongo_outbox_relay,
    mongo_relay,
    postgres_counter_store,
    postgres_relay,
)
from tests.support.proxy import proxy_to
from tests.support.rabbit import rabbit
from tests.support.shop import eventually

RELAY = "from tests.service.chassis.stores import *; {make}({name!r}).run()"


class Outbox(NamedTuple):
    """A store whose steps publish events, and the relays of its outbox."""

    store: PostgresCounterStore | MongoCounterStore
    name: str
    step: Callable[..., int]
    relay: Callable[..., Any]
    relays: Relays
    processes: "list[subprocess.Popen[bytes]]"

    def start_process(self, settings: str = "") -> "subprocess.Popen[bytes]":
        """Start a relay in a process of its own, which ends with the test."""
        code = settings + RELAY.format(make=self.relay.__name__, name=self.name)
        self.processes.append(subprocess.Popen([sys.executable, "-c", code]))
        return self.processes[-1]


@pytest.fixture(scope="module")
def postgres_counters() -> Iterator[tuple[PostgresCounterStore, str]]:
    with postgres_counter_store() as store:
        yield store


@pytest.fixture(scope="module")
def mongo_counters() -> Iterator[tuple[MongoCounterStore, str]]:
    with mongo_counter_store() as store:
        yield store


@pytest.fixture(params=["postgres", "mongo, hot", "mongo, beside"])
def outbox(request: pytest.FixtureRequest, postgres_counters: Any, mongo_counters: Any) -> Iterator[Outbox]:
    if request.param == "postgres":
        (store, name), relay = postgres_counters, postgres_relay
        step = store.step
    else:
        (store, name) = mongo_counters
        relay, step = (
            (mongo_relay, store.step)
            if "hot" in request.param
            else (mongo_outbox_relay, store.step_with_outbox_collection)
        )
    relays = Relays(lambda: relay(name))
    outbox = Outbox(store, name, step, relay, relays, [])
    yield outbox
    relays.stop()
    for process in outbox.processes:
        process.kill()
        process.wait()
    drain = relays.start()
    assert eventually(lambda: store.unpublished_count() == 0)
    drain.stop()
    relays.stop()


@pytest.fixture
def queue_of_events() -> Iterator[EventQueue]:
    with rabbit() as broker:
        yield EventQueue(broker)


def test_committed_event_is_published_and_leaves_the_outbox(outbox: Outbox, queue_of_events: EventQueue) -> None:
    subject = new_id()
    outbox.relays.start()
    outbox.step(subject)
    assert queue_of_events.numbers(subject, 1) == [1]

    outbox.step(subject)

    assert queue_of_events.numbers(subject, 2) == [1, 2]
    assert eventually(lambda: outbox.store.unpublished_count() == 0)
    [event, _] = [event for event in queue_of_events.received if event["subject"] == subject]
    assert (event["type"], event["source"], event["data"]) == (TYPE, "/orders", {"order_id": subject})


def test_uncommitted_event_is_not_published(outbox: Outbox, queue_of_events: EventQueue) -> None:
    if outbox.step == getattr(outbox.store, "step", None) and isinstance(outbox.store, MongoCounterStore):
        pytest.skip("a hot document's event is part of the very update")
    subject = new_id()
    outbox.relays.start()

    with pytest.raises(SimulatedCrash):
        outbox.step(subject, fails=True)

    outbox.step(subject)
    assert queue_of_events.numbers(subject, 1) == [1]
    assert eventually(lambda: outbox.store.unpublished_count() == 0)


def test_aggregate_order_is_kept_with_sixteen_writers(outbox: Outbox, queue_of_events: EventQueue) -> None:
    subjects = [new_id() for _ in range(4)]
    outbox.relays.start()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda index: outbox.step(subjects[index % 4]), range(240)))

    for subject in subjects:
        assert queue_of_events.numbers(subject, 60) == list(range(1, 61))


def test_standby_relay_takes_over_from_the_leader(outbox: Outbox, queue_of_events: EventQueue) -> None:
    subject = new_id()
    first = outbox.start_process()
    outbox.step(subject)
    assert queue_of_events.numbers(subject, 1) == [1]
    outbox.relays.start()
    for _ in range(20):
        outbox.step(subject)
    assert queue_of_events.numbers(subject, 21) == list(range(1, 22))

    first.kill()
    first.wait()
    outbox.step(subject)

    # A leader killed between the broker's confirm and the removal leaves an event that is published twice.
    assert queue_of_events.first_occurrences(subject, 22) == list(range(1, 23))


def test_relay_killed_before_removal_publishes_again(
    outbox: Outbox, queue_of_events: EventQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = new_id()
    for _ in range(5):
        outbox.step(subject)
    publish = publisher.ConfirmingPublisher.publish

    def publish_and_crash(self: Any, envelopes: Any) -> Any:
        publish(self, envelopes)
        monkeypatch.setattr(publisher.ConfirmingPublisher, "publish", publish)
        raise SimulatedCrash

    monkeypatch.setattr(publisher.ConfirmingPublisher, "publish", publish_and_crash)
    outbox.relays.start()
    assert queue_of_events.numbers(subject, 5) == [1, 2, 3, 4, 5]

    outbox.relays.start()
    outbox.step(subject)

    assert first_occurrences(queue_of_events.numbers(subject, 11)) == [1, 2, 3, 4, 5, 6]
    assert eventually(lambda: outbox.store.unpublished_count() == 0)


def _declare_exchange_without_queue(self: Any, exchange: str) -> None:
    self._channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)


def test_unroutable_event_waits_for_a_queue(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exchange without queues; the bridge's own queue is declared by the publisher."""
    subject, exchange = new_id(), f"deaf-{new_id()}.events"
    monkeypatch.setattr(publisher, "exchange_of", lambda _envelope: exchange)
    monkeypatch.setattr(publisher.ConfirmingPublisher, "_declare", _declare_exchange_without_queue)
    outbox.relays.start()
    outbox.step(subject)
    time.sleep(1.5)  # long enough for the relay to try
    assert outbox.store.unpublished_count() == 1

    with rabbit() as broker:
        queue_of_events = EventQueue(broker)
        broker.channel.queue_bind(queue_of_events.queue, exchange, TYPE)

        assert queue_of_events.numbers(subject, 1) == [1]
        assert eventually(lambda: outbox.store.unpublished_count() == 0)
        broker.channel.exchange_delete(exchange)


def test_bridge_receives_events_published_before_its_start(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    subject, name = new_id(), f"bridge-{new_id()}"
    monkeypatch.setattr(publisher, "BRIDGE", name)
    outbox.relays.start()

    outbox.step(subject)

    with rabbit() as broker:
        assert eventually(lambda: outbox.store.unpublished_count() == 0)
        assert eventually(lambda: broker.depth(f"evt-{name}") == 1)
        broker.channel.queue_delete(f"evt-{name}")
        broker.channel.queue_delete(f"evt-{name}.dead")


def test_relay_survives_lost_broker_connections(outbox: Outbox, queue_of_events: EventQueue) -> None:
    subject = new_id()
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy:
        outbox.relays.start(outbox.relay(outbox.name, amqp_url=proxy.url))
        for number in range(60):
            if number % 20 == 10:
                proxy.drop()
            outbox.step(subject)

        assert queue_of_events.first_occurrences(subject, 60) == list(range(1, 61))
        assert eventually(lambda: outbox.store.unpublished_count() == 0)
        outbox.relays.stop()


def test_commit_during_a_query_is_published_before_next_poll(
    postgres_counters: tuple[PostgresCounterStore, str], queue_of_events: EventQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notification arrives with the result of the query that did not see the row yet."""

    class SlowTable(OutboxTable):
        @property
        def unpublished(self) -> str:
            rows = f"select position, body, 1.0 from {self.name} order by position limit 500"
            return f"with rows as materialized ({rows}), slept as materialized (select pg_sleep(0.4)) select rows.* from slept left join rows on true where rows.position is not null"  # noqa: E501

    monkeypatch.setattr(postgres_outbox, "IDLE_SECONDS", 600.0)  # longer than this test waits
    store, schema = postgres_counters
    subject, relays = new_id(), Relays(lambda: postgres_relay(schema, table=SlowTable()))
    relay = relays.start()
    for number in range(1, 6):
        store.step(subject)
        assert queue_of_events.numbers(subject, number) == list(range(1, number + 1))
    relay.stop()
    store.step(new_id())  # wakes the relay, so that it stops
    relays.stop()


def test_idle_relay_is_woken_by_its_process(
    mongo_counters: tuple[MongoCounterStore, str], queue_of_events: EventQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in ("POLL_SECONDS", "SWEEP_SECONDS"):
        monkeypatch.setattr(mongo_outbox, seconds, 600.0)
    (store, name), subject = mongo_counters, new_id()
    relay = mongo_outbox_relay(name)
    monkeypatch.setattr(store, "wake_relay", relay.wake)
    relays = Relays(lambda: relay)
    relays.start()
    for number in (1, 2):
        store.step_with_outbox_collection(subject)
        assert queue_of_events.numbers(subject, number) == list(range(1, number + 1))
    relays.stop()


def test_frozen_leader_is_replaced_without_lost_or_late_events(
    outbox: Outbox, queue_of_events: EventQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_outbox, "FROZEN_SECONDS", 3)
    subject = new_id()
    frozen = outbox.start_process(
        "from services.chassis.outbox import postgres as settings; settings.FROZEN_SECONDS = 6; "
    )
    outbox.step(subject)
    assert queue_of_events.numbers(subject, 1) == [1]
    assert eventually(
        lambda: outbox.store.unpublished_count() == 0
    )  # otherwise it might be frozen before it removes the event
    outbox.relays.start()
    frozen.send_signal(signal.SIGSTOP)
    outbox.step(subject)

    assert queue_of_events.numbers(subject, 2) == [1, 2]
    frozen.send_signal(signal.SIGCONT)
    for _ in range(10):
        outbox.step(subject)
    assert queue_of_events.first_occurrences(subject, 12) == list(range(1, 13))


def test_many_events_are_published_in_windows(outbox: Outbox, queue_of_events: EventQueue) -> None:
    subjects = [new_id() for _ in range(30)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda index: outbox.step(subjects[index % 30]), range(690)))

    outbox.relays.start()

    for subject in subjects:
        assert queue_of_events.numbers(subject, 23) == list(range(1, 24))
    assert eventually(lambda: outbox.store.unpublished_count() == 0)


def test_idle_relay_stops_without_waiting_for_its_next_poll(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_outbox, "IDLE_SECONDS", 3600.0)
    subject = new_id()
    relay = outbox.relays.start()
    outbox.step(subject)
    assert eventually(lambda: outbox.store.unpublished_count() == 0)
    [(_, thread)] = outbox.relays.running

    relay.stop()

    assert eventually(lambda: not thread.is_alive())


def test_leadership_is_released_on_stop(
    outbox: Outbox, queue_of_events: EventQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_outbox, "LEASE", timedelta(hours=1))  # so that it doesn't expire during the test
    subject = new_id()
    outbox.relays.start()
    outbox.step(subject)
    assert queue_of_events.numbers(subject, 1) == [1]
    outbox.relays.stop()

    outbox.relays.start()
    outbox.step(subject)

    assert queue_of_events.numbers(subject, 2) == [1, 2]
    assert EXCHANGE == "orders.events"


def test_mongo_relay_reads_what_a_majority_has(
    mongo_counters: tuple[MongoCounterStore, str], queue_of_events: EventQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that only the primary has may be rolled back, so it is not published."""
    store, name = mongo_counters
    reads: list[tuple[str, str]] = []

    class ReadConcerns(CommandListener):
        def started(self, event: CommandStartedEvent) -> None:
            if event.command_name == "find" and event.database_name == name:
                reads.append((event.command["find"], event.command.get("readConcern", {}).get("level", "local")))

        def succeeded(self, event: object) -> None: ...

        def failed(self, event: object) -> None: ...

    monkeypatch.setattr(
        mongo_outbox, "MongoClient", partial(mongo_outbox.MongoClient, event_listeners=[ReadConcerns()])
    )
    relays, subject, other = Relays(lambda: mongo_relay(name)), new_id(), new_id()
    relays.start()
    store.step(subject)
    store.step_with_outbox_collection(other)

    assert queue_of_events.first_occurrences(subject, 1) == [1]
    assert queue_of_events.first_occurrences(other, 1) == [1]
    relays.stop()
    assert {collection for collection, _ in reads} >= {"counters", "outbox"}
    assert {level for _, level in reads} == {"majority"}
