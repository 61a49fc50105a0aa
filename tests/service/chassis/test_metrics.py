"""Prometheus metrics of a service process."""

import requests

from services.chassis.messaging.rpc_client import RpcClient
from tests.service.chassis.conftest import ServiceProcesses


def test_metrics_have_calls_and_queue_depth(processes: ServiceProcesses, client: RpcClient) -> None:
    worker = processes.start("worker")
    client.call(worker.name, "echo", value=1)

    lines = requests.get(f"http://127.0.0.1:{worker.port}/metrics", timeout=60).text.splitlines()

    label = f'service="{worker.name}"'
    assert f'ultramarket_rpc_seconds_count{{method="echo",outcome="ok",{label}}} 1.0' in lines
    assert f'ultramarket_queue_depth{{queue="rpc-{worker.name}",{label}}} 0.0' in lines
