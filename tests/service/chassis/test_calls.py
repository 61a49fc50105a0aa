"""Calls between processes: typed both ways, in time or not at all, with the request that they belong to."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.chassis.common.errors import DeadlineExceeded, OutOfStock, RemoteFailure, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.messaging.rpc_client import RpcClient
from tests.service.chassis.conftest import Actor, Stage, stock_released
from tests.support.shop import eventually


@pytest.fixture(scope="module")
def worker(stage: Stage) -> Actor:
    return stage.start("worker")


@pytest.fixture(scope="module")
def front(stage: Stage, worker: Actor) -> Actor:
    return stage.start("front", OTHER=worker.name)


def test_values_come_back_as_they_were_sent(client: RpcClient, worker: Actor) -> None:
    for value in (None, 0, "é ☕", [1, {"a": [True, None]}], {"amount": 10**15}, "x" * 500_000):
        assert client.call(worker.name, "echo", value=value) == value


def test_arguments_and_replies_are_the_models_of_the_signature(client: RpcClient, worker: Actor) -> None:
    assert client.call(worker.name, "add", sku="MUG", quantity=2) == {"sku": "MUG", "quantity": 2}

    with pytest.raises(ValidationFailed) as refused:
        client.call(worker.name, "add", sku="MUG", quantity=0)

    assert [detail["field"] for detail in refused.value.details] == ["quantity"]


@pytest.mark.parametrize("through", ["straight", "through another service"])
def test_an_error_arrives_with_its_type_and_its_details(
    client: RpcClient, worker: Actor, front: Actor, through: str
) -> None:
    service, method, arguments = {
        "straight": (worker.name, "refuse", {"sku": "MUG"}),
        "through another service": (front.name, "ask", {"method": "refuse", "arguments": {"sku": "MUG"}}),
    }[through]

    with pytest.raises(OutOfStock) as refused:
        client.call(service, method, **arguments)

    assert refused.value.message == "Only 2 of MUG available"
    assert refused.value.details == [{"sku": "MUG", "requested": 3, "available": 2}]


def test_remote_bug_is_a_failure_without_internals(client: RpcClient, front: Actor) -> None:
    with pytest.raises(RemoteFailure) as failed:
        client.call(front.name, "ask", method="break_down", arguments={})

    assert failed.value.status == 500


@pytest.mark.parametrize(
    ("where", "error"),
    [("details", OutOfStock), ("message", OutOfStock), ("reply", RemoteFailure), ("type", RemoteFailure)],
)
def test_non_json_reply_is_an_error_and_service_survives(
    client: RpcClient, worker: Actor, where: str, error: type[Exception]
) -> None:
    before = client.call(worker.name, "pid")

    with pytest.raises(error):
        client.call(worker.name, "say_the_unsayable", where=where)

    assert client.call(worker.name, "pid") == before


def test_an_unknown_method_is_said_to_be_unknown(client: RpcClient, worker: Actor) -> None:
    with pytest.raises(RemoteFailure, match="MethodNotFound"):
        client.call(worker.name, "nothing")


def test_call_to_absent_service_ends_at_the_deadline(client: RpcClient) -> None:
    began = time.monotonic()

    with pytest.raises(DeadlineExceeded):
        client.call(f"nobody-{new_id()}", "echo", deadline=0.4)

    assert time.monotonic() - began > 0.35


@pytest.mark.parametrize("body", [b"not json", b"[]", b"3", b'{"args": 3}', b'{"kwargs": []}', b"\xff\xfe"])
def test_malformed_request_is_parked_and_next_is_handled(
    stage: Stage, client: RpcClient, worker: Actor, body: bytes
) -> None:
    before = client.call(worker.name, "pid")

    stage.rabbit.publish(body, f"{worker.name}.echo", "nameko-rpc")

    assert client.call(worker.name, "pid") == before
    assert stage.rabbit.depth(f"rpc-{worker.name}") == 0


def test_a_nested_call_gets_what_is_left_of_the_time(client: RpcClient, front: Actor) -> None:
    assert client.call(front.name, "ask", method="where", arguments={}, deadline=30)["left"] <= 3.0
    assert client.call(front.name, "ask", method="where", arguments={}, deadline=2.9)["left"] <= 2.9
    assert client.call(front.name, "ask_late", seconds=1.0, deadline=3.5)["left"] <= 2.5


def test_when_the_time_is_over_nobody_is_asked(stage: Stage, client: RpcClient, worker: Actor, front: Actor) -> None:
    asked = len([line for line in worker.lines() if line["event"] == "asked_where"])

    with pytest.raises(DeadlineExceeded):
        client.call(front.name, "ask_late", seconds=0.6, deadline=0.3)

    time.sleep(0.5)  # the caller has given up; what it had asked for goes on until then
    client.call(worker.name, "echo")
    assert len([line for line in worker.lines() if line["event"] == "asked_where"]) == asked


def test_a_request_that_comes_too_late_is_not_carried_out(stage: Stage, worker: Actor) -> None:
    what = new_id()
    stage.rabbit.channel.queue_declare(what, exclusive=True)
    stage.rabbit.channel.queue_bind(what, "nameko-rpc", what)

    stage.rabbit.publish(
        {"args": [], "kwargs": {"seconds": 0, "what": what}},
        f"{worker.name}.slow",
        "nameko-rpc",
        reply_to=what,
        correlation_id=what,
        application_headers={"nameko.deadline": time.time() - 0.01},
    )

    answer = stage.rabbit.wait_for(what)
    assert b"DEADLINE_EXCEEDED" in bytes(answer.body, "utf-8") if isinstance(answer.body, str) else answer.body
    assert not any(what in mark for mark in stage.marks(worker))


def test_request_expired_in_the_queue_is_not_executed(stage: Stage, client: RpcClient) -> None:
    """Requests and events share the workers, so that more of them may be here than can be worked on."""
    busy = stage.start("both", ULTRAMARKET_WORKERS="1")
    stage.rabbit.publish(stock_released(new_id()), busy.queue)
    assert stage.wait_for_mark(busy, "ponders")

    with pytest.raises(DeadlineExceeded):
        client.call(busy.name, "slow", seconds=0, deadline=0.3)

    assert client.call(busy.name, "echo", value=1) == 1
    assert stage.marks(busy) == ["ponders"]


def test_the_request_is_known_all_along_the_way(client: RpcClient, worker: Actor, front: Actor) -> None:
    who = {"request_id": new_id(), "user_id": new_id(), "session_id": "s", "traceparent": "00-a-b-01"}

    there = client.call(front.name, "ask", method="where", arguments={}, context=who)

    assert {key: there[key] for key in who} == who
    for actor, event in ((front, "asks"), (worker, "asked_where")):
        [line] = [line for line in actor.lines() if line.get("request_id") == who["request_id"]]
        assert (line["event"], line["user_id"], line["process"]) == (event, who["user_id"], actor.name)


def test_many_threads_each_get_their_own_answer(client: RpcClient, worker: Actor, front: Actor) -> None:
    def ask(number: int) -> Any:
        if number % 2:
            return client.call(worker.name, "echo", value=number)
        return client.call(front.name, "ask", method="echo", arguments={"value": number})

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(ask, range(600))) == list(range(600))


def test_no_pending_replies_remain_after_all_calls(client: RpcClient, front: Actor) -> None:
    with pytest.raises(DeadlineExceeded):
        client.call(front.name, "ask", method="slow", arguments={"seconds": 2}, deadline=0.2)

    assert client._pending == {}
    assert eventually(lambda: client.call(front.name, "pending") == 0)


def test_calls_are_counted_and_timed_by_outcome(client: RpcClient, worker: Actor) -> None:
    import requests

    client.call(worker.name, "pid")

    metrics = requests.get(f"http://127.0.0.1:{worker.port}/metrics", timeout=60).text

    assert f'ultramarket_rpc_seconds_count{{method="pid",outcome="ok",service="{worker.name}"}}' in metrics
    assert f'method="refuse",outcome="OUT_OF_STOCK",service="{worker.name}"' in metrics


def test_a_client_without_a_broker_says_so_at_once() -> None:
    from services.chassis.common.errors import ServiceUnavailable

    lonely = RpcClient(os.environ["ULTRAMARKET_AMQP_URL"].rpartition("@")[0] + "@127.0.0.1:9/none")

    with pytest.raises(ServiceUnavailable):
        lonely.call("anybody", "echo", deadline=0.3)
    lonely.close()
