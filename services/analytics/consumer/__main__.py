"""Run the consumer: `python -m services.analytics.consumer`. Ends on SIGTERM when its batch is counted."""

import signal
import sys

import structlog

from services.analytics.book.sets import DATABASE
from services.analytics.consumer.reader import Reader
from services.analytics.consumer.records import ALL_TOPICS
from services.analytics.settings import AnalyticsSettings
from services.chassis.observability import logs
from services.chassis.runtime import memory
from services.chassis.runtime.health_server import serve
from services.chassis.runtime.registry import ANALYTICS_CONSUMER, port_of
from services.chassis.runtime.settings import load


def main(arguments: list[str]) -> None:
    """`python -m services.analytics.consumer [DATABASE TOPIC…]`: others than the usual are for trying things."""
    settings = load(AnalyticsSettings)
    logs.configure(ANALYTICS_CONSUMER, settings.log_level)
    database, *topics = arguments or (DATABASE, *ALL_TOPICS)
    reader = Reader(settings, database, topics)
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: reader.stopping.set())
    port = port_of(ANALYTICS_CONSUMER, settings.port_base)
    serve(ANALYTICS_CONSUMER, settings.bind_host, port, reader.health)
    structlog.get_logger().info("started")
    memory.settle()
    reader.run()


if __name__ == "__main__":
    main(sys.argv[1:])
