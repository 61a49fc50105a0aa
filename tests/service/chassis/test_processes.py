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
from tests.service.chassis.conftest import Stage, stock_released
from tests.support.proxy import proxy_to
from tests.support.shop import eventually


@pytest.mark.parametrize(
    ("setting", "value"),
    [("WORKERS", "none"), ("AMQP_URL", "localhost"), ("EVENT_RETRY_SECONDS", "1,2"), ("OWN_LIMIT", "0")],
)
def test_invalid_setting_is_named_and_ends_the_process(stage: Stage, setting: str, value: str) -> None:
    actor = stage.start("worker", ready=False, **{f"ULTRAMARKET_{setting}": value})

    assert actor.process.wait(60) == 78
    assert f"ULTRAMARKET_{setting}: " in actor.text()
    assert "Traceback" not in actor.text()


def test_stop_finishes_the_running_request(stage: Stage, client: RpcClient) -> None:
    actor = stage.start("worker")
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(client.call, actor.name, "slow", seconds=1.5)
        assert stage.wait_for_mark(actor, "slow began")

        actor.kill(signal.SIGTERM)
        assert eventually(lambda: "stopping" in [line["event"] for line in actor.lines()])

        assert running.result() == actor.process.pid
        assert actor.process.wait(60) == 0
    assert stage.marks(actor) == ["slow began", "slow ended"]
    assert stage.rabbit.depth(f"rpc-{actor.name}") == 0


def test_stop_waits_ten_seconds_and_then_ends(stage: Stage, client: RpcClient) -> None:
    actor = stage.start("worker")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.call, actor.name, "slow", seconds=600, deadline=1)
        assert stage.wait_for_mark(actor, "slow began")
        began = time.monotonic()

        code = actor.end()

        assert code == 1
        assert time.monotonic() - began > 8
        assert isinstance(running.exception(), DomainError)


def test_request_of_a_killed_process_is_redelivered(stage: Stage, client: RpcClient) -> None:
    name = f"worker-{new_id()}"
    first = stage.start("worker", name)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.call, name, "slow", seconds=0.5, deadline=60)
        assert stage.wait_for_mark(first, "slow began")
        first.kill()

        second = stage.start("worker", name)

        assert running.result() == second.process.pid
    assert stage.marks(first) == ["slow began", "slow began", "slow ended"]


def test_waiting_requests_of_a_stopping_process_move_on(stage: Stage, client: RpcClient) -> None:
    name = f"worker-{new_id()}"
    first = stage.start("worker", name, ULTRAMARKET_WORKERS="2")
    second = stage.start("worker", name)
    with ThreadPoolExecutor(40) as pool:
        calls = [pool.submit(client.call, name, "slow", seconds=0.05, deadline=60) for _ in range(200)]
        first.kill(signal.SIGTERM)

        answers = {call.result() for call in calls}

    assert first.process.wait(60) == 0
    assert second.process.pid in answers


@pytest.mark.parametrize("kind", ["worker", "listener"])
def test_health_names_each_dependency_and_its_state(stage: Stage, kind: str) -> None:
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy:
        actor = stage.start(kind, ULTRAMARKET_AMQP_URL=proxy.url)
        up = {"status": "ready", "service": actor.name, "dependencies": {"started": "up", "rabbitmq": "up"}}
        assert actor.health() == actor.health("/health") == up

        proxy.cut()

        assert eventually(lambda: actor.health()["dependencies"]["rabbitmq"] == "down")
        assert requests.get(f"http://127.0.0.1:{actor.port}/health/ready", timeout=60).status_code == 503
        assert actor.health("/health/live") == {"status": "live", "service": actor.name}
        proxy.mend()
        assert eventually(actor.is_ready)
        assert requests.get(f"http://127.0.0.1:{actor.port}/nothing", timeout=60).status_code == 404


def test_service_survives_lost_connections_under_load(stage: Stage) -> None:
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy:
        worker = stage.start("worker", ULTRAMARKET_AMQP_URL=proxy.url)
        front = stage.start("front", ULTRAMARKET_AMQP_URL=proxy.url, OTHER=worker.name)
        client = RpcClient(os.environ["ULTRAMARKET_AMQP_URL"])

        def ask(number: int) -> bool:
            """Whether it was answered, and rightly; a call may be missed, and is then made again."""
            for _ in range(20):
                try:
                    arguments = {"method": "echo", "arguments": {"value": number}}
                    return bool(client.call(front.name, "ask", deadline=1.0, **arguments) == number)
                except DomainError:
                    continue
            return False

        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(ask, number) for number in range(400)]
            for _ in range(3):
                time.sleep(0.3)  # somewhere in the middle: that is the point
                proxy.drop()
            assert all(call.result() for call in calls)

        assert worker.process.poll() is None
        assert front.process.poll() is None
        client.close()


def test_lost_connection_ends_waiting_calls_and_is_made_again(stage: Stage) -> None:
    worker = stage.start("worker")
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy, ThreadPoolExecutor(4) as pool:
        client = RpcClient(proxy.url)
        assert client.call(worker.name, "echo", value=1) == 1
        waiting = [pool.submit(client.call, worker.name, "slow", seconds=60, deadline=120) for _ in range(4)]
        assert stage.wait_for_mark(worker, "slow began")

        proxy.cut()

        assert {type(call.exception()) for call in waiting} == {ServiceUnavailable}
        with pytest.raises(ServiceUnavailable):
            client.call(worker.name, "echo", value=2)
        assert not client.connected
        proxy.mend()
        assert eventually(lambda: client.connected)
        assert client.call(worker.name, "echo", value=3) == 3
        client.close()


def test_closed_client_ends_calls_and_connections(stage: Stage) -> None:
    worker = stage.start("worker")
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy, ThreadPoolExecutor(1) as pool:
        client = RpcClient(proxy.url)
        waiting = pool.submit(client.call, worker.name, "slow", seconds=60, deadline=120)
        assert stage.wait_for_mark(worker, "slow began")

        client.close()

        assert isinstance(waiting.exception(), ServiceUnavailable)
        assert eventually(lambda: not proxy.connections)
        with pytest.raises(ServiceUnavailable):
            client.call(worker.name, "echo", deadline=0.2)


def test_duplicate_reply_is_ignored(stage: Stage, client: RpcClient) -> None:
    """A request that was delivered again is answered again; the first answer may not even have been picked up."""
    name = f"stutterer-{new_id()}"
    channel = stage.rabbit.channel
    channel.queue_declare(f"rpc-{name}", auto_delete=True)
    channel.queue_bind(f"rpc-{name}", "nameko-rpc", f"{name}.*")
    worker = stage.start("worker")
    with ThreadPoolExecutor(1) as pool:
        for number in range(100):
            call = pool.submit(client.call, name, "anything", deadline=60)
            request = stage.rabbit.wait_for(f"rpc-{name}")
            properties = request.properties
            for body in (b'{"result": %d, "error": null}' % number, b'{"result": -1, "error": null}'):
                stage.rabbit.send(
                    body, properties["reply_to"], "nameko-rpc", correlation_id=properties["correlation_id"]
                )
            assert call.result() in (number, -1)

    assert client.call(worker.name, "echo", value=1) == 1


def test_timer_runs_never_overlap_and_survive_errors(stage: Stage) -> None:
    actor = stage.start("ticker")

    assert stage.wait_for_mark(actor, "5 ended")

    marks = stage.marks(actor)[:10]
    assert marks == [f"{number} {what}" for number in range(1, 6) for what in ("began", "ended")]
    assert actor.process.poll() is None


def test_event_consumer_survives_lost_connections(stage: Stage) -> None:
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy:
        actor = stage.start("listener", ULTRAMARKET_AMQP_URL=proxy.url)
        for number in range(60):
            if number % 20 == 10:
                proxy.drop()
            stage.rabbit.publish(stock_released("o", number), actor.queue)

        heard = lambda: {int(mark.split()[2]) for mark in stage.marks(actor) if mark.startswith("first")}  # noqa: E731
        assert eventually(lambda: heard() == set(range(60)))
        assert actor.process.poll() is None
