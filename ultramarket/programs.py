"""Supervised programs of an instance: their commands, their layout, and the servers that each one needs."""

import shlex
import sys
from dataclasses import dataclass, field
from typing import Final, Literal

from services.chassis.runtime.registry import (
    ANALYTICS_CONSUMER,
    BRIDGE,
    COMPACT_PROCESSES,
    CORE,
    ENTRY_MODULES,
    GATEWAY,
    GATEWAY_WS,
    MONGO_SERVICES,
    POSTGRES_SERVICES,
    SERVICE_STORES,
    SERVICES,
)
from ultramarket.instance import ROOT, Instance
from ultramarket.ports import SECOND_CORE_PORTS
from ultramarket.service_environment import service_environment
from ultramarket.sockets import control_socket

STANDALONE: Final = (ANALYTICS_CONSUMER, BRIDGE, GATEWAY, GATEWAY_WS)
"""Processes of ours that share no process with others in any layout."""
SECOND_CORE: Final = "core-2"
"""The second process of the core services, on machines with enough cores."""
SERVICE_NAMES: Final = (*SERVICES, *STANDALONE)
SERVER_PROGRAMS: Final = (
    "rabbitmq",
    "epmd",
    "elasticsearch",
    "kafka",
    "postgres",
    "mongodb",
    "redis",
    "mail",
    "nginx",
    "toxiproxy",
)
SERVICE_STOP_SECONDS: Final = 12
"""Services finish what they run within 10 s; then supervisord kills them."""
OPTIONAL_AT_START: Final = {"elasticsearch", "mail"}
"""Servers whose services start without them and connect later."""
MIGRATED: Final = "migrated"
"""Stands for the finished migration among the needs of a service."""


@dataclass(frozen=True)
class Program:
    """A process as supervisord runs it."""

    name: str
    kind: Literal["server", "service"]
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    directory: str = str(ROOT)
    user: str | None = None
    stop_signal: str = "TERM"
    stop_seconds: int = 30
    stop_group: bool = True
    """Whether the stop signal goes to the whole process group (no: a server that stops its own children)."""
    services: tuple[str, ...] = ()
    """The services that run in it."""

    def section(self, log_megabytes: str) -> str:
        """Its section of supervisord.conf."""
        values = {
            "command": shlex.join(self.command),
            "directory": self.directory,
            "environment": ",".join(f"{name}={_quoted(value)}" for name, value in sorted(self.environment.items())),
            "autostart": "false",
            "autorestart": "true",
            "startsecs": "1",
            # A service that loses a server ends and must be restarted however long the server is unavailable.
            "startretries": "100000",
            "stopsignal": self.stop_signal,
            "stopwaitsecs": str(self.stop_seconds),
            "stopasgroup": str(self.stop_group).lower(),
            "killasgroup": "true",
            "umask": "077",
            "redirect_stderr": "true",
            "stdout_logfile_maxbytes": f"{log_megabytes}MB",
            "stdout_logfile_backups": "3",
        }
        if self.user:
            values["user"] = self.user
        lines = [f"{key}={value.replace('%', '%%')}" for key, value in values.items()]
        return "\n".join([f"[program:{self.name}]", *lines, f"stdout_logfile=%(here)s/logs/{self.name}.log", ""])


def _quoted(value: str) -> str:
    """supervisord has no escape inside quotes, but accepts both kinds of them."""
    return f"'{value}'" if '"' in value else f'"{value}"'


def service_processes(instance: Instance) -> dict[str, tuple[str, ...]]:
    """The services of each process in the instance's layout."""
    processes: dict[str, tuple[str, ...]] = {name: (name,) for name in SERVICES}
    if instance.layout == "compact":
        processes = dict(COMPACT_PROCESSES)
        if instance.core_processes > 1:
            processes[SECOND_CORE] = COMPACT_PROCESSES[CORE]
    return processes | {name: (name,) for name in STANDALONE}


def processes_of(instance: Instance, name: str) -> tuple[str, ...]:
    """The processes that run a service; servers and processes are their own."""
    processes = service_processes(instance)
    return tuple(process for process, services in processes.items() if name in services) or (name,)


def process_names(instance: Instance) -> list[str]:
    """Everything that can be started and stopped by name."""
    shared = [name for name, services in service_processes(instance).items() if services != (name,)]
    return [*SERVER_PROGRAMS, *shared, *SERVICE_NAMES]


def service_programs(instance: Instance) -> list[Program]:
    """The processes of ours."""
    return [_program(instance, name, services) for name, services in service_processes(instance).items()]


def _program(instance: Instance, name: str, services: tuple[str, ...]) -> Program:
    environment = service_environment(instance, services)
    offset = SECOND_CORE_PORTS if name == SECOND_CORE else 0
    if offset:
        environment["ULTRAMARKET_PORT_BASE"] = str(instance.block.base + offset)
    if name not in ENTRY_MODULES:
        environment["ULTRAMARKET_CONTROL_SOCKET"] = str(control_socket(instance, name))
    return Program(
        name=name,
        kind="service",
        command=[sys.executable, "-m", *_module(name, services)],
        environment=environment,
        ports=tuple(instance.block.service(service) + offset for service in services),
        stop_seconds=SERVICE_STOP_SECONDS,
        services=services,
    )


def _module(name: str, services: tuple[str, ...]) -> list[str]:
    if name not in ENTRY_MODULES:
        return ["services.chassis.runtime", *services]
    return [ENTRY_MODULES[name]]


def needs(name: str) -> set[str]:
    """The servers that a service cannot start without, and `migrated` where it has a schema."""
    servers = set(SERVICE_STORES.get(name, ())) - OPTIONAL_AT_START
    if name != ANALYTICS_CONSUMER:
        servers.add("rabbitmq")
    if name in POSTGRES_SERVICES:
        servers |= {"postgres", MIGRATED}
    if name in MONGO_SERVICES or name == ANALYTICS_CONSUMER:
        servers |= {"mongodb", MIGRATED}
    return servers
