"""Runs a set of services in one process: settings, logs, health, start, graceful stop.

The entry point (`services.chassis.runtime`) has monkey-patched before anything else was imported.
"""

import importlib
import inspect
import os
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import eventlet
import structlog

from services.chassis.dynamic_config import config
from services.chassis.messaging.broker_url import split_tls
from services.chassis.messaging.transport import use_orjson
from services.chassis.observability import logs, tracing
from services.chassis.runtime import memory
from services.chassis.runtime.control_server import serve_control
from services.chassis.runtime.health import serve_health
from services.chassis.runtime.hub_monitor import HubMonitor
from services.chassis.runtime.registry import port_of
from services.chassis.runtime.service import Service
from services.chassis.runtime.service_process import STOP_SECONDS, ServiceProcess
from services.chassis.runtime.settings import Settings, load

CONFIG_SECONDS = 1.0
"""How long a start waits for the settings and flags in force; without config it goes by the last known ones."""

log = structlog.get_logger()


def service_class(name: str) -> type[Service]:
    """The one `Service` that `services/NAME/service.py` defines."""
    module: ModuleType = importlib.import_module(f"services.{name}.service")
    services = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Service) and value.__module__ == module.__name__
    ]
    if len(services) != 1:
        raise LookupError(f"services/{name}/service.py must define one Service, not {len(services)}")
    return services[0]


def nameko_config(settings: Settings) -> dict[str, Any]:
    """Nameko's configuration, from our settings."""
    address, tls = split_tls(settings.amqp_url)
    return {
        "AMQP_URI": address,
        "AMQP_SSL": tls,
        "HEARTBEAT": 20,
        "TRANSPORT_OPTIONS": {"connect_timeout": 3},
        "max_workers": settings.workers,
        "EVENT_RETRY_SECONDS": settings.event_retry_seconds,
        "SETTINGS": settings,
    }


def run(names: list[str], *, free_ports: bool = False) -> None:
    """Run the named services, each with its health on its own port, or on any free one."""
    settings = load(Settings)
    serve({service_class(name): 0 if free_ports else port_of(name, settings.port_base) for name in names}, settings)


def serve(services: dict[type[Service], int], settings: Settings) -> None:
    """Run service classes, each with its health on the given port, until SIGTERM or SIGINT; then finish what runs."""
    names = [service.name for service in services]
    logs.configure("+".join(names), settings.log_level)
    tracing.configure("+".join(names), settings.otlp_endpoint)
    use_orjson()
    following = config.follow(load(Settings, names[0]).amqp_url, os.environ.get("ULTRAMARKET_HOME"))
    control_socket = Path(settings.control_socket) if settings.control_socket else None
    process = ServiceProcess(
        services,
        lambda name: nameko_config(load(Settings, name)),
        control_socket.with_suffix(".stopped") if control_socket else None,
    )
    for service, port in services.items():
        serve_health(process.hosts[service.name], settings.bind_host, port)
    monitor = HubMonitor("+".join(names))
    if control_socket:
        serve_control(control_socket, process, monitor)

    def stop(*_: object) -> None:
        eventlet.spawn_n(_stop, process)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if "config" not in names and not following.wait(CONFIG_SECONDS):
        log.info("config_unavailable")
    process.start()
    memory.settle()
    monitor.start()
    log.info("started", services=names, pid=os.getpid())
    process.wait()
    log.info("stopped", services=names)


def _stop(process: ServiceProcess) -> None:
    """Finish running requests; those that do not finish in time are repeated elsewhere, as after a crash."""
    log.info("stopping")
    try:
        with eventlet.Timeout(STOP_SECONDS, False):
            process.stop()
            return
        log.warning("stop_took_too_long", seconds=STOP_SECONDS)
    except Exception:  # no other code waits for this greenthread: the process must end in any case
        log.exception("stop_failed")
    os._exit(1)
