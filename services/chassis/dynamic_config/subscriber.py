"""Hears of changed settings and flags: a queue of this process's own at `config.events`, gone with its connection."""

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


class Listener:
    """Keeps a `State` current from a thread (in a service: a greenthread) of its own, as long as the process lives."""

    def __init__(self, state: State, amqp_url: str) -> None:
        self.state, self._url = state, amqp_url
        self.current = threading.Event()
        """Set once the whole of it was read from the config service."""
        self._ending = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="live-config", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Until everything was read, so that a process begins with what is in force; False when config is away."""
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
            channel.basic_consume(queue, no_ack=True, callback=self._hear)
            read = False  # after the queue is bound: what changes from here on is heard
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
            known = client.call("config", "snapshot", deadline=3.0)
        except DomainError:
            return False  # config is away: what is known stays, and is asked for again
        finally:
            client.close()
        self.state.take(known["settings"], known["flags"])
        self.current.set()
        return True

    def _hear(self, message: amqp.Message) -> None:
        try:
            event: dict[str, Any] = orjson.loads(message.body)
            data = event["data"]
            if event["type"] == "setting_changed":
                self.state.take({data["key"]: (data["value"], data["revision"])}, {})
            elif event["type"] == "flag_changed":
                self.state.take({}, {data["name"]: (data["flag"], data["revision"])})
        except (ValueError, KeyError, TypeError) as unreadable:
            log.warning("live_config_unreadable", error=str(unreadable))
