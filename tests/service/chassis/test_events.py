"""Event handlers: retries with backoff, dead letters, independence of handlers, redelivery after a crash."""

import os
import signal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from services.chassis.common.ids import new_id
from services.chassis.messaging.queues import event_queue, make
from tests.service.chassis.conftest import ServiceProcess, ServiceProcesses, stock_released
from tests.support.shop import eventually
from ultramarket import dead_letters

DELAYS = (0.1, 0.3, 0.6)


@pytest.fixture(scope="module")
def listener(processes: ServiceProcesses) -> ServiceProcess:
    return processes.start("listener", ULTRAMARKET_EVENT_RETRY_SECONDS=str(list(DELAYS)))


@pytest.fixture(autouse=True)
def _reset_handlers(processes: ServiceProcesses, listener: ServiceProcess) -> None:
    for kind in ("pause:{}:first", "pause:{}:second", "long:{}"):
        processes.redis.delete(kind.format(listener.name))
    processes.rabbit.purge(f"{listener.queue}.dead")


def set_failures(processes: ServiceProcesses, service: ServiceProcess, handler: str, subject: str, times: int) -> None:
    """Let the handler fail so often with events of this subject; events of other tests arrive as well."""
    processes.redis.set(f"fail:{service.name}:{handler}:{subject}", times)


def attempt_times(processes: ServiceProcesses, service: ServiceProcess, handler: str, subject: str) -> list[float]:
    """The times at which the handler was called with the events of this subject."""
    marks = [mark.split() for mark in processes.marks(service)]
    return [float(fields[3]) for fields in marks if fields[:2] == [handler, subject]]


def take_dead_letter(processes: ServiceProcesses, service: ServiceProcess, content: bytes) -> Any | None:
    """The next dead letter whose body has this content, if there is one; those that earlier tests left are removed."""
    letters = processes.rabbit.take_all(f"{service.queue}.dead")
    return next((letter for letter in letters if content in as_bytes(letter.body)), None)


def as_bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body


def test_event_reaches_each_handler_with_request_context(processes: ServiceProcesses, listener: ServiceProcess) -> None:
    subject = new_id()

    processes.rabbit.publish(stock_released(subject, 7, requestid="r-1"), "order_stock_released", "orders.events")

    for handler in ("first", "second"):
        assert processes.wait_for_mark(listener, f"{handler} {subject} 7")
    assert {mark.split()[4] for mark in processes.marks(listener) if subject in mark} == {"r-1"}


def test_failing_handler_retries_with_backoff_alone(processes: ServiceProcesses, listener: ServiceProcess) -> None:
    subject = new_id()
    set_failures(processes, listener, "first", subject, 3)

    processes.rabbit.publish(stock_released(subject), listener.queue)

    assert eventually(lambda: len(attempt_times(processes, listener, "first", subject)) == 4)
    times = attempt_times(processes, listener, "first", subject)
    delays = [after - before for before, after in pairwise(times)]
    assert [actual >= expected - 0.01 for actual, expected in zip(delays, DELAYS, strict=True)] == [True, True, True]
    assert len(attempt_times(processes, listener, "second", subject)) == 1
    assert take_dead_letter(processes, listener, subject.encode()) is None


def test_dead_letter_has_its_reason_and_can_be_replayed(
    processes: ServiceProcesses, listener: ServiceProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance: Any = SimpleNamespace(url=lambda _server: os.environ["ULTRAMARKET_AMQP_URL"])
    monkeypatch.setattr(dead_letters, "consumers", lambda: (listener.name,))
    subject = new_id()
    event = stock_released(subject)
    set_failures(processes, listener, "second", subject, 4)

    processes.rabbit.publish(event, listener.queue)

    assert eventually(lambda: processes.rabbit.depth(f"{listener.queue}.dead") == 1)
    [letter] = dead_letters.dead_letters(instance)
    assert (letter["id"], letter["handler"], letter["attempts"]) == (event["id"], "second", 4)
    assert letter["error"].startswith("KeyError: ")
    assert letter["event"] == event
    assert dead_letters.replay(instance) == 1
    assert eventually(lambda: len(attempt_times(processes, listener, "second", subject)) == 5)
    assert len(attempt_times(processes, listener, "first", subject)) == 1
    assert dead_letters.dead_letters(instance) == []


def test_long_error_is_truncated_in_the_header(processes: ServiceProcesses, listener: ServiceProcess) -> None:
    processes.redis.set(f"long:{listener.name}", 300_000)
    subject = new_id()
    set_failures(processes, listener, "first", subject, 4)

    processes.rabbit.publish(stock_released(subject), listener.queue)

    dead = eventually(lambda: take_dead_letter(processes, listener, subject.encode()))
    assert dead is not None
    assert len(dead.headers["x-error"]) < 2_000
    assert len(attempt_times(processes, listener, "first", subject)) == 4


@pytest.mark.parametrize(
    "body", [b"not json", b"[1]", b'"text"', b'{"source": "/orders", "type": "order_stock_released"}']
)
def test_malformed_event_is_parked_and_next_is_handled(
    processes: ServiceProcesses, listener: ServiceProcess, body: bytes
) -> None:
    subject = new_id()

    processes.rabbit.publish(body, listener.queue)
    processes.rabbit.publish(stock_released(subject), listener.queue)

    assert processes.wait_for_mark(listener, f"first {subject}")
    dead = eventually(lambda: take_dead_letter(processes, listener, body))
    assert dead is not None, "lost"
    assert listener.process.poll() is None


def test_event_without_handler_is_acknowledged(processes: ServiceProcesses, listener: ServiceProcess) -> None:
    subject = new_id()

    processes.rabbit.publish(stock_released(subject, type="order_forgotten"), listener.queue)
    processes.rabbit.publish(stock_released(subject), listener.queue)

    assert processes.wait_for_mark(listener, f"first {subject}")
    assert eventually(lambda: processes.rabbit.depth(listener.queue) == 0)
    assert take_dead_letter(processes, listener, subject.encode()) is None


def test_event_of_removed_handler_is_parked(processes: ServiceProcesses, listener: ServiceProcess) -> None:
    """The event waits for a retry while a version of the service with other handler names is deployed."""
    headers, subject = {"x-handler": "renamed", "x-attempt": 1}, new_id()

    processes.rabbit.publish(stock_released(subject), listener.queue, application_headers=headers)

    dead = eventually(lambda: take_dead_letter(processes, listener, subject.encode()))
    assert dead is not None, "lost"
    assert dead.headers["x-handler"] == "renamed"


def test_event_of_killed_process_is_redelivered(processes: ServiceProcesses) -> None:
    name, subject = f"listener-{new_id()}", new_id()
    first = processes.start("listener", name)
    processes.redis.set(f"pause:{name}:first", 30)
    processes.rabbit.publish(stock_released(subject), first.queue)
    assert processes.wait_for_mark(first, f"first {subject}")

    first.kill()
    first.process.wait()
    processes.redis.delete(f"pause:{name}:first")
    second = processes.start("listener", name)

    assert eventually(lambda: len(attempt_times(processes, first, "first", subject)) >= 2), second.text()
    assert eventually(lambda: processes.rabbit.depth(first.queue) == 0)


def test_stop_finishes_the_running_event_only(processes: ServiceProcesses) -> None:
    name = f"listener-{new_id()}"
    service = processes.start("listener", name, ULTRAMARKET_WORKERS="1")
    processes.redis.set(f"pause:{name}:first", 0.5)
    subjects = [new_id() for _ in range(5)]
    for subject in subjects:
        processes.rabbit.publish(stock_released(subject), service.queue)
    assert processes.wait_for_mark(service, "first")

    assert service.end(signal.SIGTERM) == 0

    started = {mark.split()[1] for mark in processes.marks(service) if mark.startswith("first") and "slept" not in mark}
    assert processes.marks(service).count("first slept") == len(started)
    processes.redis.delete(f"pause:{name}:first")
    processes.start("listener", name)
    for subject in subjects:
        assert processes.wait_for_mark(service, f"first {subject}")
        assert processes.wait_for_mark(service, f"second {subject}")


def test_message_is_redelivered_without_limit(processes: ServiceProcesses) -> None:
    queue, channel = event_queue(f"returned-{new_id()[-8:]}"), processes.rabbit.channel
    make(queue, channel)
    processes.rabbit.publish(b"{}", queue.name)

    for _ in range(30):  # RabbitMQ 4 drops a message after 20 deliveries unless configured otherwise
        delivery = eventually(lambda: channel.basic_get(queue.name))
        channel.basic_reject(delivery.delivery_tag, requeue=True)

    assert processes.rabbit.wait_for(queue.name).body == "{}"
    channel.queue_delete(queue.name)


def test_existing_queue_with_other_arguments_is_used(processes: ServiceProcesses) -> None:
    queue, channel = event_queue(f"earlier-{new_id()[-8:]}"), processes.rabbit.channel
    channel.queue_declare(queue.name, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    processes.rabbit.publish(b"{}", queue.name)

    make(queue, channel)
    queue.bind(channel).declare()

    assert processes.rabbit.wait_for(queue.name).body == "{}"
    channel.queue_delete(queue.name)
