"""What an operator's Prometheus reads from a service."""

import requests

from services.chassis.messaging.rpc_client import RpcClient
from tests.service.chassis.conftest import Stage


def test_calls_workers_and_queues_are_measured(stage: Stage, client: RpcClient) -> None:
    worker = stage.start("worker")
    client.call(worker.name, "echo", value=1)

    lines = requests.get(f"http://127.0.0.1:{worker.port}/metrics", timeout=60).text.splitlines()

    label = f'service="{worker.name}"'
    assert f'ultramarket_rpc_seconds_count{{method="echo",outcome="ok",{label}}} 1.0' in lines
    assert f'ultramarket_queue_depth{{queue="rpc-{worker.name}",{label}}} 0.0' in lines
