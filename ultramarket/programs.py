"""The processes of an instance as supervisord knows them, and what each one waits for."""

import shlex
import sys
from dataclasses import dataclass, field
from typing import Final, Literal

from services.chassis.runtime.registry import (
    ANALYTICS_CONSUMER,
    BRIDGE,
    GATEWAY,
    MONGO_SERVICES,
    POSTGRES_SERVICES,
    SERVICES,
)
from ultramarket.instance import ROOT, Instance

SERVICE_NAMES: Final = (*SERVICES, ANALYTICS_CONSUMER, BRIDGE, GATEWAY)
SERVICE_STOP_SECONDS: Final = 12
"""Services finish what they run within 10 s; then there is no more waiting."""


@dataclass(frozen=True)
class Program:
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
    """Whether the stop signal goes to the whole process group (a server that stops its own children: no)."""

    def section(self) -> str:
        """Its part of supervisord.conf."""
        values = {
            "command": shlex.join(self.command),
            "directory": self.directory,
            "environment": ",".join(f"{name}={_quoted(value)}" for name, value in sorted(self.environment.items())),
            "autostart": "false",
            "autorestart": "true",
            "startsecs": "1",
            # A service that loses a server dies and must come back however long the server stays away.
            "startretries": "100000",
            "stopsignal": self.stop_signal,
            "stopwaitsecs": str(self.stop_seconds),
            "stopasgroup": str(self.stop_group).lower(),
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "3",
        }
        if self.user:
            values["user"] = self.user
        lines = [f"{key}={value.replace('%', '%%')}" for key, value in values.items()]
        return "\n".join([f"[program:{self.name}]", *lines, f"stdout_logfile=%(here)s/logs/{self.name}.log", ""])


def _quoted(value: str) -> str:
    """supervisord knows no escape inside quotes, but both kinds of them."""
    return f"'{value}'" if '"' in value else f'"{value}"'


def service_programs(instance: Instance) -> list[Program]:
    environment = instance.environment()
    measured = "COVERAGE_PROCESS_START" in environment
    return [
        Program(
            name=name,
            kind="service",
            command=[sys.executable, "-m", *_module(name, measured)],
            environment=environment | ({"COVERAGE_SWITCHES": "greenlet"} if measured and name in SERVICES else {}),
            ports=(instance.block.service(name),),
            stop_seconds=SERVICE_STOP_SECONDS,
        )
        for name in SERVICE_NAMES
    ]


def _module(name: str, measured: bool) -> list[str]:
    if name == GATEWAY:
        return ["ultramarket.measured", "gateway_flask"] if measured else ["gateway_flask"]
    if name == ANALYTICS_CONSUMER:
        return ["services.analytics.consumer"]
    return ["kafka_bridge"] if name == BRIDGE else ["services.chassis.runtime", name]


def needs(name: str) -> set[str]:
    """The servers without which this service need not be started; `migrated` stands for the finished migration."""
    if name == ANALYTICS_CONSUMER:
        return {"kafka", "mongodb", "migrated"}
    wanted = {"rabbitmq"}
    if name in POSTGRES_SERVICES:
        wanted |= {"postgres", "migrated"}
    if name in MONGO_SERVICES:
        wanted |= {"mongodb", "migrated"}
    if name in {"auth", "cart", GATEWAY}:
        wanted.add("redis")
    if name == BRIDGE:
        wanted.add("kafka")
    if name == "search":
        wanted.add("elasticsearch")
    if name == "notifications":
        wanted.add("mail")
    return wanted
