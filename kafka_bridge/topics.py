"""The four topics, created with their partitions and retention if they do not exist."""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from kafka_bridge.settings import BridgeSettings
from schemas.events.base import OTHER_TOPIC, TOPICS
from services.chassis.common.kafka_options import kafka_options

ALL_TOPICS = (*TOPICS.values(), OTHER_TOPIC)
REQUEST_SECONDS = 10

log = structlog.get_logger()


def ensure_topics(settings: BridgeSettings) -> None:
    """Create missing topics; existing ones are not changed. Raises `KafkaException` without a broker."""
    admin = AdminClient(kafka_options(settings) | {"socket.timeout.ms": REQUEST_SECONDS * 1000})
    existing = set(admin.list_topics(timeout=REQUEST_SECONDS).topics)
    missing = [_new_topic(name, settings) for name in ALL_TOPICS if name not in existing]
    if missing:
        _wait(admin.create_topics(missing, request_timeout=REQUEST_SECONDS).items())


def _new_topic(name: str, settings: BridgeSettings) -> NewTopic:
    retention = settings.topic_retention_days * 24 * 3600 * 1000
    return NewTopic(
        name,
        num_partitions=settings.topic_partitions,
        replication_factor=settings.topic_replicas,
        config={"retention.ms": str(retention), "cleanup.policy": "delete", "compression.type": "producer"},
    )


def _wait(created: Iterable[tuple[str, "Future[Any]"]]) -> None:
    for name, future in created:
        try:
            future.result()
            log.info("topic_created", topic=name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
