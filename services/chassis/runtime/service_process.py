"""All services of this process: started and stopped together, or one at a time by the control socket."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import eventlet
import structlog
from eventlet.event import Event

from services.chassis.runtime.service_host import STOPPED, ServiceHost

STOP_SECONDS = 10
"""How long running requests may take when a service or the process is stopped."""

log = structlog.get_logger()


class ServiceProcess:
    """The services of this process by name. `stopped_file` keeps the names of stopped ones over a restart.

    `configure` gives Nameko's configuration of a service: each has URLs of its own.
    """

    def __init__(
        self,
        services: Iterable[type[Any]],
        configure: Callable[[str], dict[str, Any]],
        stopped_file: Path | None = None,
    ) -> None:
        classes = list(services)
        alone = len(classes) == 1
        self.hosts = {
            service.name: ServiceHost(service, configure(service.name), restart=not alone) for service in classes
        }
        self._stopped_file = stopped_file
        self._finished = Event()

    def start(self) -> None:
        """Start every service that was not stopped by a command; returns when each has started or failed."""
        stopped = self._stopped_names()
        for thread in [eventlet.spawn(host.start) for name, host in self.hosts.items() if name not in stopped]:
            thread.wait()
        for name, host in self.hosts.items():
            if name not in stopped:
                eventlet.spawn_n(self._watch, host)

    def wait(self) -> None:
        """Block until `stop`. Raises the crash of a service that is alone in its process."""
        self._finished.wait()

    def stop(self) -> None:
        """Stop all services concurrently."""
        for thread in [eventlet.spawn(host.stop) for host in self.hosts.values()]:
            thread.wait()
        if not self._finished.ready():
            self._finished.send()

    def start_service(self, name: str) -> str:
        """Start one service; its state afterwards. Raises `KeyError` for a service of another process."""
        host = self.hosts[name]
        self._save_stopped(self._stopped_names() - {name})
        if host.state == STOPPED:
            log.info("service_starting", service=name)
            host.start()
            eventlet.spawn_n(self._watch, host)
        return host.state

    def stop_service(self, name: str) -> str:
        """Stop one service; its state afterwards. Raises `KeyError` for a service of another process."""
        host = self.hosts[name]
        self._save_stopped(self._stopped_names() | {name})
        log.info("service_stopping", service=name)
        with eventlet.Timeout(STOP_SECONDS, False):
            host.stop()
            return host.state
        log.warning("service_killed", service=name, seconds=STOP_SECONDS)
        host.kill()
        host.stop()
        return host.state

    def _watch(self, host: ServiceHost) -> None:
        try:
            host.wait()
        except Exception as crash:
            if not self._finished.ready():
                self._finished.send_exception(crash)

    def _stopped_names(self) -> set[str]:
        if self._stopped_file is None or not self._stopped_file.exists():
            return set()
        return set(json.loads(self._stopped_file.read_text()))

    def _save_stopped(self, names: set[str]) -> None:
        if self._stopped_file is not None:
            self._stopped_file.write_text(json.dumps(sorted(names)))
