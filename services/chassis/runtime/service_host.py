"""Lifecycle of one service in a process: start, stop, and restart after a crash, independent of the other services."""

from typing import Any, Final

import eventlet
import structlog
from eventlet.event import Event
from nameko.containers import ServiceContainer

from services.chassis.observability import logs
from services.chassis.observability.metrics import SERVICE_RESTARTS

RESTART_SECONDS: Final = (0.5, 1, 2, 5, 10, 30)
"""Delays between a crash and the next start; the last one repeats."""

STARTING, RUNNING, STOPPED, CRASHED = "starting", "running", "stopped", "crashed"

log = structlog.get_logger()


class Container(ServiceContainer):
    """Nameko's container, with the service's name in every log line that is written in one of its greenthreads."""

    def _run_worker(self, worker_ctx: Any, handle_result: Any) -> None:
        logs.service_name.set(self.service_name)
        super()._run_worker(worker_ctx, handle_result)

    def spawn_managed_thread(self, fn: Any, identifier: str | None = None) -> Any:
        def named_thread() -> Any:
            logs.service_name.set(self.service_name)
            return fn()

        return super().spawn_managed_thread(named_thread, identifier or getattr(fn, "__name__", None))


class ServiceHost:
    """One service of this process. A crash ends its container; a fresh one is started after a delay.

    With `restart=False` the crash is raised by `wait` instead: the process ends, and its supervisor restarts it.
    """

    def __init__(self, service: type[Any], config: dict[str, Any], *, restart: bool) -> None:
        self.name: str = service.name
        self.state = STOPPED
        self.restarts = 0
        self.container: ServiceContainer | None = None
        self._service, self._config, self._restart = service, config, restart
        self._stopping = Event()
        self._thread: Any = None

    def start(self) -> None:
        """Start the service in a greenthread of its own; returns when its first start has succeeded or failed."""
        if self.state != STOPPED:
            return
        self.state = STARTING
        self._stopping = Event()
        started = Event()
        self._thread = eventlet.spawn(self._run, started)
        started.wait()

    def stop(self) -> None:
        """Finish running requests, then end the container. Returns at once when it is stopped already."""
        if self._thread is None:
            return
        if not self._stopping.ready():
            self._stopping.send()
        if self.container is not None:
            self.container.stop()
        self._thread.wait()

    def kill(self) -> None:
        """End the container without waiting for running requests; their messages return to the queue."""
        if self.container is not None:
            self.container.kill()

    def wait(self) -> None:
        """Block until the service is stopped. Raises its crash, if it is not restarted."""
        self._thread.wait()

    def _run(self, started: Event) -> None:
        logs.service_name.set(self.name)
        failures = 0
        try:
            while not self._stopping.ready():
                try:
                    self._run_once(started)
                except Exception as crash:
                    if not self._restart:
                        raise
                    self.restarts += 1
                    self.state = CRASHED
                    SERVICE_RESTARTS.labels(self.name).inc()
                    delay = RESTART_SECONDS[min(failures, len(RESTART_SECONDS) - 1)]
                    failures += 1
                    log.error("service_crashed", error=repr(crash), restarts=self.restarts, delay=delay, exc_info=True)
                    if not started.ready():
                        started.send()
                    with eventlet.Timeout(delay, False):
                        self._stopping.wait()
        finally:
            self.state = STOPPED
            if not started.ready():
                started.send()

    def _run_once(self, started: Event) -> None:
        """Run a fresh container until it is stopped. Raises what ends it."""
        container = self.container = Container(self._service, self._config)
        try:
            container.start()
        except Exception:
            container.kill()
            raise
        self.state = RUNNING
        if not started.ready():
            started.send()
        container.wait()
