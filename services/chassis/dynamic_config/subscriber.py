"""Subscribes to changes of settings and flags by a queue of this process, which ends with its connection."""

import threading

import orjson

from schemas.events.base import UnknownVersion
from schemas.events.config import FlagChanged, RolesChanged, SettingChanged
from schemas.permissions.roles import ROLES_KEY
from services.chassis.common.errors import DomainError
from services.chassis.dynamic_config.state import State
from services.chassis.messaging.broadcasts import QUIET_SECONDS, RETRY_SECONDS, BroadcastFollower
from services.chassis.messaging.rpc_client import RpcClient

EXCHANGE = "config.events"


class ConfigSubscriber(BroadcastFollower):
    """Keeps a `State` current; the complete values are read with each connection."""

    thread_name = "live-config"

    def __init__(self, state: State, amqp_url: str) -> None:
        super().__init__(amqp_url, [(EXCHANGE, "#")])
        self.state = state
        self.current = threading.Event()
        """Set after the first complete read from the config service."""
        self._read = False

    def wait(self, seconds: float) -> bool:
        """Wait for the first complete read; False when config doesn't reply in time."""
        return self.current.wait(seconds)

    def connected(self) -> None:
        self._read = False

    def idle(self) -> float:
        self._read = self._read or self._read_all()
        return QUIET_SECONDS if self._read else RETRY_SECONDS

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

    def receive(self, exchange: str, routing_key: str, body: bytes) -> None:
        """Apply a change."""
        try:
            envelope = orjson.loads(body)
            change = envelope["type"]
            if change == SettingChanged.type:
                setting = SettingChanged.from_envelope(envelope)
                self.state.apply({setting.key: (setting.value, setting.revision)}, {})
            elif change == RolesChanged.type:
                changed = RolesChanged.from_envelope(envelope)
                self.state.apply({changed.key: (changed.roles, changed.revision)}, {})
            elif change == FlagChanged.type:
                flag = FlagChanged.from_envelope(envelope)
                self.state.apply({}, {flag.name: (flag.flag, flag.revision)})
            else:
                self.drop(exchange, "unknown_type", LookupError(f"no change of settings: {change}"[:100]))
        except orjson.JSONDecodeError as error:
            self.drop(exchange, "not_json", error)
        except UnknownVersion as error:
            self.drop(exchange, "unknown_version", error)
