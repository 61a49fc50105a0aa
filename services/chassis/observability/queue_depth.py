"""Queue depth: messages waiting in a service's queues, read from the broker when metrics are scraped."""

import structlog
from nameko.amqp.publish import get_connection
from nameko.containers import ServiceContainer
from nameko.messaging import QueueConsumer

from services.chassis.messaging.queues import dead_queue, event_queue
from services.chassis.messaging.transport import BROKER_ERRORS
from services.chassis.observability.metrics import QUEUE_DEPTH

log = structlog.get_logger()


def measure(container: ServiceContainer) -> None:
    """Set the gauge of each queue that the container consumes and of its dead-letter queue."""
    service = container.service_name
    read = {
        provider.queue.name
        for extension in container.extensions
        if isinstance(extension, QueueConsumer)
        for provider in extension._consumers
        if not getattr(provider, "inline", False)
    }
    if any(name.startswith(event_queue(service).name) for name in read):
        read.add(dead_queue(service).name)
    try:
        address, tls = container.config["AMQP_URI"], container.config.get("AMQP_SSL")
        with get_connection(address, tls) as connection, connection.channel() as channel:
            for name in read:
                QUEUE_DEPTH.labels(service, name).set(channel.queue_declare(name, passive=True).message_count)
    except BROKER_ERRORS as away:
        log.warning("queues_not_measured", error=str(away))
