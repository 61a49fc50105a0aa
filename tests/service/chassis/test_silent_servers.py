"""Servers that accept connections and say nothing: every wait ends, and the connections are replaced afterwards."""

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from services.chassis.common import context, driver_errors
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.common.ids import new_id
from services.chassis.messaging import transport
from services.chassis.messaging.rpc_client import RpcClient
from services.chassis.stores import postgres, postgres_connections
from services.chassis.stores.postgres import PostgresStore
from tests.service.chassis.conftest import ServiceProcesses
from tests.service.chassis.stores import postgres_counter_store
from tests.support.proxy import Proxy, proxy_to
from tests.support.rabbit import rabbit
from tests.support.shop import eventually


@pytest.fixture
def postgres_proxy() -> Iterator[Proxy]:
    with proxy_to(os.environ["ULTRAMARKET_POSTGRES_URL"]) as proxy:
        yield proxy


@pytest.fixture
def proxied_store(postgres_proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresStore]:
    monkeypatch.setattr(postgres_connections, "REPLY_SECONDS", 1)
    monkeypatch.setattr(postgres_connections, "CONNECT_SECONDS", 1)
    store = postgres.open_store(PostgresStore, postgres_proxy.url, "public")
    yield store
    store.close()


def read_one(store: PostgresStore) -> int:
    with store.reading() as connection:
        return int(connection.execute(text("select 1")).scalar_one())


def test_query_to_silent_server_ends(proxied_store: PostgresStore, postgres_proxy: Proxy) -> None:
    assert read_one(proxied_store) == 1
    postgres_proxy.silence()

    for _ in ("kept connection", "new connection"):
        started = time.monotonic()
        with pytest.raises(OperationalError) as failed:
            read_one(proxied_store)
        assert time.monotonic() - started < 5
        assert isinstance(driver_errors.as_domain_error(failed.value), ServiceUnavailable)

    postgres_proxy.restore()
    assert eventually(lambda: read_one(proxied_store) == 1)


def test_query_waits_no_longer_than_its_request(postgres_proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connections, "REPLY_SECONDS", 3600)  # this test would not end
    store = postgres.open_store(PostgresStore, postgres_proxy.url, "public")
    assert read_one(store) == 1
    postgres_proxy.silence()

    with context.within(0.2), pytest.raises(OperationalError):
        read_one(store)

    postgres_proxy.restore()
    assert read_one(store) == 1
    store.close()


def test_query_has_time_after_its_deadline() -> None:
    store = postgres.open_store(PostgresStore, os.environ["ULTRAMARKET_POSTGRES_URL"], "public")

    with context.within(-1):
        assert read_one(store) == 1

    store.close()


def test_commit_to_silent_server_ends(proxied_store: PostgresStore, postgres_proxy: Proxy) -> None:
    def commit_in_silence() -> None:
        with proxied_store.transaction() as session:
            session.execute(text("select 1"))
            postgres_proxy.silence()

    with pytest.raises(OperationalError):
        commit_in_silence()

    postgres_proxy.restore()
    with proxied_store.transaction() as session:
        assert session.execute(text("select 2")).scalar_one() == 2


def test_service_replies_while_database_is_silent(
    processes: ServiceProcesses, client: RpcClient, postgres_proxy: Proxy
) -> None:
    service = processes.start("reader", ULTRAMARKET_POSTGRES_URL=postgres_proxy.url)
    assert client.call(service.name, "read_one", deadline=5) == 1
    postgres_proxy.silence()

    with pytest.raises(ServiceUnavailable):
        client.call(service.name, "read_one", deadline=20)
    with pytest.raises(ServiceUnavailable):  # a new connection: its limit is shorter
        client.call(service.name, "read_one", deadline=5)

    postgres_proxy.restore()
    assert client.call(service.name, "read_one", deadline=5) == 1


@pytest.fixture
def broker_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setattr(transport, "HEARTBEAT_SECONDS", 1)
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy:
        yield proxy


def test_publisher_replaces_silent_connection(broker_proxy: Proxy) -> None:
    publisher, queue = transport.Publisher(broker_proxy.url), f"test-{new_id()}"
    with rabbit() as broker:
        broker.channel.queue_declare(queue, exclusive=True)
        publisher.publish(b"1", exchange="", routing_key=queue)
        assert broker.wait_for(queue).body == "1"
        broker_proxy.silence()
        publisher.publish(b"lost", exchange="", routing_key=queue)
        broker_proxy.restore()

        def arrives() -> bool:
            publisher.publish(b"2", exchange="", routing_key=queue)
            return bool(broker.take(queue))

        assert eventually(arrives, 10)
    publisher.close()


def test_publishers_at_silent_broker_end_in_their_time(broker_proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 3600)  # this test would not end
    publisher = transport.Publisher(broker_proxy.url)
    broker_proxy.silence()

    def publish(_: int) -> str:
        with pytest.raises(ServiceUnavailable) as failed:
            publisher.publish(b"1", exchange="", routing_key="nobody", seconds=0.5)
        return failed.value.message

    with ThreadPoolExecutor(4) as pool:  # all but one wait for the one that connects
        messages = list(pool.map(publish, range(4)))

    assert messages == ["The message broker can't be reached"] * 4
    publisher.close()


def test_idle_publisher_keeps_its_connection(broker_proxy: Proxy) -> None:
    publisher, queue = transport.Publisher(broker_proxy.url), f"test-{new_id()}"
    with rabbit() as broker:
        broker.channel.queue_declare(queue, exclusive=True)
        publisher.publish(b"1", exchange="", routing_key=queue)
        connection = publisher._connection
        assert connection is not None
        heartbeats = connection.bytes_recv

        assert eventually(lambda: connection.bytes_recv >= heartbeats + 6)  # the broker sends two in a second

        assert publisher._connection is connection
    publisher.close()


def test_declaration_at_silent_broker_ends(broker_proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "REPLY_SECONDS", 0.5)
    connection = transport.connect(broker_proxy.url)
    broker_proxy.silence()

    with pytest.raises(transport.BROKER_ERRORS):
        connection.channel()

    connection.collect()


def test_frozen_transaction_loses_its_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connections, "IDLE_IN_TRANSACTION_MS", 500)
    with postgres_counter_store() as (store, _):
        subject = new_id()
        store.step(subject)

        def freeze_in_transaction() -> None:
            with store.transaction() as frozen:
                frozen.execute(text("select n from counters where id = :id for update"), {"id": subject})
                assert store.step(subject) == 2  # waits for the lock until the server ends the other transaction
                frozen.execute(text("select 1"))

        with pytest.raises(OperationalError):
            freeze_in_transaction()


def test_every_connection_has_limits() -> None:
    store = postgres.open_store(PostgresStore, os.environ["ULTRAMARKET_POSTGRES_URL"], "public")
    with store.reading() as connection:
        rows = connection.execute(text("select name, setting from pg_settings where name like '%timeout'"))
        settings = {row.name: row.setting for row in rows}
        sock = socket.socket(fileno=os.dup(connection.connection.fileno()))  # type: ignore[attr-defined]
    store.close()

    assert settings["statement_timeout"] == "8000"
    assert settings["idle_in_transaction_session_timeout"] == "10000"
    assert settings["tcp_user_timeout"] == "5000"
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
    sock.close()
