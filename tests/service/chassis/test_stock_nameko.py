"""Interoperability with stock Nameko in both directions: the same queues, exchanges and JSON."""

import os
from collections.abc import Iterator

import pytest
from nameko.exceptions import RemoteError
from nameko.standalone.rpc import ClusterRpcProxy

from services.chassis.common.errors import RemoteFailure
from services.chassis.common.ids import new_id
from services.chassis.messaging.rpc_client import RpcClient
from tests.service.chassis.conftest import ServiceProcess, ServiceProcesses, stock_released
from tests.service.chassis.stores import Relays, postgres_counter_store, postgres_relay
from tests.support.shop import eventually


@pytest.fixture(scope="module")
def chassis_service(processes: ServiceProcesses) -> ServiceProcess:
    return processes.start("worker")


@pytest.fixture(scope="module")
def stock(processes: ServiceProcesses, chassis_service: ServiceProcess, client: RpcClient) -> ServiceProcess:
    service = processes.start_stock_nameko(chassis_service.name)
    assert eventually(lambda: _is_ready(client, service)), service.text()
    return service


@pytest.fixture
def cluster() -> Iterator[ClusterRpcProxy]:
    with ClusterRpcProxy({"AMQP_URI": os.environ["ULTRAMARKET_AMQP_URL"]}) as proxy:
        yield proxy


def _is_ready(client: RpcClient, service: ServiceProcess) -> bool:
    try:
        return bool(client.call(service.name, "upper", text="x", deadline=1))
    except Exception:
        return False


def test_stock_proxy_calls_chassis_service(cluster: ClusterRpcProxy, chassis_service: ServiceProcess) -> None:
    assert cluster[chassis_service.name].echo({"a": [1, "é"]}) == {"a": [1, "é"]}
    assert cluster[chassis_service.name].echo(value=None) is None
    assert cluster[chassis_service.name].add({"sku": "MUG", "quantity": 2}) == {"sku": "MUG", "quantity": 2}


def test_stock_proxy_receives_chassis_errors(cluster: ClusterRpcProxy, chassis_service: ServiceProcess) -> None:
    with pytest.raises(RemoteError, match="Only 2 of MUG available") as refused:
        cluster[chassis_service.name].refuse("MUG")

    assert refused.value.exc_type == "OutOfStock"


def test_chassis_client_and_service_call_stock_service(
    processes: ServiceProcesses, client: RpcClient, stock: ServiceProcess
) -> None:
    caller = processes.start("caller", OTHER=stock.name)

    assert client.call(stock.name, "upper", text="hello") == {"text": "HELLO"}
    assert client.call(caller.name, "forward", method="upper", arguments={"text": "hi"}) == {"text": "HI"}
    for call in (
        lambda: client.call(stock.name, "fail"),
        lambda: client.call(caller.name, "forward", method="fail", arguments={}),
    ):
        with pytest.raises(RemoteFailure):
            call()


def test_stock_service_calls_chassis_service(client: RpcClient, stock: ServiceProcess) -> None:
    assert client.call(stock.name, "call_chassis_service", value=[1, 2]) == [1, 2]


def test_stock_event_handler_receives_chassis_events(processes: ServiceProcesses, stock: ServiceProcess) -> None:
    subject = new_id()
    with postgres_counter_store() as (store, schema):
        relays = Relays(lambda: postgres_relay(schema))
        relays.start()
        store.step(subject)

        assert processes.wait_for_mark(stock, f"order_stock_committed {subject} 1.0")
        relays.stop()


def test_chassis_event_handler_receives_stock_events(processes: ServiceProcesses) -> None:
    from nameko.standalone.events import event_dispatcher

    listener, subject = processes.start("listener"), new_id()
    dispatch = event_dispatcher({"AMQP_URI": os.environ["ULTRAMARKET_AMQP_URL"]})

    dispatch("orders", "order_stock_released", stock_released(subject))

    assert processes.wait_for_mark(listener, f"first {subject}")
