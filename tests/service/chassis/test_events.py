"""Events: tried again with growing delays, then parked; each handler for itself; nothing lost when the process dies."""

import os
import signal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from services.chassis.common.ids import new_id
from services.chassis.messaging.queues import event_queue, make
from tests.service.chassis.conftest import Actor, Stage, stock_released
from tests.support.shop import eventually
from ultramarket import dead_letters

DELAYS = (0.1, 0.3, 0.6)


@pytest.fixture(scope="module")
def listener(stage: Stage) -> Actor:
    return stage.start("listener", ULTRAMARKET_EVENT_RETRY_SECONDS=str(list(DELAYS)))


@pytest.fixture(autouse=True)
def _fresh(stage: Stage, listener: Actor) -> None:
    for kind in ("fail:{}:first", "fail:{}:second", "pause:{}:first", "pause:{}:second", "long:{}"):
        stage.redis.delete(kind.format(listener.name))
    stage.rabbit.purge(f"{listener.queue}.dead")


def fails(stage: Stage, actor: Actor, handler: str, times: int) -> None:
    stage.redis.set(f"fail:{actor.name}:{handler}", times)


def tries(stage: Stage, actor: Actor, handler: str, subject: str) -> list[float]:
    """When the handler was called with the events of this subject."""
    found = [mark.split() for mark in stage.marks(actor)]
    return [float(words[3]) for words in found if words[:2] == [handler, subject]]


def test_event_reaches_each_handler_with_request_context(stage: Stage, listener: Actor) -> None:
    subject = new_id()

    stage.rabbit.publish(stock_released(subject, 7, requestid="r-1"), "order_stock_released", "orders.events")

    for handler in ("first", "second"):
        assert stage.wait_for_mark(listener, f"{handler} {subject} 7")
    assert {mark.split()[4] for mark in stage.marks(listener) if subject in mark} == {"r-1"}


def test_failing_handler_retries_with_backoff_alone(stage: Stage, listener: Actor) -> None:
    subject = new_id()
    fails(stage, listener, "first", 3)

    stage.rabbit.publish(stock_released(subject), listener.queue)

    assert eventually(lambda: len(tries(stage, listener, "first", subject)) == 4)
    times = tries(stage, listener, "first", subject)
    gaps = [after - before for before, after in pairwise(times)]
    assert [gap >= delay - 0.01 for gap, delay in zip(gaps, DELAYS, strict=True)] == [True, True, True]
    assert len(tries(stage, listener, "second", subject)) == 1
    assert stage.rabbit.take(f"{listener.queue}.dead") is None


def test_dead_letter_has_its_reason_and_can_be_replayed(
    stage: Stage, listener: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance: Any = SimpleNamespace(url=lambda _server: os.environ["ULTRAMARKET_AMQP_URL"])
    monkeypatch.setattr(dead_letters, "consumers", lambda: (listener.name,))
    subject = new_id()
    event = stock_released(subject)
    fails(stage, listener, "second", 4)

    stage.rabbit.publish(event, listener.queue)

    assert eventually(lambda: stage.rabbit.depth(f"{listener.queue}.dead") == 1)
    [letter] = dead_letters.dead_letters(instance)
    assert (letter["id"], letter["handler"], letter["attempts"]) == (event["id"], "second", 4)
    assert letter["error"].startswith("KeyError: ")
    assert letter["event"] == event
    assert dead_letters.replay(instance) == 1
    assert eventually(lambda: len(tries(stage, listener, "second", subject)) == 5)
    assert len(tries(stage, listener, "first", subject)) == 1
    assert dead_letters.dead_letters(instance) == []


def test_a_reason_longer_than_a_header_can_be_is_cut(stage: Stage, listener: Actor) -> None:
    stage.redis.set(f"long:{listener.name}", 300_000)
    fails(stage, listener, "first", 4)
    subject = new_id()

    stage.rabbit.publish(stock_released(subject), listener.queue)

    dead = stage.rabbit.wait_for(f"{listener.queue}.dead")
    assert dead is not None
    assert len(dead.headers["x-error"]) < 2_000
    assert len(tries(stage, listener, "first", subject)) == 4


@pytest.mark.parametrize(
    "body", [b"not json", b"[1]", b'"text"', b'{"source": "/orders", "type": "order_stock_released"}']
)
def test_malformed_event_is_parked_and_next_is_handled(stage: Stage, listener: Actor, body: bytes) -> None:
    subject = new_id()

    stage.rabbit.publish(body, listener.queue)
    stage.rabbit.publish(stock_released(subject), listener.queue)

    assert stage.wait_for_mark(listener, f"first {subject}")
    dead = stage.rabbit.wait_for(f"{listener.queue}.dead")
    assert dead is not None, "lost"
    assert listener.process.poll() is None


def test_event_without_handler_is_acknowledged(stage: Stage, listener: Actor) -> None:
    subject = new_id()

    stage.rabbit.publish(stock_released(subject, type="order_forgotten"), listener.queue)
    stage.rabbit.publish(stock_released(subject), listener.queue)

    assert stage.wait_for_mark(listener, f"first {subject}")
    assert eventually(lambda: stage.rabbit.depth(listener.queue) == 0)
    assert stage.rabbit.take(f"{listener.queue}.dead") is None


def test_event_of_removed_handler_is_parked(stage: Stage, listener: Actor) -> None:
    """It waited for another try while a new version of the service, with other names, was installed."""
    headers = {"x-handler": "renamed", "x-attempt": 1}

    stage.rabbit.publish(stock_released(new_id()), listener.queue, application_headers=headers)

    dead = stage.rabbit.wait_for(f"{listener.queue}.dead")
    assert dead is not None, "lost"
    assert dead.headers["x-handler"] == "renamed"


def test_event_of_killed_process_is_redelivered(stage: Stage) -> None:
    name, subject = f"listener-{new_id()}", new_id()
    first = stage.start("listener", name)
    stage.redis.set(f"pause:{name}:first", 30)
    stage.rabbit.publish(stock_released(subject), first.queue)
    assert stage.wait_for_mark(first, f"first {subject}")

    first.kill()
    first.process.wait()
    stage.redis.delete(f"pause:{name}:first")
    stage.start("listener", name)

    assert eventually(lambda: len(tries(stage, first, "first", subject)) == 2)
    assert eventually(lambda: stage.rabbit.depth(first.queue) == 0)


def test_stop_finishes_the_running_event_only(stage: Stage) -> None:
    name = f"listener-{new_id()}"
    actor = stage.start("listener", name, ULTRAMARKET_WORKERS="1")
    stage.redis.set(f"pause:{name}:first", 0.5)
    subjects = [new_id() for _ in range(5)]
    for subject in subjects:
        stage.rabbit.publish(stock_released(subject), actor.queue)
    assert stage.wait_for_mark(actor, "first")

    assert actor.end(signal.SIGTERM) == 0

    began = {mark.split()[1] for mark in stage.marks(actor) if mark.startswith("first") and "slept" not in mark}
    assert stage.marks(actor).count("first slept") == len(began)
    stage.redis.delete(f"pause:{name}:first")
    stage.start("listener", name)
    for subject in subjects:
        assert stage.wait_for_mark(actor, f"first {subject}")
        assert stage.wait_for_mark(actor, f"second {subject}")


def test_a_message_may_come_back_as_often_as_its_reader_dies(stage: Stage) -> None:
    queue, channel = event_queue(f"returned-{new_id()[-8:]}"), stage.rabbit.channel
    make(queue, channel)
    stage.rabbit.publish(b"{}", queue.name)

    for _ in range(30):  # RabbitMQ 4 gives up after 20 unless it is told otherwise
        back = eventually(lambda: channel.basic_get(queue.name))
        channel.basic_reject(back.delivery_tag, requeue=True)

    assert stage.rabbit.wait_for(queue.name).body == "{}"
    channel.queue_delete(queue.name)


def test_a_queue_of_an_earlier_version_is_taken_as_it_is(stage: Stage) -> None:
    queue, channel = event_queue(f"earlier-{new_id()[-8:]}"), stage.rabbit.channel
    channel.queue_declare(queue.name, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    stage.rabbit.publish(b"{}", queue.name)

    make(queue, channel)
    queue.bind(channel).declare()

    assert stage.rabbit.wait_for(queue.name).body == "{}"
    channel.queue_delete(queue.name)
