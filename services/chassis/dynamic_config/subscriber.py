"""Subscribes to changes of settings and flags by a queue of this process, which ends with its connection."""

import threading
import time
from typing import Any

import amqp
import orjson
import structlog

from schemas.events.base import UnknownVersion
from schemas.events.config import FlagChanged, RolesChanged, SettingChanged
from schemas.permissions.roles import ROLES_KEY
from services.chassis.common.errors import DomainError
from services.chassis.dynamic_config.state import State
from services.chassis.messaging.rpc_client import RpcClient
from services.chassis.messaging.transport import BROKER_ERRORS, connect
from services.chassis.observability.metrics import BROADCASTS_DROPPED

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
        self._logged: set[str] = set()

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
        changed_roles = snapshot.get("roles")
        settings = snapshot["settings"] | ({ROLES_KEY: changed_roles} if changed_roles else {})
        self.state.apply(settings, snapshot["flags"])
        self.current.set()
        return True

    def _on_message(self, message: amqp.Message) -> None:
        """Apply a change. A message that can't be read is dropped: this thread must not end, and nothing is retried,
        since the complete values are read again with each connection.
        """
        try:
            self._apply(orjson.loads(message.body))
        except orjson.JSONDecodeError as error:
            self._drop("not_json", error)
        except UnknownVersion as error:
            self._drop("unknown_version", error)
        except Exception as error:
            self._drop("malformed", error)

    def _apply(self, envelope: dict[str, Any]) -> None:
        if envelope["type"] == SettingChanged.type:
            setting = SettingChanged.from_envelope(envelope)
            self.state.apply({setting.key: (setting.value, setting.revision)}, {})
        elif envelope["type"] == RolesChanged.type:
            changed = RolesChanged.from_envelope(envelope)
            self.state.apply({changed.key: (changed.roles, changed.revision)}, {})
        elif envelope["type"] == FlagChanged.type:
            flag = FlagChanged.from_envelope(envelope)
            self.state.apply({}, {flag.name: (flag.flag, flag.revision)})
        else:
            self._drop("unknown_type", LookupError(f"no change of settings: {envelope['type']}"[:100]))

    def _drop(self, reason: str, error: Exception) -> None:
        """Count a dropped message; log the first one for each reason."""
        BROADCASTS_DROPPED.labels(EXCHANGE, reason).inc()
        if reason not in self._logged:
            self._logged.add(reason)
            log.warning("broadcast_dropped", exchange=EXCHANGE, reason=reason, error=str(error)[:300])
