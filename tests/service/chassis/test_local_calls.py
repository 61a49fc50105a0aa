"""Calls between two services of one process, without the broker: as those through it, as far as a caller can see."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from services.chassis.common.errors import DeadlineExceeded, DomainError, OutOfStock, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.chassis.messaging.rpc_client import RpcClient
from tests.service.chassis.conftest import ServiceProcesses
from tests.service.chassis.test_shared_process import Pair, start
from tests.support.shop import eventually


@pytest.fixture(params=["true", "false"], ids=["local", "broker"])
def pair(
    processes: ServiceProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Pair]:
    monkeypatch.setenv("ULTRAMARKET_LOCAL_CALLS", request.param)
    monkeypatch.setenv("ULTRAMARKET_WORKERS", "2")
    pair = start(processes, tmp_path / "pair.sock", f"pair-{new_id()}")
    yield pair
    pair.steady.end()
    processes.rabbit.channel.queue_delete(f"rpc-{pair.fragile}")


@pytest.fixture
def forward(pair: Pair, client: RpcClient) -> Any:
    """Call a method of the fragile service through the steady one."""

    def call(method: str, deadline: float = 30, context: dict[str, Any] | None = None, **arguments: Any) -> Any:
        return client.call(
            pair.steady.name, "forward", deadline=deadline, context=context, method=method, arguments=arguments
        )

    return call


def test_call_behaves_as_one_through_the_broker(pair: Pair, forward: Any) -> None:
    assert forward("pid") == pair.steady.process.pid
    carried = forward("get_context", deadline=1.5, context={"request_id": "r-1", "user_id": "u-1"})
    assert (carried["request_id"], carried["user_id"]) == ("r-1", "u-1")
    assert 0 < carried["left"] <= 1.5
    with pytest.raises(OutOfStock) as refused:
        forward("refuse", value={"a": [1, None]})
    assert (refused.value.message, refused.value.details) == ("There is too little", [{"value": {"a": [1, None]}}])
    with pytest.raises(DeadlineExceeded):
        forward("sleep", seconds=5)


def test_call_waits_for_a_free_worker(pair: Pair, client: RpcClient, forward: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(client.call, pair.fragile, "sleep", seconds=1, deadline=30) for _ in range(2)]
        assert forward("pid") == pair.steady.process.pid
        assert [each.result() for each in busy] == [pair.steady.process.pid] * 2


def test_killed_service_ends_the_calls_to_it(pair: Pair, client: RpcClient, forward: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(forward, "sleep", seconds=1.8)
        client.call(pair.fragile, "crash_now")
        with pytest.raises(DomainError) as ended:
            call.result()

    assert isinstance(ended.value, ServiceUnavailable | DeadlineExceeded)
    assert eventually(lambda: pair.state() == {"state": "running", "restarts": 1}, 20), pair.state()
    assert forward("pid") == pair.steady.process.pid


def test_stopped_service_is_not_called_locally(pair: Pair, forward: Any) -> None:
    pair.control("POST", f"/{pair.fragile}/stop")
    with pytest.raises(DeadlineExceeded):
        forward("pid", deadline=1)

    pair.control("POST", f"/{pair.fragile}/start")

    assert forward("pid") == pair.steady.process.pid
