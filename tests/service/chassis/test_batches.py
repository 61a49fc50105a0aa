"""Batched event handlers: batch sizes, waiting time, parking of failing events, redelivery."""

import signal

import orjson
import pytest

from services.chassis.common.ids import new_id
from tests.service.chassis.conftest import ServiceProcess, ServiceProcesses, stock_released
from tests.support.shop import eventually


@pytest.fixture(scope="module")
def batch_consumer(processes: ServiceProcesses) -> ServiceProcess:
    return processes.start("batch_consumer", ULTRAMARKET_EVENT_RETRY_SECONDS="[0.1, 0.2]")


def whole_batches(processes: ServiceProcesses, batch_consumer: ServiceProcess, subjects: set[str]) -> list[list[str]]:
    """The handled batches that have events of these subjects. Events of tests in other processes may be among them."""
    marks = [mark.split() for mark in processes.marks(batch_consumer)]
    return [batch for batch in marks if subjects & set(batch)]


def batches(processes: ServiceProcesses, batch_consumer: ServiceProcess, subjects: set[str]) -> list[list[str]]:
    """The handled batches, with the events of these subjects only."""
    return [
        [subject for subject in batch if subject in subjects]
        for batch in whole_batches(processes, batch_consumer, subjects)
    ]


def test_many_events_are_handled_in_batches_once_each(
    processes: ServiceProcesses, batch_consumer: ServiceProcess
) -> None:
    subjects = [new_id() for _ in range(120)]

    for subject in subjects:
        processes.rabbit.publish(stock_released(subject), batch_consumer.queue)

    expected = set(subjects)
    assert eventually(lambda: sum(map(len, batches(processes, batch_consumer, expected))) == 120)
    handled = batches(processes, batch_consumer, expected)
    assert sorted(subject for batch in handled for subject in batch) == sorted(subjects)
    assert max(map(len, whole_batches(processes, batch_consumer, expected))) <= 50
    assert len(handled) < 60
    assert eventually(lambda: processes.rabbit.depth(batch_consumer.queue) == 0)


def test_single_event_is_handled_without_waiting(processes: ServiceProcesses, batch_consumer: ServiceProcess) -> None:
    subject = new_id()

    processes.rabbit.publish(stock_released(subject), batch_consumer.queue)

    assert eventually(lambda: batches(processes, batch_consumer, {subject}) == [[subject]])


def test_failing_event_is_parked_and_others_are_handled(
    processes: ServiceProcesses, batch_consumer: ServiceProcess
) -> None:
    handled_subjects, failing_subject = [new_id() for _ in range(10)], new_id()
    processes.redis.sadd(f"bad:{batch_consumer.name}", failing_subject)

    for subject in (*handled_subjects[:5], failing_subject, *handled_subjects[5:]):
        processes.rabbit.publish(stock_released(subject), batch_consumer.queue)

    assert eventually(lambda: sum(map(len, batches(processes, batch_consumer, set(handled_subjects)))) == 10)
    dead = processes.rabbit.wait_for(f"{batch_consumer.queue}.dead")
    assert dead is not None
    assert failing_subject in str(dead.body)
    assert batches(processes, batch_consumer, {failing_subject}) == []


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[1]",
        b'{"source": "/orders", "type": "order_stock_released"}',
        b'{"source": "/orders", "type": "order_stock_released", "dataschema": "/schemas/events/orders/'
        b'order_stock_released/v99", "data": {"orders": []}}',
    ],
)
def test_poison_message_is_parked_and_next_is_handled(
    processes: ServiceProcesses, batch_consumer: ServiceProcess, body: bytes
) -> None:
    subject, later = new_id(), new_id()
    processes.rabbit.purge(f"{batch_consumer.queue}.dead")

    processes.rabbit.publish(body, batch_consumer.queue)
    processes.rabbit.publish(stock_released(subject, 2), batch_consumer.queue)
    processes.rabbit.publish(stock_released(later, type="order_forgotten"), batch_consumer.queue)
    processes.rabbit.publish(stock_released(later), batch_consumer.queue)

    assert eventually(lambda: batches(processes, batch_consumer, {subject}) == [[subject]])
    assert eventually(lambda: batches(processes, batch_consumer, {later}) == [[later]])
    dead = processes.rabbit.wait_for(f"{batch_consumer.queue}.dead")
    assert dead is not None
    content = dead.body.encode() if isinstance(dead.body, str) else dead.body
    assert orjson.loads(content) == orjson.loads(body) if body[:1] in b"[{" else content == body
    assert dead.headers["x-error"]


def test_unhandled_events_of_killed_process_are_redelivered(processes: ServiceProcesses) -> None:
    first = processes.start("batch_consumer")
    subjects = [new_id() for _ in range(30)]
    for subject in subjects:
        processes.rabbit.publish(stock_released(subject), first.queue)
    first.kill()
    first.process.wait(60)

    again = processes.start("batch_consumer", name=first.name)

    assert eventually(
        lambda: {event for batch in batches(processes, again, set(subjects)) for event in batch} == set(subjects), 15
    )


@pytest.mark.parametrize("start", range(3))  # the order in which a process's consumers start varies
def test_service_with_rpc_receives_whole_batches(processes: ServiceProcesses, start: int) -> None:
    first = processes.start("batch_consumer")
    first.kill()
    first.process.wait(60)
    subjects = [new_id() for _ in range(120)]
    for subject in subjects:
        processes.rabbit.publish(stock_released(subject), first.queue)

    again = processes.start("batch_consumer", name=first.name)

    expected = set(subjects)
    assert eventually(lambda: sum(map(len, batches(processes, again, expected))) == 120)
    assert max(map(len, whole_batches(processes, again, expected))) == 50


def test_gathered_batch_is_handled_before_the_stop(processes: ServiceProcesses) -> None:
    service, subject = processes.start("batch_consumer", f"gathers-{new_id()}", GATHER_SECONDS="3600"), new_id()
    processes.rabbit.publish(stock_released(subject), service.queue)
    assert eventually(lambda: processes.rabbit.depth(service.queue) == 0)

    assert service.end(signal.SIGTERM) == 0

    assert batches(processes, service, {subject}) == [[subject]]
    assert processes.rabbit.depth(service.queue) == 0
