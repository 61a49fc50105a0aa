"""Streams of events: handled in order by one process at a time, tried again in place, dead-lettered singly."""

from typing import Any

import orjson
import pytest

from services.chassis.common.ids import new_id
from tests.service.chassis.conftest import ServiceProcess, ServiceProcesses, stock_released
from tests.support.shop import eventually


@pytest.fixture(scope="module")
def consumer(processes: ServiceProcesses) -> ServiceProcess:
    return processes.start("stream_consumer")


def stream(consumer: ServiceProcess) -> str:
    """The name of a consumer's stream queue."""
    return f"{consumer.queue}.stream"


def handled(processes: ServiceProcesses, consumer: ServiceProcess, subjects: list[str]) -> list[str]:
    """The subjects of these that were handled, in order."""
    return [subject for mark in processes.marks(consumer) for subject in [mark.split()[0]] if subject in subjects]


def publish(processes: ServiceProcesses, consumer: ServiceProcess, subjects: list[str], **changes: Any) -> None:
    for number, subject in enumerate(subjects):
        kinds = {"type": "order_shipped"} if number % 2 else {}
        processes.rabbit.publish(stock_released(subject) | kinds | changes, stream(consumer))


def test_events_of_all_types_are_handled_in_order(processes: ServiceProcesses, consumer: ServiceProcess) -> None:
    subjects = [new_id() for _ in range(100)]

    publish(processes, consumer, subjects)

    assert eventually(lambda: len(handled(processes, consumer, subjects)) == 100)
    assert handled(processes, consumer, subjects) == subjects
    assert eventually(lambda: processes.rabbit.depth(stream(consumer)) == 0)


def test_batch_waits_in_place_while_a_server_is_away(processes: ServiceProcesses, consumer: ServiceProcess) -> None:
    subjects = [new_id() for _ in range(30)]
    processes.redis.set(f"away:{consumer.name}:{subjects[3]}", 2)

    publish(processes, consumer, subjects)

    assert eventually(lambda: len(handled(processes, consumer, subjects)) == 30)
    assert handled(processes, consumer, subjects) == subjects
    assert processes.rabbit.depth(f"{consumer.queue}.dead") == 0


def test_bad_event_is_dead_lettered_and_others_are_handled(
    processes: ServiceProcesses, consumer: ServiceProcess
) -> None:
    subjects = [new_id() for _ in range(5)]
    processes.redis.sadd(f"bad:{consumer.name}", subjects[2])

    publish(processes, consumer, subjects)
    dead = processes.rabbit.wait_for(f"{consumer.queue}.dead")

    assert orjson.loads(dead.body)["subject"] == subjects[2]
    assert dead.headers["x-error"].startswith("KeyError")
    assert dead.headers["x-queue"] == stream(consumer)
    assert eventually(lambda: handled(processes, consumer, subjects) == subjects[:2] + subjects[3:])


@pytest.mark.parametrize("body", [b"{", b"[1]"])
def test_unreadable_message_is_dead_lettered(
    processes: ServiceProcesses, consumer: ServiceProcess, body: bytes
) -> None:
    processes.rabbit.publish(body, stream(consumer))

    assert processes.rabbit.wait_for(f"{consumer.queue}.dead") is not None


def test_another_process_continues_after_a_kill(processes: ServiceProcesses) -> None:
    first = processes.start("stream_consumer", HANDLE_SECONDS="0.3")
    second = processes.start("stream_consumer", first.name, HANDLE_SECONDS="0")
    subjects = [new_id() for _ in range(60)]
    publish(processes, first, subjects)
    assert eventually(lambda: handled(processes, first, subjects))

    first.kill()

    assert eventually(lambda: set(handled(processes, second, subjects)) == set(subjects))
    once = list(dict.fromkeys(handled(processes, second, subjects)))
    assert once == subjects
    assert eventually(lambda: processes.rabbit.depth(stream(second)) == 0)


def test_stop_returns_what_is_not_handled(processes: ServiceProcesses) -> None:
    consumer = processes.start("stream_consumer", HANDLE_SECONDS="0.3")
    subjects = [new_id() for _ in range(60)]
    publish(processes, consumer, subjects)
    assert eventually(lambda: handled(processes, consumer, subjects))

    assert consumer.end() == 0

    before = handled(processes, consumer, subjects)
    assert before == subjects[: len(before)]
    assert len(before) < 60
    assert processes.rabbit.depth(stream(consumer)) == 60 - len(before)
