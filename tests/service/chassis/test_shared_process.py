"""Two services in one process: crash, stop, start and blocking of one, seen from the other."""

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from services.chassis.common.errors import DomainError
from services.chassis.common.ids import new_id
from services.chassis.messaging.rpc_client import RpcClient
from tests.service.chassis.conftest import ServiceProcess, ServiceProcesses, free_port
from tests.support.shop import eventually


@dataclass
class Pair:
    """The process, its control socket, and the names and ports of its services."""

    processes: ServiceProcesses
    steady: ServiceProcess
    fragile_port: int
    socket_path: Path

    @property
    def fragile(self) -> str:
        return f"{self.steady.name}-fragile"

    def control(self, method: str, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.connect(str(self.socket_path))
        connection.request(method, path)
        body: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return body

    def state(self) -> dict[str, Any]:
        """State and restarts of the fragile service."""
        services: dict[str, Any] = self.control("GET", "/")["services"]
        return dict(services[self.fragile])

    def fragile_health(self) -> dict[str, Any]:
        return dict(requests.get(f"http://127.0.0.1:{self.fragile_port}/health/ready", timeout=60).json())


def start(processes: ServiceProcesses, socket_path: Path, name: str) -> Pair:
    stable_port, fragile_port = free_port(), free_port()
    arguments = [name, str(stable_port), str(fragile_port)]
    environment = {"ULTRAMARKET_CONTROL_SOCKET": str(socket_path)}
    service = processes.fork("tests.service.chassis.pair", arguments, name, stable_port, environment)
    assert eventually(service.is_ready, 20), service.text()
    return Pair(processes, service, fragile_port, socket_path)


@pytest.fixture
def pair(processes: ServiceProcesses, tmp_path: Path) -> Iterator[Pair]:
    pair = start(processes, tmp_path / "pair.sock", f"pair-{new_id()}")
    yield pair
    pair.steady.end()
    processes.rabbit.channel.queue_delete(f"rpc-{pair.fragile}")


def test_crashed_service_restarts_alone(pair: Pair, client: RpcClient) -> None:
    pid = client.call(pair.steady.name, "pid")

    client.call(pair.fragile, "crash_now")

    assert eventually(lambda: pair.state() == {"state": "running", "restarts": 1}, 20), pair.state()
    assert client.call(pair.fragile, "pid", deadline=60) == pid
    assert client.call(pair.steady.name, "pid") == pid
    [crash] = [line for line in pair.steady.lines() if line["event"] == "service_crashed"]
    assert crash["service"] == pair.fragile
    assert "crash on demand" in crash["error"]
    metrics = requests.get(f"http://127.0.0.1:{pair.steady.port}/metrics", timeout=60).text
    assert f'ultramarket_service_restarts_total{{service="{pair.fragile}"}} 1.0' in metrics


def test_stopped_service_takes_no_requests(pair: Pair, client: RpcClient) -> None:
    reply = pair.control("POST", f"/{pair.fragile}/stop")

    assert reply == {"service": pair.fragile, "state": "stopped"}
    assert pair.fragile_health()["dependencies"] == {"started": "stopped"}
    with pytest.raises(DomainError):
        client.call(pair.fragile, "pid", deadline=0.5)
    assert client.call(pair.steady.name, "pid") == pair.steady.process.pid


def test_stopped_service_is_started_again(pair: Pair, client: RpcClient) -> None:
    pair.control("POST", f"/{pair.fragile}/stop")

    reply = pair.control("POST", f"/{pair.fragile}/start")

    assert reply["state"] == "running"
    assert client.call(pair.fragile, "pid", deadline=60) == pair.steady.process.pid
    assert pair.fragile_health()["status"] == "ready"


def test_stopped_service_stays_stopped_after_a_crash(pair: Pair, client: RpcClient) -> None:
    pair.control("POST", f"/{pair.fragile}/stop")
    pair.steady.kill()
    pair.steady.process.wait()

    again = start(pair.processes, pair.socket_path, pair.steady.name)

    assert again.state() == {"state": "stopped", "restarts": 0}
    assert client.call(again.steady.name, "pid", deadline=60) == again.steady.process.pid
    again.steady.end()


def test_control_socket_belongs_to_its_owner_alone(pair: Pair) -> None:
    assert pair.socket_path.stat().st_mode & 0o777 == 0o600
    assert pair.control("POST", "/nosuch/stop") == {"error": "not found"}
    assert pair.control("GET", f"/{pair.fragile}/stop") == {"error": "not found"}


def test_blocking_handler_is_named(pair: Pair, client: RpcClient) -> None:
    client.call(pair.fragile, "block", seconds=2.5, deadline=15)

    block_lines = [line for line in pair.steady.lines() if line["event"] == "hub_blocked"]
    assert {(line["service"], line["method"]) for line in block_lines} == {(pair.fragile, "block")}
    assert "pair.py" in block_lines[0]["line"]
    assert pair.control("GET", "/")["hub_lag_seconds"] > 2
    metrics = requests.get(f"http://127.0.0.1:{pair.steady.port}/metrics", timeout=60).text
    [lag] = [line for line in metrics.splitlines() if line.startswith("ultramarket_hub_lag_seconds ")]
    assert float(lag.split()[1]) > 2


def test_log_lines_name_the_service(pair: Pair, client: RpcClient) -> None:
    client.call(pair.fragile, "crash_now")

    assert eventually(lambda: any(line["event"] == "service_crashed" for line in pair.steady.lines()), 20)
    assert pair.fragile in {line.get("service") for line in pair.steady.lines()}
