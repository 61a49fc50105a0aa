"""TLS to each server, with our own clients: the server's certificate is verified, one of another authority refused."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import elastic_transport
import pymongo
import pytest
import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pymongo.errors import PyMongoError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from services.chassis.common.errors import DomainError
from services.chassis.common.ids import new_id
from services.chassis.common.kafka_options import options_of
from services.chassis.messaging.rpc_client import RpcClient
from services.chassis.messaging.transport import Publisher, connect
from services.chassis.stores import elastic, mongo
from services.chassis.stores.postgres import service_url
from services.chassis.stores.redis import CLIENT_OPTIONS
from tests.service.chassis.conftest import free_port
from tests.unit.ultramarket.test_programs import instance as new_instance
from ultramarket.certificates import Authority, LeafFiles
from ultramarket.instance import Instance, load
from ultramarket.ports import Block
from ultramarket.server_urls import local_url
from ultramarket.servers.kafka import Kafka
from ultramarket.servers.mongodb import HOME as MONGODB
from ultramarket.servers.postgres import Postgres
from ultramarket.servers.postgres import _user as postgres_user
from ultramarket.servers.rabbitmq import SCRIPT, RabbitMQ
from ultramarket.servers.redis import Redis

PATIENCE = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "ours", "test")


@pytest.fixture(scope="module")
def foreign(folder: Path) -> Path:
    """The certificate of an authority that has signed none of the servers' certificates."""
    return Authority(folder / "foreign", "foreign").cert


@pytest.fixture(scope="module")
def leaf(authority: Authority) -> LeafFiles:
    return authority.leaf("server", ["127.0.0.1", "localhost"])


@pytest.fixture(scope="module")
def pem(folder: Path, leaf: LeafFiles) -> Path:
    """Key and certificate in one file, as MongoDB and Kafka read them."""
    path = folder / "server.pem"
    path.write_text(leaf.key.read_text() + leaf.cert.read_text())
    return path


@pytest.fixture(scope="module")
def running() -> Instance:
    return load(os.environ["ULTRAMARKET_INSTANCE"])


@pytest.fixture
def own(tmp_path: Path) -> Instance:
    """An instance whose servers a test starts itself."""
    instance = new_instance()
    ports = {name: free_port() for name in instance.block.servers}
    return replace(instance, folder=tmp_path, block=Block(instance.block.base, ports))


@contextmanager
def process(command: list[str], **options: Any) -> Iterator[None]:
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield
    finally:
        server.kill()
        server.wait()


def eventually(work: Callable[[], Any], *errors: type[Exception]) -> Any:
    """The result of `work`, tried until the server is ready."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except errors:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def test_postgres(running: Instance, authority: Authority, leaf: LeafFiles, foreign: Path) -> None:
    url = running.url("postgres")
    data = (running.folder / "postgres").resolve()
    with closing(Postgres()._connect(running)) as operator:
        operator.autocommit = True
        cursor = operator.cursor()
        for kind, source in (("cert", leaf.cert), ("key", leaf.key)):
            copy = data / f"test-tls.{kind}"
            shutil.copy(source, copy)
            copy.chmod(0o600)
            if user := postgres_user():
                shutil.chown(copy, user)
            cursor.execute(f"alter system set ssl_{kind}_file = '{copy}'")
        cursor.execute("alter system set ssl = on")
        cursor.execute("select pg_reload_conf()")
        try:

            def is_encrypted() -> bool:
                engine = create_engine(service_url(f"{url}?sslmode=verify-full&sslrootcert={authority.cert}", "public"))
                with engine.connect() as connection:
                    return bool(connection.execute(query).scalar_one())

            query = text("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
            assert eventually(is_encrypted, OperationalError)
            wrong = create_engine(service_url(f"{url}?sslmode=verify-full&sslrootcert={foreign}", "public"))
            with pytest.raises(OperationalError, match="certificate verify failed"):
                wrong.connect()
        finally:
            for name in ("ssl", "ssl_cert_file", "ssl_key_file"):
                cursor.execute(f"alter system reset {name}")
            cursor.execute("select pg_reload_conf()")


def test_redis(own: Instance, authority: Authority, leaf: LeafFiles, foreign: Path) -> None:
    Redis().prepare(own)
    tls = ["--port", "0", "--tls-port", str(own.block.servers["redis"]), "--tls-auth-clients", "no"]
    tls += [
        "--tls-cert-file",
        str(leaf.cert),
        "--tls-key-file",
        str(leaf.key),
        "--tls-ca-cert-file",
        str(authority.cert),
    ]
    url = local_url("redis", own.block, own.secrets, "cart").replace("redis://", "rediss://")

    with process([*Redis().programs(own)[0].command, *tls]):
        client = redis.Redis.from_url(f"{url}?ssl_ca_certs={authority.cert}&ssl_check_hostname=true", **CLIENT_OPTIONS)
        assert eventually(client.ping, redis.ConnectionError)
        wrong = redis.Redis.from_url(f"{url}?ssl_ca_certs={foreign}", **CLIENT_OPTIONS)
        with pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            wrong.ping()


def test_mongodb(own: Instance, authority: Authority, pem: Path, foreign: Path) -> None:
    port = own.block.servers["mongodb"]
    command = [str(MONGODB / "mongod"), "--dbpath", str(own.folder), "--port", str(port), "--nounixsocket"]
    command += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(pem), "--tlsCAFile", str(authority.cert)]
    command += ["--tlsAllowConnectionsWithoutCertificates"]
    url = f"mongodb://127.0.0.1:{port}/?tls=true&tlsCAFile="

    with process(command):
        with mongo.connect(f"{url}{authority.cert}") as client:
            assert eventually(lambda: client.admin.command("ping"), PyMongoError)["ok"] == 1
        with (
            mongo.connect(f"{url}{foreign}", serverSelectionTimeoutMS=500) as client,
            pytest.raises(pymongo.errors.ServerSelectionTimeoutError, match="certificate verify failed"),
        ):
            client.admin.command("ping")


def test_rabbitmq(running: Instance, authority: Authority, leaf: LeafFiles, foreign: Path) -> None:
    port = free_port()
    options = f'[{{certfile, "{leaf.cert}"}}, {{keyfile, "{leaf.key}"}}, {{cacertfile, "{authority.cert}"}}]'
    _rabbitmq(running, f"rabbit_networking:ensure_ssl(), rabbit_networking:start_ssl_listener({port}, {options}, 2).")
    parts = urlsplit(running.url("rabbitmq"))
    account = parts.netloc.rpartition("@")[0]
    url = f"amqps://{account}@127.0.0.1:{port}{parts.path}?cacertfile="
    try:
        connection = connect(f"{url}{authority.cert}")
        queue = connection.channel().queue_declare("", exclusive=True).queue
        publisher = Publisher(f"{url}{authority.cert}")
        publisher.publish(b'{"result": 1}', exchange="", routing_key=queue)
        publisher.publish(b'{"result": 2}', exchange="", routing_key=queue)
        publisher.close()
        assert connection.channel().queue_declare(queue, passive=True).message_count == 2
        connection.close()
        environment = os.environ | {"ULTRAMARKET_AMQP_URL": f"{url}{authority.cert}"}
        service = [sys.executable, "-m", "bench.echo_service", str(free_port())]
        with process(service, env=environment), closing(RpcClient(f"{url}{authority.cert}", publishers=1)) as client:
            for number in range(20):  # a Nameko service: its consumers, its replies
                reply = eventually(partial(client.call, "echo", "echo", text=str(number), deadline=1), DomainError)
                assert reply == str(number)
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(f"{url}{foreign}")
    finally:
        _rabbitmq(running, f"rabbit_networking:stop_tcp_listener({port}).")


def _rabbitmq(instance: Instance, expression: str) -> None:
    command = [str(SCRIPT.with_name("rabbitmqctl")), "eval", expression]
    environment = os.environ | RabbitMQ().environment(instance)
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd="/")


def test_kafka(own: Instance, authority: Authority, pem: Path, foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = f"listener.name.sasl.ssl.keystore.type=PEM\nlistener.name.sasl.ssl.keystore.location={pem}\n"
    tls += f"listener.name.sasl.ssl.truststore.type=PEM\nlistener.name.sasl.ssl.truststore.location={authority.cert}\n"
    config = Kafka()._config(own).replace("SASL:SASL_PLAINTEXT", "SASL:SASL_SSL", 1) + tls
    monkeypatch.setattr(Kafka, "_config", lambda *_: config)
    Kafka().prepare(own)
    url = local_url("kafka_sasl", own.block, own.secrets, "bridge").replace("kafka://", "kafkas://")

    with process(Kafka().programs(own)[0].command):
        options = options_of(f"{url}?ssl.ca.location={authority.cert}") | {"log_level": 0}
        assert eventually(lambda: AdminClient(options).list_topics(timeout=2).brokers, KafkaException)
        wrong = options_of(f"{url}?ssl.ca.location={foreign}") | {"log_level": 0}
        with pytest.raises(KafkaException):
            AdminClient(wrong).list_topics(timeout=2)


def test_elasticsearch(running: Instance, authority: Authority, leaf: LeafFiles, foreign: Path) -> None:
    """This build of Elasticsearch has no TLS of its own: a proxy with the certificate stands before it."""
    upstream = urlsplit(running.url("elasticsearch"))
    account = f"{upstream.netloc.rpartition('@')[0]}@" if "@" in upstream.netloc else ""
    with tls_proxy(leaf, upstream.port or 9200) as port:
        url = f"https://{account}127.0.0.1:{port}/?ca_certs="
        store = elastic.open_store(elastic.ElasticStore, f"{url}{authority.cert}", f"test_{new_id()}", 1)
        assert store.request("GET", "/_cluster/health")["status"] in ("green", "yellow")
        wrong = elastic.open_store(elastic.ElasticStore, f"{url}{foreign}", f"test_{new_id()}", 1)
        with pytest.raises(elastic_transport.TlsError):
            wrong.request("GET", "/")


@contextmanager
def tls_proxy(leaf: LeafFiles, upstream: int) -> Iterator[int]:
    """Takes the TLS off connections to a free port, and forwards them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.cert, leaf.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):  # the listener was closed
                while True:
                    plain, _ = listener.accept()
                    with suppress(ssl.SSLError):  # a client that refuses the certificate
                        client = context.wrap_socket(plain, server_side=True)
                        server = socket.create_connection(("127.0.0.1", upstream))
                        for source, target in ((client, server), (server, client)):
                            threading.Thread(target=_forward, args=(source, target), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.close()
