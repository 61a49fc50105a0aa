"""Reading of stacks, of Kafka's log, and of RabbitMQ's firehose."""

from collections import Counter
from types import SimpleNamespace

import pytest

from bench.profiling.counters import difference
from bench.profiling.firehose import Traffic
from bench.profiling.kafka_batches import BEFORE_LENGTH, HEADER, KafkaLog
from bench.profiling.stacks import package_of, summed

PAYLOAD = b"x" * 40


def batch(records: int) -> bytes:
    """A record batch whose payload is of no interest."""
    length = HEADER.size - BEFORE_LENGTH + len(PAYLOAD)
    return HEADER.pack(0, length, 0, 2, 0, 0, records - 1, 0, 0, -1, -1, -1, records) + PAYLOAD


@pytest.fixture
def partition(tmp_path):
    folder = tmp_path / "order-events-3"
    folder.mkdir()
    return folder / "00000000000000000000.log"


def test_stacks_are_summed_by_package_and_function():
    lines = [
        "run (services/chassis/runtime/runner.py:20);publish (amqp/channel.py:1700);write (amqp/transport.py:500) 3",
        "run (services/chassis/runtime/runner.py:20);publish (amqp/channel.py:1702) 2",
        'process 4:"python";run (services/chassis/runtime/runner.py:21) 5',
        "<idle> 9",
    ]

    profile = summed(lines)

    assert profile.samples == 10
    assert profile.own == {"amqp": 5, "services/chassis/runtime": 5}
    assert profile.inclusive == {"amqp": 5, "services/chassis/runtime": 10}
    assert profile.functions["write (amqp/transport.py)"] == 3


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("pymongo/synchronous/pool.py", "pymongo"),
        ("services/orders/domain/saga.py", "services/orders/domain"),
        ("services/orders/store.py", "services/orders/store"),
        ("threading.py", "python: threading"),
    ],
)
def test_package_is_named_for_its_owner(path, package):
    assert package_of(path) == package


def test_kafka_log_counts_batches_and_records(tmp_path, partition):
    log = KafkaLog(tmp_path)
    partition.write_bytes(batch(3) + batch(1))
    assert log.read() == {"batches, order-events": 2, "records, order-events": 4}

    with partition.open("ab") as file:
        file.write(batch(5))

    assert log.read() == {"batches, order-events": 3, "records, order-events": 9}


@pytest.mark.parametrize("rest", [batch(2)[:-1], bytes(100), b"\x00"])
def test_kafka_log_stops_at_incomplete_batch(tmp_path, partition, rest):
    partition.write_bytes(batch(1) + rest)

    assert KafkaLog(tmp_path).read() == {"batches, order-events": 1, "records, order-events": 1}


def test_traffic_joins_queues_of_one_kind():
    traffic = Traffic()
    for queue in (
        "rpc.reply-orders-01a22cfb-0b82-7654-b8d5-7dc7818502e7",
        "amq.gen-JzTY20BRgKO-HjmUJj0wLg",
        "evt-bridge",
    ):
        traffic.count(SimpleNamespace(delivery_info={"routing_key": f"deliver.{queue}"}, headers={}))
    headers = {"user": "ultramarket_orders", "routing_keys": ["order_placed"]}
    traffic.count(SimpleNamespace(delivery_info={"routing_key": "publish.orders.events"}, headers=headers))

    assert traffic.delivered == {"rpc.reply-orders…": 1, "amq.gen-…": 1, "evt-bridge": 1}
    assert traffic.published == {"orders: orders.events → order_placed": 1}


def test_reading_of_counters_is_not_counted():
    before = {"MongoDB commands": Counter(find=4), "PostgreSQL statements": Counter()}
    statements = Counter({"select from pg_stat_wal": 2, "COMMIT": 3})
    after = {"MongoDB commands": Counter(find=9), "PostgreSQL statements": statements}

    counts = difference(before, after)

    assert counts == {"MongoDB commands": {"find": 5.0}, "PostgreSQL statements": {"COMMIT": 3.0}}
