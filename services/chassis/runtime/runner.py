"""A process that runs services: settings, logs, health, start, graceful stop. Any set of services, one process.

The entry point (`services.chassis.runtime`) has monkey-patched before anything else was imported.
"""

import importlib
import inspect
import os
import signal
from types import ModuleType
from typing import Any

import eventlet
import structlog
from nameko.runners import ServiceRunner

from services.chassis.dynamic_config import config
from services.chassis.messaging.transport import use_orjson
from services.chassis.observability import logs, tracing
from services.chassis.runtime import memory
from services.chassis.runtime.health import serve_health
from services.chassis.runtime.registry import port_of
from services.chassis.runtime.service import Service
from services.chassis.runtime.settings import Settings, load

STOP_SECONDS = 10
"""What runs when a stop is asked for may finish within this time."""

CONFIG_SECONDS = 1.0
"""How long a start waits for the settings and flags in force; without config it goes by the last known ones."""

log = structlog.get_logger()


def service_class(name: str) -> type[Service]:
    """The one `Service` that `services/NAME/service.py` defines."""
    module: ModuleType = importlib.import_module(f"services.{name}.service")
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Service) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise LookupError(f"services/{name}/service.py must define one Service, not {len(found)}")
    return found[0]


def nameko_config(settings: Settings) -> dict[str, Any]:
    """Nameko's configuration, from our settings."""
    return {
        "AMQP_URI": settings.amqp_url,
        "HEARTBEAT": 20,
        "TRANSPORT_OPTIONS": {"connect_timeout": 3},
        "max_workers": settings.workers,
        "EVENT_RETRY_SECONDS": settings.event_retry_seconds,
        "SETTINGS": settings,
    }


def run(names: list[str]) -> None:
    """Run the named services, each with its health on its own port."""
    settings = load(Settings)
    serve({service_class(name): port_of(name, settings.port_base) for name in names}, settings)


def serve(services: dict[type[Service], int], settings: Settings) -> None:
    """Run service classes, each with its health on the given port, until SIGTERM or SIGINT; then finish what runs."""
    names = [service.name for service in services]
    logs.configure("+".join(names), settings.log_level)
    tracing.configure("+".join(names), settings.otlp_endpoint)
    use_orjson()
    following = config.follow(settings.amqp_url, os.environ.get("ULTRAMARKET_HOME"))
    runner = ServiceRunner(nameko_config(settings))
    for service, port in services.items():
        runner.add_service(service)
        serve_health(runner.service_map[service.name], settings.bind_host, port)

    def stop(*_: object) -> None:
        eventlet.spawn_n(_stop, runner)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if "config" not in names and not following.wait(CONFIG_SECONDS):
        log.info("config_is_away")
    runner.start()
    memory.settle()
    log.info("started", services=names, pid=os.getpid())
    runner.wait()
    log.info("stopped", services=names)


def _stop(runner: ServiceRunner) -> None:
    """Finish what runs; what does not finish in time is left to whoever does it again, as after a crash."""
    log.info("stopping")
    try:
        with eventlet.Timeout(STOP_SECONDS, False):
            runner.stop()
            return
        log.warning("stop_took_too_long", seconds=STOP_SECONDS)
    except Exception:  # nobody waits for this greenthread: what it raised would leave a process that can't be ended
        log.exception("stop_failed")
    os._exit(1)
