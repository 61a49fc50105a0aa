"""A service process: start with invalid settings, stop, kill, lost connections."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from services.chassis.common.errors import DomainError, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.chassis.messaging.rpc_client import RpcClient
from tests.service.chassis.conftest import ServiceProcesses, stock_released
from tests.support.proxy import proxy_to
from tests.support.shop import eventually


@pytest.mark.parametrize(
    ("setting", "value"),
    [("WORKERS", "none"), ("AMQP_URL", "localhost"), ("EVENT_RETRY_SECONDS", "1,2"), ("OWN_LIMIT", "0")],
)
def test_invalid_setting_is_named_and_ends_the_process(processes: ServiceProcesses, setting: str, value: str) -> None:
    service = processes.start("worker", ready=False, **{f"ULTRAMARKET_{setting}": value})

    assert service.process.wait(60) == 78
    assert f"ULTRAMARKET_{setting}: " in service.text()
    assert "Traceback" not in service.text()


def test_stop_finishes_the_running_request(processes: ServiceProcesses, client: RpcClient) -> None:
    service = processes.start("worker")
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(client.call, service.name, "slow", seconds=1.5)
        assert processes.wait_for_mark(service, "slow began")

        service.kill(signal.SIGTERM)
        assert eventually(lambda: "stopping" in [line["event"] for line in service.lines()])

        assert running.result() == service.process.pid
        assert service.process.wait(60) == 0
    assert processes.marks(service) == ["slow began", "slow ended"]
    assert processes.rabbit.depth(f"rpc-{service.name}") == 0


def test_stop_waits_ten_seconds_and_then_ends(processes: ServiceProcesses, client: RpcClient) -> None:
    service = processes.start("worker")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.call, service.name, "slow", seconds=600, deadline=1)
        assert processes.wait_for_mark(service, "slow began")
        started = time.monotonic()

        code = service.end()

        assert code == 1
        assert time.monotonic() - started > 8
        assert isinstance(running.exception(), DomainError)


def test_request_of_a_killed_process_is_redelivered(processes: ServiceProcesses, client: RpcClient) -> None:
    name = f"worker-{new_id()}"
    first = processes.start("worker", name)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.call, name, "slow", seconds=0.5, deadline=60)
        assert processes.wait_for_mark(first, "slow began")
        first.kill()

        second = processes.start("worker", name)

        assert running.result() == second.process.pid
    assert processes.marks(first) == ["slow began", "slow began", "slow ended"]


def test_queued_requests_of_stopping_process_are_taken_over(processes: ServiceProcesses, client: RpcClient) -> None:
    name = f"worker-{new_id()}"
    first = processes.start("worker", name, ULTRAMARKET_WORKERS="2")
    second = processes.start("worker", name)
    with ThreadPoolExecutor(40) as pool:
        calls = [pool.submit(client.call, name, "slow", seconds=0.05, deadline=60) for _ in range(200)]
        first.kill(signal.SIGTERM)

        pids = {call.result() for call in calls}

    assert first.process.wait(60) == 0
    assert second.process.pid in pids


@pytest.mark.parametrize("kind", ["worker", "listener"])
def test_health_names_each_dependency_and_its_state(processes: ServiceProcesses, kind: str) -> None:
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy:
        service = processes.start(kind, ULTRAMARKET_AMQP_URL=proxy.url)
        up = {"status": "ready", "service": service.name, "dependencies": {"started": "up", "rabbitmq": "up"}}
        assert service.health() == service.health("/health") == up

        proxy.cut()

        assert eventually(lambda: service.health()["dependencies"]["rabbitmq"] == "down")
        assert requests.get(f"http://127.0.0.1:{service.port}/health/ready", timeout=60).status_code == 503
        assert service.health("/health/live") == {"status": "live", "service": service.name}
        proxy.restore()
        assert eventually(service.is_ready)
        assert requests.get(f"http://127.0.0.1:{service.port}/nothing", timeout=60).status_code == 404


def test_service_survives_lost_connections_under_load(processes: ServiceProcesses) -> None:
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy:
        worker = processes.start("worker", ULTRAMARKET_AMQP_URL=proxy.url)
        caller = processes.start("caller", ULTRAMARKET_AMQP_URL=proxy.url, OTHER=worker.name)
        client = RpcClient(os.environ["ULTRAMARKET_AMQP_URL"])

        def call_succeeds(number: int) -> bool:
            """Whether the call returned the right value; a failed call is repeated."""
            for _ in range(20):
                try:
                    arguments = {"method": "echo", "arguments": {"value": number}}
                    return bool(client.call(caller.name, "forward", deadline=1.0, **arguments) == number)
                except DomainError:
                    continue
            return False

        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(call_succeeds, number) for number in range(400)]
            for _ in range(3):
                time.sleep(0.3)  # somewhere in the middle of the calls
                proxy.drop()
            assert all(call.result() for call in calls)

        assert worker.process.poll() is None
        assert caller.process.poll() is None
        client.close()


def test_lost_connection_ends_calls_and_is_reopened(processes: ServiceProcesses) -> None:
    worker = processes.start("worker")
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy, ThreadPoolExecutor(4) as pool:
        client = RpcClient(proxy.url)
        assert client.call(worker.name, "echo", value=1) == 1
        pending = [pool.submit(client.call, worker.name, "slow", seconds=60, deadline=120) for _ in range(4)]
        assert processes.wait_for_mark(worker, "slow began")

        proxy.cut()

        assert {type(call.exception()) for call in pending} == {ServiceUnavailable}
        with pytest.raises(ServiceUnavailable):
            client.call(worker.name, "echo", value=2)
        assert not client.connected
        proxy.restore()
        assert eventually(lambda: client.connected)
        assert client.call(worker.name, "echo", value=3) == 3
        client.close()


def test_closed_client_ends_calls_and_connections(processes: ServiceProcesses) -> None:
    worker = processes.start("worker")
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy, ThreadPoolExecutor(1) as pool:
        client = RpcClient(proxy.url)
        pending = pool.submit(client.call, worker.name, "slow", seconds=60, deadline=120)
        assert processes.wait_for_mark(worker, "slow began")

        client.close()

        assert isinstance(pending.exception(), ServiceUnavailable)
        assert eventually(lambda: not proxy.connections)
        with pytest.raises(ServiceUnavailable):
            client.call(worker.name, "echo", deadline=0.2)


def test_duplicate_reply_is_ignored(processes: ServiceProcesses, client: RpcClient) -> None:
    """A redelivered request is answered twice; the first reply may not even have been read yet."""
    name = f"stutterer-{new_id()}"
    channel = processes.rabbit.channel
    channel.queue_declare(f"rpc-{name}", auto_delete=True)
    channel.queue_bind(f"rpc-{name}", "nameko-rpc", f"{name}.*")
    worker = processes.start("worker")
    with ThreadPoolExecutor(1) as pool:
        for number in range(100):
            call = pool.submit(client.call, name, "anything", deadline=60)
            request = processes.rabbit.wait_for(f"rpc-{name}")
            properties = request.properties
            for body in (b'{"result": %d, "error": null}' % number, b'{"result": -1, "error": null}'):
                processes.rabbit.send(
                    body, properties["reply_to"], "nameko-rpc", correlation_id=properties["correlation_id"]
                )
            assert call.result() in (number, -1)

    assert client.call(worker.name, "echo", value=1) == 1


def test_timer_runs_never_overlap_and_survive_errors(processes: ServiceProcesses) -> None:
    service = processes.start("ticker")

    assert processes.wait_for_mark(service, "5 ended")

    marks = processes.marks(service)[:10]
    assert marks == [f"{number} {phase}" for number in range(1, 6) for phase in ("began", "ended")]
    assert service.process.poll() is None


def test_event_consumer_survives_lost_connections(processes: ServiceProcesses) -> None:
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy:
        service = processes.start("listener", ULTRAMARKET_AMQP_URL=proxy.url)
        for number in range(60):
            if number % 20 == 10:
                proxy.drop()
            processes.rabbit.publish(stock_released("o", number), service.queue)

        handled = lambda: {int(mark.split()[2]) for mark in processes.marks(service) if mark.startswith("first")}  # noqa: E731
        assert eventually(lambda: handled() == set(range(60)))
        assert service.process.poll() is None
