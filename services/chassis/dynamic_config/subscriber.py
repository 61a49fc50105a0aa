"""Subscribes to changes of settings and flags by a queue of this process, which ends with its connection."""

import threading
import time
from typing import Any

import amqp
import orjson
import structlog

from services.chassis.common.errors import DomainError
from services.chassis.dynamic_config.state import State
from services.chassis.messaging.rpc_client import RpcClient
from services.chassis.messaging.transport import BROKER_ERRORS, connect

EXCHANGE = "config.events"
RETRY_SECONDS = 2.0
HEARTBEAT_SECONDS = 20

log = structlog.get_logger()


class ConfigSubscriber:
    """Keeps a `State` current from a thread of its own (in a service: a greenthread) until the process ends."""

    def __init__(self, state: State, amqp_url: str) -> None:
        self.state, self._url = state, amqp_url
        self.current = threading.Event()
        """Set after the first complete read from the config service."""
        self._ending = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="live-config", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait for the first complete read; False when config doesn't reply in time."""
        return self.current.wait(seconds)

    def stop(self) -> None:
        self._ending = True

    def _run(self) -> None:
        while not self._ending:
            try:
                self._listen(connect(self._url, heartbeat=HEARTBEAT_SECONDS))
            except BROKER_ERRORS as lost:
                log.info("live_config_disconnected", error=str(lost))
                time.sleep(RETRY_SECONDS)

    def _listen(self, connection: amqp.Connection) -> None:
        try:
            channel = connection.channel()
            channel.exchange_declare(EXCHANGE, "topic", durable=True, auto_delete=False)
            queue = channel.queue_declare("", exclusive=True, auto_delete=True).queue
            channel.queue_bind(queue, EXCHANGE, "#")
            channel.basic_consume(queue, no_ack=True, callback=self._on_message)
            read = False  # after the queue is bound: later changes are received
            while not self._ending:
                read = read or self._read_all()
                try:
                    connection.drain_events(timeout=5 if read else RETRY_SECONDS)
                except TimeoutError:
                    connection.heartbeat_tick()
        finally:
            connection.collect()

    def _read_all(self) -> bool:
        client = RpcClient(self._url, publishers=1)
        try:
            snapshot = client.call("config", "snapshot", deadline=3.0)
        except DomainError:
            return False  # config is not running: the present values stay, and the read is tried again
        finally:
            client.close()
        self.state.apply(snapshot["settings"], snapshot["flags"])
        self.current.set()
        return True

    def _on_message(self, message: amqp.Message) -> None:
        try:
            event: dict[str, Any] = orjson.loads(message.body)
            data = event["data"]
            if event["type"] == "setting_changed":
                self.state.apply({data["key"]: (data["value"], data["revision"])}, {})
            elif event["type"] == "flag_changed":
                self.state.apply({}, {data["name"]: (data["flag"], data["revision"])})
        except Exception as unreadable:  # this thread must not end: later changes would not be received
            log.warning("live_config_unreadable", error=str(unreadable))
