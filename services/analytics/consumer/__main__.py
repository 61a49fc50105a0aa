"""Run the consumer: `python -m services.analytics.consumer`. On SIGTERM it finishes its batch and exits."""

import signal
import sys

import structlog

from services.analytics.consumer.reader import Reader
from services.analytics.consumer.records import ALL_TOPICS
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.datasets import DATABASE
from services.chassis.observability import logs
from services.chassis.runtime import memory
from services.chassis.runtime.health_server import serve
from services.chassis.runtime.registry import ANALYTICS_CONSUMER, port_of
from services.chassis.runtime.settings import load


def main(arguments: list[str]) -> None:
    """`python -m services.analytics.consumer [DATABASE TOPIC…]`: tests pass a database and topics of their own."""
    settings = load(AnalyticsSettings, ANALYTICS_CONSUMER)
    logs.configure(ANALYTICS_CONSUMER, settings.log_level)
    database, *topics = arguments or (DATABASE, *ALL_TOPICS)
    reader = Reader(settings, database, topics)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: reader.stopping.set())
    port = port_of(ANALYTICS_CONSUMER, settings.port_base)
    serve(ANALYTICS_CONSUMER, settings.bind_host, port, reader.health)
    structlog.get_logger().info("started")
    memory.settle()
    reader.run()


if __name__ == "__main__":
    main(sys.argv[1:])
