"""Stock Nameko talks to ours and ours to it: the same queues, the same exchanges, the same JSON."""

import os
from collections.abc import Iterator

import pytest
from nameko.exceptions import RemoteError
from nameko.standalone.rpc import ClusterRpcProxy

from services.chassis.common.errors import RemoteFailure
from services.chassis.common.ids import new_id
from services.chassis.messaging.rpc_client import RpcClient
from tests.service.chassis.conftest import Actor, Stage, stock_released
from tests.service.chassis.stores import Relays, note_store, postgres_relay
from tests.support.shop import eventually


@pytest.fixture(scope="module")
def ours(stage: Stage) -> Actor:
    return stage.start("worker")


@pytest.fixture(scope="module")
def stock(stage: Stage, ours: Actor, client: RpcClient) -> Actor:
    actor = stage.start_stock(ours.name)
    assert eventually(lambda: _answers(client, actor)), actor.text()
    return actor


@pytest.fixture
def cluster() -> Iterator[ClusterRpcProxy]:
    with ClusterRpcProxy({"AMQP_URI": os.environ["ULTRAMARKET_AMQP_URL"]}) as proxy:
        yield proxy


def _answers(client: RpcClient, actor: Actor) -> bool:
    try:
        return bool(client.call(actor.name, "shout", text="x", deadline=1))
    except Exception:
        return False


def test_a_stock_proxy_calls_our_service(cluster: ClusterRpcProxy, ours: Actor) -> None:
    assert cluster[ours.name].echo({"a": [1, "é"]}) == {"a": [1, "é"]}
    assert cluster[ours.name].echo(value=None) is None
    assert cluster[ours.name].add({"sku": "MUG", "quantity": 2}) == {"sku": "MUG", "quantity": 2}


def test_a_stock_proxy_hears_our_errors(cluster: ClusterRpcProxy, ours: Actor) -> None:
    with pytest.raises(RemoteError, match="Only 2 of MUG available") as refused:
        cluster[ours.name].refuse("MUG")

    assert refused.value.exc_type == "OutOfStock"


def test_our_client_and_our_services_call_a_stock_service(stage: Stage, client: RpcClient, stock: Actor) -> None:
    front = stage.start("front", OTHER=stock.name)

    assert client.call(stock.name, "shout", text="hello") == {"text": "HELLO"}
    assert client.call(front.name, "ask", method="shout", arguments={"text": "hi"}) == {"text": "HI"}
    for call in (
        lambda: client.call(stock.name, "fail"),
        lambda: client.call(front.name, "ask", method="fail", arguments={}),
    ):
        with pytest.raises(RemoteFailure):
            call()


def test_a_stock_service_calls_ours(client: RpcClient, stock: Actor) -> None:
    assert client.call(stock.name, "ask_ours", value=[1, 2]) == [1, 2]


def test_stock_event_handler_receives_our_events(stage: Stage, stock: Actor) -> None:
    subject = new_id()
    with note_store() as (store, schema):
        relays = Relays(lambda: postgres_relay(schema))
        relays.start()
        store.step(subject)

        assert stage.wait_for_mark(stock, f"order_stock_released {subject} 1.0")
        relays.stop()


def test_our_event_handler_receives_stock_nameko_events(stage: Stage) -> None:
    from nameko.standalone.events import event_dispatcher

    listener, subject = stage.start("listener"), new_id()
    dispatch = event_dispatcher({"AMQP_URI": os.environ["ULTRAMARKET_AMQP_URL"]})

    dispatch("orders", "order_stock_released", stock_released(subject))

    assert stage.wait_for_mark(listener, f"first {subject}")
