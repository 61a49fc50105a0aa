"""Events of orders, from RabbitMQ to this process: a queue of its own, which ends with its connection."""

import threading
import time
from collections.abc import Callable
from typing import Final

import amqp
import orjson
import structlog

from services.chassis.messaging.transport import BROKER_ERRORS, connect

EXCHANGE: Final = "orders.events"
HEARTBEAT_SECONDS: Final = 20
RETRY_SECONDS: Final = 0.5

log = structlog.get_logger()


class OrderEvents:
    """Calls `changed(order_id)` for each event, and `reconnected()` when some may have been missed; from its thread."""

    def __init__(self, amqp_url: str, changed: Callable[[str], None], reconnected: Callable[[], None]) -> None:
        self._url, self._changed, self._reconnected = amqp_url, changed, reconnected
        self.connected = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="order-events", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self._follow(connect(self._url, heartbeat=HEARTBEAT_SECONDS))
            except BROKER_ERRORS as lost:
                log.info("order_events_disconnected", error=str(lost)[:200])
            self.connected.clear()
            time.sleep(RETRY_SECONDS)

    def _follow(self, connection: amqp.Connection) -> None:
        try:
            channel = connection.channel()
            channel.exchange_declare(EXCHANGE, "topic", durable=True, auto_delete=False)
            queue = channel.queue_declare("", exclusive=True, auto_delete=True).queue
            channel.queue_bind(queue, EXCHANGE, "#")
            channel.basic_consume(queue, no_ack=True, callback=self._on_message)
            self.connected.set()
            self._reconnected()
            while True:
                try:
                    connection.drain_events(timeout=5)
                except TimeoutError:
                    connection.heartbeat_tick()
        finally:
            connection.collect()

    def _on_message(self, message: amqp.Message) -> None:
        try:
            self._changed(orjson.loads(message.body)["subject"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            log.warning("order_event_dropped", error=f"{type(error).__name__}: {error}"[:200])
