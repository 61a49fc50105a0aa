"""Accounts on the servers: nobody gets in without one, and a service reaches its own data only."""

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import amqp
import psycopg2
import pymongo
import pytest
import redis
import requests
from amqp.exceptions import AccessRefused
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg2.errors import InsufficientPrivilege
from pymongo.errors import OperationFailure
from redis.exceptions import NoPermissionError

from schemas.revocation_list import CHANNEL, REVOKED
from services.analytics.store.datasets import DATABASE, SESSIONS, Dataset
from services.chassis.common.ids import new_id
from services.chassis.common.kafka_options import options_of
from services.chassis.messaging.transport import connect
from services.chassis.migrations import steps
from services.chassis.migrations.mongo_users import ensure_users
from services.chassis.stores.mongo import database_name
from ultramarket.instance import Instance, load
from ultramarket.service_environment import all_own_urls, own_setting, own_urls, without_credentials


@pytest.fixture(scope="module")
def instance() -> Instance:
    return load(os.environ["ULTRAMARKET_INSTANCE"])


@pytest.fixture(scope="module", autouse=True)
def _accounts(instance: Instance) -> None:
    """Create the accounts of these services, as the migrations of `up` do."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in all_own_urls(instance).items():
            environment.setenv(name, value)
        for service in ("orders", "payments", "audit"):
            steps.upgrade_postgres(service, instance.url("postgres"))
        for service in ("orders", "reviews", "analytics"):
            ensure_users(service, instance.url("mongodb"))


def url(instance: Instance, setting: str, service: str) -> str:
    return own_urls(instance, service)[f"ULTRAMARKET_{setting}_URL_{service.upper()}"]


# -- without an account ---------------------------------------------------------------------------------------------


def test_postgres_refuses_anonymous_clients(instance: Instance) -> None:
    with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
        psycopg2.connect(without_credentials(instance.url("postgres")), user="ultramarket")


def test_redis_refuses_anonymous_clients(instance: Instance) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(without_credentials(instance.url("redis"))).keys("*")


def test_mongodb_refuses_anonymous_clients(instance: Instance) -> None:
    with (
        pymongo.MongoClient(without_credentials(instance.url("mongodb"))) as client,
        pytest.raises(OperationFailure, match="requires authentication"),
    ):
        client[database_name("orders")]["orders"].find_one()


@pytest.mark.parametrize("account", ["guest:guest@", "ultramarket:wrong@"])
def test_rabbitmq_refuses_other_accounts(instance: Instance, account: str) -> None:
    parts = urlsplit(without_credentials(instance.url("rabbitmq")))
    with pytest.raises(AccessRefused):
        connect(urlunsplit(parts._replace(netloc=account + parts.netloc)))


# -- PostgreSQL -----------------------------------------------------------------------------------------------------


@pytest.fixture
def as_orders(instance: Instance) -> Iterator[Any]:
    with closing(psycopg2.connect(url(instance, "POSTGRES", "orders"))) as connection:
        yield connection.cursor()


def test_service_can_not_read_tables_of_another(as_orders: Any) -> None:
    with pytest.raises(InsufficientPrivilege, match="permission denied"):
        as_orders.execute("select * from payments.payments")


@pytest.mark.parametrize(
    "statement",
    [
        "create table orders.mine (id int)",
        "drop table orders.outbox",
        "update orders.alembic_version set version_num = '0000'",
        "set role ultramarket",
        "copy (select 1) to program 'true'",
    ],
)
def test_service_can_not_change_its_schema_or_role(as_orders: Any, statement: str) -> None:
    with pytest.raises(psycopg2.Error, match=r"permission denied|must be owner|must be superuser"):
        as_orders.execute(statement)


def test_service_changes_rows_of_its_own_tables(as_orders: Any) -> None:
    row = (new_id(),)
    as_orders.execute("insert into orders.outbox (id, body) values (%s, '{}')", row)
    as_orders.execute("update orders.outbox set body = '[]' where id = %s returning body", row)
    changed = as_orders.fetchall()
    as_orders.execute("delete from orders.outbox where id = %s", row)

    assert (changed, as_orders.rowcount) == ([("[]",)], 1)


@pytest.mark.parametrize("statement", ["delete from audit.entries", "update audit.entries set body = ''"])
def test_audit_only_appends(instance: Instance, statement: str) -> None:
    with (
        closing(psycopg2.connect(url(instance, "POSTGRES", "audit"))) as connection,
        connection.cursor() as cursor,
        pytest.raises(InsufficientPrivilege, match="permission denied for table entries"),
    ):
        cursor.execute(statement)


# -- MongoDB and Redis ----------------------------------------------------------------------------------------------


def test_service_can_not_use_another_database(instance: Instance) -> None:
    with pymongo.MongoClient(url(instance, "MONGO", "reviews"), timeoutMS=5000) as client:
        client[database_name("reviews")]["inbox"].find_one()

        for forbidden in (
            lambda: client[database_name("orders")]["inbox"].find_one(),
            lambda: client[database_name("orders")]["inbox"].insert_one({}),
            lambda: client.admin.command("shutdown"),
        ):
            with pytest.raises(OperationFailure, match="not authorized"):
                forbidden()


def test_service_can_not_use_keys_of_another(instance: Instance) -> None:
    client = redis.Redis.from_url(url(instance, "REDIS", "cart"))
    key = f"cart:{new_id()}"
    client.set(key, "1", ex=60)

    for command in (("GET", "gateway:idempotency:x"), ("SET", "other", "1"), ("KEYS", "*"), ("FLUSHALL",)):
        with pytest.raises(NoPermissionError):
            client.execute_command(*command)
    with pytest.raises(redis.ResponseError, match="can't access at least one of the keys"):
        client.eval("return redis.call('GET', 'gateway:x')", 0)
    assert client.get(key) == b"1"


def test_gateway_reads_revocations_but_changes_none(instance: Instance) -> None:
    client = redis.Redis.from_url(url(instance, "REDIS", "gateway"))

    client.zscore(REVOKED, "session")
    with client.pubsub() as following:
        following.subscribe(CHANNEL)
    with pytest.raises(NoPermissionError):
        client.zadd(REVOKED, {"session": 1})


# -- RabbitMQ -------------------------------------------------------------------------------------------------------


@pytest.fixture
def reviews_channel(instance: Instance) -> Iterator[amqp.Channel]:
    connection = connect(url(instance, "AMQP", "reviews"))
    yield connection.channel()
    connection.collect()


@pytest.mark.parametrize("queue", ["evt-bridge", "evt-audit", "evt-bridge.dead"])
def test_service_can_not_consume_queues_of_another(reviews_channel: amqp.Channel, queue: str) -> None:
    with pytest.raises(AccessRefused):
        reviews_channel.basic_get(queue)


def test_service_can_not_publish_events_of_another(reviews_channel: amqp.Channel) -> None:
    reviews_channel.exchange_declare("payments.events", "topic", durable=True, auto_delete=False)
    reviews_channel.confirm_select()

    with pytest.raises(AccessRefused):
        reviews_channel.basic_publish_confirm(amqp.Message("{}"), "payments.events", "payment_captured")


# -- Kafka ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def record(instance: Instance) -> Iterator[str]:
    """A topic of the operator's with one record; it is removed at the end."""
    topic, operator = f"test-{new_id()}", options_of(instance.url("kafka_sasl"))
    admin, producer = AdminClient(operator), Producer(operator)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    producer.produce(topic, b"mug")
    assert producer.flush(20) == 0
    yield topic
    admin.delete_topics([topic])[topic].result(20)


def test_kafka_refuses_other_accounts(instance: Instance) -> None:
    options = options_of(instance.url("kafka_sasl")) | {"sasl.password": "wrong", "log_level": 0}

    with pytest.raises(KafkaException) as refused:
        AdminClient(options).list_topics(timeout=2)

    assert refused.value.args[0].code() in (KafkaError._TRANSPORT, KafkaError._AUTHENTICATION)


def test_anybody_may_read_events(instance: Instance, record: str) -> None:
    options = {"bootstrap.servers": instance.url("kafka"), "group.id": new_id(), "auto.offset.reset": "earliest"}
    consumer = Consumer(options)
    consumer.subscribe([record])

    message = consumer.poll(20)
    consumer.close()

    assert message is not None
    assert message.value() == b"mug"


@pytest.mark.parametrize("account", ["nobody", "bridge", "analytics", "analytics-consumer"])
def test_only_the_owner_of_a_topic_writes_it(instance: Instance, record: str, account: str) -> None:
    options = {"bootstrap.servers": instance.url("kafka")}
    if account != "nobody":
        options = options_of(own_urls(instance, account)[own_setting("kafka_sasl", account)])
    producer = Producer(options | {"log_level": 0, "message.timeout.ms": 10_000})
    errors: list[KafkaError] = []

    producer.produce(record, b"lamp", on_delivery=lambda error, _: errors.append(error))
    producer.flush(20)

    assert [error.code() for error in errors] == [KafkaError.TOPIC_AUTHORIZATION_FAILED]


def test_anybody_can_not_join_the_group_of_analytics(instance: Instance, record: str) -> None:
    options: dict[str, Any] = {"bootstrap.servers": instance.url("kafka"), "group.id": "analytics", "log_level": 0}
    consumer = Consumer(options)
    consumer.subscribe([record])

    message = consumer.poll(20)
    consumer.close()

    assert message is not None
    assert message.error().code() == KafkaError.GROUP_AUTHORIZATION_FAILED


# -- Elasticsearch --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", ["", "ultramarket:wrong@", "nobody:x@"])
def test_elasticsearch_refuses_other_accounts(instance: Instance, account: str) -> None:
    address = urlsplit(without_credentials(instance.url("elasticsearch"))).netloc
    assert requests.get(f"http://{account}{address}/", timeout=10).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "_cluster/health", 200),
        ("GET", "ultramarket_search*/_count", 200),
        ("GET", "ultramarket_orders*/_count", 403),
        ("GET", "_all/_search", 403),
        ("GET", "_cat/indices", 403),
        ("PUT", "ultramarket_orders_x", 403),
        ("PUT", "_cluster/settings", 403),
    ],
)
def test_search_uses_its_own_indexes_only(instance: Instance, method: str, path: str, status: int) -> None:
    body = {"persistent": {"cluster.max_shards_per_node": "1"}} if path == "_cluster/settings" else None
    reply = requests.request(method, f"{url(instance, 'ELASTICSEARCH', 'search')}/{path}", json=body, timeout=10)
    assert reply.status_code == status


def test_search_can_not_write_another_index_in_bulk(instance: Instance) -> None:
    lines = '{"index": {"_index": "ultramarket_orders_x"}}\n{"a": 1}\n'
    headers = {"Content-Type": "application/x-ndjson"}

    reply = requests.post(f"{url(instance, 'ELASTICSEARCH', 'search')}/_bulk", lines, headers=headers, timeout=10)

    assert reply.json()["errors"]
    assert [item["index"]["status"] for item in reply.json()["items"]] == [403]


def test_analytics_may_change_its_retention(instance: Instance) -> None:
    seconds = []
    with pymongo.MongoClient(url(instance, "MONGO", "analytics"), timeoutMS=30_000) as client:
        dataset = Dataset(client[DATABASE], f"t{new_id()}", "UTC")
        for days in (90, 90, 30):  # at each start of a process
            dataset.create_collections(timedelta(days=days))
            seconds.append(dataset[SESSIONS].index_information()["touched_1"]["expireAfterSeconds"])
        dataset.drop()

    assert seconds == [7_776_000, 7_776_000, 2_592_000]
