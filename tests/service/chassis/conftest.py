"""Small services as processes on the instance's real servers."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
import requests

from services.chassis.common.ids import new_id
from services.chassis.messaging.rpc_client import RpcClient
from tests.support.process_template import ForkedProcess, ProcessTemplate
from tests.support.rabbit import Rabbit, rabbit
from tests.support.shop import eventually


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def stock_released(subject: str, number: int = 0, **changes: Any) -> dict[str, Any]:
    """The envelope of an `order_stock_released`, of an order that doesn't exist."""
    return {
        "specversion": "1.0",
        "id": new_id(),
        "source": "/orders",
        "type": "order_stock_released",
        "subject": subject,
        "time": datetime.now(UTC).isoformat(),
        "sequence": number,
        "data": {"order_id": subject},
    } | changes


class ServiceProcess:
    """One process that runs a service, with its log and queue."""

    def __init__(self, name: str, port: int, process: "ForkedProcess | subprocess.Popen[bytes]", log: Path) -> None:
        self.name, self.port, self.process, self.log = name, port, process, log

    @property
    def queue(self) -> str:
        return f"evt-{self.name}"

    def health(self, path: str = "/health/ready") -> dict[str, Any]:
        try:
            return dict(requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=60).json())
        except requests.RequestException:
            return {}

    def is_ready(self) -> bool:
        return self.health().get("status") == "ready"

    def lines(self) -> list[dict[str, Any]]:
        """Its log lines."""
        lines = self.log.read_bytes().splitlines()
        return [orjson.loads(line) for line in lines if line.startswith(b"{")]

    def text(self) -> str:
        return self.log.read_text()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 60) -> int:
        """Ask the process to stop, and return its exit code."""
        self.kill(number)
        return self.process.wait(seconds)


class ServiceProcesses:
    """Starts service processes and stops all of them at the end."""

    def __init__(self, folder: Path, broker: Rabbit) -> None:
        self.folder, self.rabbit = folder, broker
        self.template = ProcessTemplate()
        self.redis = redis.Redis.from_url(os.environ["ULTRAMARKET_REDIS_URL"], decode_responses=True)
        self.started: list[ServiceProcess] = []

    def start(self, kind: str, name: str | None = None, ready: bool = True, **environment: str) -> ServiceProcess:
        """Start a service of `small_services.KINDS`; returns when it is ready."""
        name, port = name or f"{kind}-{new_id()}", free_port()
        service = self.fork("tests.service.chassis.small_services", [kind, name, str(port)], name, port, environment)
        if ready:
            assert eventually(service.is_ready), service.lines()
        return service

    def start_recorders(self, names: list[str], **environment: str) -> dict[str, ServiceProcess]:
        """Start one process with the event handlers of these services (`recorders`), each under a name of its own."""
        suffix, ports = new_id(), {name: free_port() for name in names}
        pairs = [f"{name}:{port}" for name, port in ports.items()]
        process = self.fork("tests.service.chassis.recorders", [suffix, *pairs], suffix, 0, environment)
        recorders = {
            name: ServiceProcess(f"{name}-{suffix}", port, process.process, process.log) for name, port in ports.items()
        }
        self.started += recorders.values()
        assert eventually(lambda: all(each.is_ready() for each in recorders.values())), process.text()
        return recorders

    def start_stock_nameko(self, other: str) -> ServiceProcess:
        """Start a service of stock Nameko, which has no health endpoint."""
        name = f"stock-{new_id()}"
        nameko = str(Path(sys.executable).with_name("nameko"))
        command = [nameko, "run", "--broker", os.environ["ULTRAMARKET_AMQP_URL"], "tests.service.chassis.stock"]
        return self._spawn(command, name, 0, {"NAME": name, "OTHER": other})

    def marks(self, service: ServiceProcess) -> list[str]:
        return list(self.redis.lrange(f"marks:{service.name}", 0, -1))  # type: ignore[arg-type]

    def wait_for_mark(self, service: ServiceProcess, text: str) -> bool:
        return bool(eventually(lambda: any(text in mark for mark in self.marks(service))))

    def close(self) -> None:
        for service in self.started:
            if service.process.poll() is None:
                service.process.terminate()
        for service in self.started:
            try:
                service.process.wait(60)
            except subprocess.TimeoutExpired:
                service.kill()
                service.process.wait()
            for queue in (f"rpc-{service.name}", service.queue, f"{service.queue}.dead", f"{service.queue}.stream"):
                self.rabbit.channel.queue_delete(queue)
            for key in self.redis.scan_iter(f"*:{service.name}*"):
                self.redis.delete(key)
        self.redis.close()
        self.template.close()

    def fork(
        self, module: str, arguments: list[str], name: str, port: int, environment: dict[str, str]
    ) -> ServiceProcess:
        """Start a process that runs a module of the tests."""
        log = self._new_log(name)
        process = self.template.start(module, arguments, os.environ | environment, log)
        self.started.append(ServiceProcess(name, port, process, log))
        return self.started[-1]

    def _spawn(self, command: list[str], name: str, port: int, environment: dict[str, str]) -> ServiceProcess:
        log = self._new_log(name)
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=os.environ | environment, stdout=out, stderr=subprocess.STDOUT)
        self.started.append(ServiceProcess(name, port, process, log))
        return self.started[-1]

    def _new_log(self, name: str) -> Path:
        log = self.folder / f"{name}-{len(self.started)}.log"
        log.touch()
        return log


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcesses]:
    with rabbit() as broker:
        processes = ServiceProcesses(tmp_path_factory.mktemp("processes"), broker)
        yield processes
        processes.close()


@pytest.fixture(scope="module")
def client() -> Iterator[RpcClient]:
    client = RpcClient(os.environ["ULTRAMARKET_AMQP_URL"])
    yield client
    client.close()
