"""RPC between processes: typed arguments and replies, errors, deadlines, and the propagated context."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from services.chassis.common.errors import DeadlineExceeded, OutOfStock, RemoteFailure, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.messaging.rpc_client import RpcClient
from tests.service.chassis.conftest import ServiceProcess, ServiceProcesses, stock_released
from tests.support.shop import eventually


@pytest.fixture(scope="module")
def worker(processes: ServiceProcesses) -> ServiceProcess:
    return processes.start("worker")


@pytest.fixture(scope="module")
def caller(processes: ServiceProcesses, worker: ServiceProcess) -> ServiceProcess:
    return processes.start("caller", OTHER=worker.name)


def test_values_round_trip_unchanged(client: RpcClient, worker: ServiceProcess) -> None:
    for value in (None, 0, "é ☕", [1, {"a": [True, None]}], {"amount": 10**15}, "x" * 500_000):
        assert client.call(worker.name, "echo", value=value) == value


def test_arguments_and_replies_are_checked_by_signature(client: RpcClient, worker: ServiceProcess) -> None:
    assert client.call(worker.name, "add", sku="MUG", quantity=2) == {"sku": "MUG", "quantity": 2}

    with pytest.raises(ValidationFailed) as refused:
        client.call(worker.name, "add", sku="MUG", quantity=0)

    assert [detail["field"] for detail in refused.value.details] == ["quantity"]


@pytest.mark.parametrize("route", ["straight", "through another service"])
def test_error_keeps_its_type_and_details(
    client: RpcClient, worker: ServiceProcess, caller: ServiceProcess, route: str
) -> None:
    service, method, arguments = {
        "straight": (worker.name, "refuse", {"sku": "MUG"}),
        "through another service": (caller.name, "forward", {"method": "refuse", "arguments": {"sku": "MUG"}}),
    }[route]

    with pytest.raises(OutOfStock) as refused:
        client.call(service, method, **arguments)

    assert refused.value.message == "Only 2 of MUG available"
    assert refused.value.details == [{"sku": "MUG", "requested": 3, "available": 2}]


def test_remote_bug_is_a_failure_without_internals(client: RpcClient, caller: ServiceProcess) -> None:
    with pytest.raises(RemoteFailure) as failed:
        client.call(caller.name, "forward", method="raise_bug", arguments={})

    assert failed.value.status == 500


@pytest.mark.parametrize(
    ("part", "error"),
    [("details", OutOfStock), ("message", OutOfStock), ("reply", RemoteFailure), ("type", RemoteFailure)],
)
def test_non_json_reply_is_an_error_and_service_survives(
    client: RpcClient, worker: ServiceProcess, part: str, error: type[Exception]
) -> None:
    before = client.call(worker.name, "pid")

    with pytest.raises(error):
        client.call(worker.name, "reply_non_json", part=part)

    assert client.call(worker.name, "pid") == before


def test_unknown_method_is_a_remote_failure(client: RpcClient, worker: ServiceProcess) -> None:
    with pytest.raises(RemoteFailure, match="MethodNotFound"):
        client.call(worker.name, "nothing")


def test_call_to_absent_service_ends_at_the_deadline(client: RpcClient) -> None:
    started = time.monotonic()

    with pytest.raises(DeadlineExceeded):
        client.call(f"nobody-{new_id()}", "echo", deadline=0.4)

    assert time.monotonic() - started > 0.35


@pytest.mark.parametrize("body", [b"not json", b"[]", b"3", b'{"args": 3}', b'{"kwargs": []}', b"\xff\xfe"])
def test_malformed_request_is_parked_and_next_is_handled(
    processes: ServiceProcesses, client: RpcClient, worker: ServiceProcess, body: bytes
) -> None:
    before = client.call(worker.name, "pid")

    processes.rabbit.publish(body, f"{worker.name}.echo", "nameko-rpc")

    assert client.call(worker.name, "pid") == before
    assert processes.rabbit.depth(f"rpc-{worker.name}") == 0


def test_nested_call_gets_the_remaining_time(client: RpcClient, caller: ServiceProcess) -> None:
    assert client.call(caller.name, "forward", method="get_context", arguments={}, deadline=30)["left"] <= 3.0
    assert client.call(caller.name, "forward", method="get_context", arguments={}, deadline=2.9)["left"] <= 2.9
    assert client.call(caller.name, "forward_after", seconds=1.0, deadline=3.5)["left"] <= 2.5


def test_no_call_is_made_after_the_deadline(
    processes: ServiceProcesses, client: RpcClient, worker: ServiceProcess, caller: ServiceProcess
) -> None:
    before = len([line for line in worker.lines() if line["event"] == "context_requested"])

    with pytest.raises(DeadlineExceeded):
        client.call(caller.name, "forward_after", seconds=0.6, deadline=0.3)

    time.sleep(0.5)  # the caller has given up; its request to the other service goes on until then
    client.call(worker.name, "echo")
    assert len([line for line in worker.lines() if line["event"] == "context_requested"]) == before


def test_request_received_after_its_deadline_is_not_executed(
    processes: ServiceProcesses, worker: ServiceProcess
) -> None:
    reply_queue = new_id()
    processes.rabbit.channel.queue_declare(reply_queue, exclusive=True)
    processes.rabbit.channel.queue_bind(reply_queue, "nameko-rpc", reply_queue)

    processes.rabbit.publish(
        {"args": [], "kwargs": {"seconds": 0, "what": reply_queue}},
        f"{worker.name}.slow",
        "nameko-rpc",
        reply_to=reply_queue,
        correlation_id=reply_queue,
        application_headers={"nameko.deadline": time.time() - 0.01},
    )

    reply = processes.rabbit.wait_for(reply_queue)
    assert b"DEADLINE_EXCEEDED" in bytes(reply.body, "utf-8") if isinstance(reply.body, str) else reply.body
    assert not any(reply_queue in mark for mark in processes.marks(worker))


def test_request_of_caller_with_wrong_clock_is_executed(processes: ServiceProcesses) -> None:
    service = processes.start("worker")
    reply_queue = processes.rabbit.channel.queue_declare("", exclusive=True).queue
    processes.rabbit.channel.queue_bind(reply_queue, "nameko-rpc", reply_queue)

    processes.rabbit.send(
        b'{"args": [], "kwargs": {}}',
        f"{service.name}.get_context",
        "nameko-rpc",
        reply_to=reply_queue,
        application_headers={"nameko.deadline": time.time() - 3600, "nameko.remaining": 7.0},
    )

    reply = orjson.loads(processes.rabbit.wait_for(reply_queue).body)
    assert reply["error"] is None
    assert 6 < reply["result"]["left"] <= 7


def test_request_expired_in_the_queue_is_not_executed(processes: ServiceProcesses, client: RpcClient) -> None:
    """Requests and events share the workers, so that more of them may be queued in the process than it handles."""
    service = processes.start("worker_with_events", ULTRAMARKET_WORKERS="1")
    processes.rabbit.publish(stock_released(new_id()), service.queue)
    assert processes.wait_for_mark(service, "handling")

    with pytest.raises(DeadlineExceeded):
        client.call(service.name, "slow", seconds=0, deadline=0.3)

    assert client.call(service.name, "echo", value=1) == 1
    assert set(processes.marks(service)) == {"handling"}  # once, or again where the machine was too slow for Redis


def test_context_is_propagated_to_nested_calls(
    client: RpcClient, worker: ServiceProcess, caller: ServiceProcess
) -> None:
    context = {"request_id": new_id(), "user_id": new_id(), "session_id": "s", "traceparent": "00-a-b-01"}

    received = client.call(caller.name, "forward", method="get_context", arguments={}, context=context)

    assert {key: received[key] for key in context} == context
    for service, event in ((caller, "forwarding"), (worker, "context_requested")):
        [line] = [line for line in service.lines() if line.get("request_id") == context["request_id"]]
        assert (line["event"], line["user_id"], line["process"]) == (event, context["user_id"], service.name)


def test_concurrent_calls_get_their_own_replies(
    client: RpcClient, worker: ServiceProcess, caller: ServiceProcess
) -> None:
    def call(number: int) -> Any:
        if number % 2:
            return client.call(worker.name, "echo", value=number)
        return client.call(caller.name, "forward", method="echo", arguments={"value": number})

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(call, range(600))) == list(range(600))


def test_no_pending_replies_remain_after_all_calls(client: RpcClient, caller: ServiceProcess) -> None:
    with pytest.raises(DeadlineExceeded):
        client.call(caller.name, "forward", method="slow", arguments={"seconds": 2}, deadline=0.2)

    assert client._pending == {}
    assert eventually(lambda: client.call(caller.name, "pending") == 0)


def test_calls_are_counted_and_timed_by_outcome(client: RpcClient, worker: ServiceProcess) -> None:
    import requests

    client.call(worker.name, "pid")

    metrics = requests.get(f"http://127.0.0.1:{worker.port}/metrics", timeout=60).text

    assert f'ultramarket_rpc_seconds_count{{method="pid",outcome="ok",service="{worker.name}"}}' in metrics
    assert f'method="refuse",outcome="OUT_OF_STOCK",service="{worker.name}"' in metrics


def test_client_without_broker_fails_at_once() -> None:
    from services.chassis.common.errors import ServiceUnavailable

    disconnected = RpcClient(os.environ["ULTRAMARKET_AMQP_URL"].rpartition("@")[0] + "@127.0.0.1:9/none")

    with pytest.raises(ServiceUnavailable):
        disconnected.call("anybody", "echo", deadline=0.3)
    disconnected.close()
