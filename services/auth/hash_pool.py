"""Pool of processes that compute password hashes, with a queue that is no longer than its callers' deadlines.

A hash takes a quarter of a second of a core, so a few more sign-ins than there are cores already wait. Who would wait
longer than they can is refused at once instead of at their deadline (ADR 0082).
"""

import math
import os
import threading
import time
from typing import Any, Final

import structlog
from nameko.extensions import DependencyProvider

from services.auth.settings import AuthSettings
from services.chassis.common import context
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.runtime.settings import load
from services.chassis.runtime.worker_pool import WorkerPool

MODULE: Final = "services.auth.hash_worker"
ATTEMPTS: Final = 3
"""How often a request is sent when its process is killed."""
PATIENCE_SECONDS: Final = 10.0
"""The longest wait of a request without a deadline."""
SLOWEST_SECONDS: Final = 20.0
"""A process that takes longer for one hash is replaced."""
FIRST_GUESS_SECONDS: Final = 0.3
"""How long a hash of 12 rounds is thought to take until one was computed; each round more doubles it."""
WEIGHT: Final = 0.2
"""The weight of the last hash in the average time."""

log = structlog.get_logger()


class HashPool:
    """Serves requests of `hash_worker` in `size` processes."""

    def __init__(self, size: int, rounds: int) -> None:
        self.size = size
        self._workers = WorkerPool(MODULE, size, SLOWEST_SECONDS)
        self._turn = threading.Semaphore(size)
        self._lock = threading.Lock()
        self.pending = 0
        """Requests in work and waiting."""
        self._average = FIRST_GUESS_SECONDS * 2.0 ** (rounds - 12)

    def admit(self) -> None:
        """Raises `ServiceUnavailable` if a hash that is requested now would come after the caller's deadline."""
        expected = self._average * (self.pending // self.size + 1)
        if expected > context.remaining(PATIENCE_SECONDS):
            raise self._busy()

    def request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Have a process serve a request. Raises `ServiceUnavailable` if that takes too long, or can't be done."""
        self.admit()
        self._count(1)
        try:
            if not self._turn.acquire(timeout=max(context.remaining(PATIENCE_SECONDS) - self._average, 0.0)):
                raise self._busy()
            try:
                return self._serve(request)
            finally:
                self._turn.release()
        finally:
            self._count(-1)

    def close(self) -> None:
        """End the processes."""
        self._workers.close()

    def _serve(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request; once more when the process was killed."""
        for _ in range(ATTEMPTS):
            begun = time.monotonic()
            try:
                reply = self._workers.request(request)
            except TimeoutError:
                break
            except OSError as killed:
                log.warning("hash_worker_lost", error=str(killed))
                continue
            self._average += WEIGHT * (time.monotonic() - begun - self._average)
            return reply
        raise ServiceUnavailable("Passwords can't be checked at the moment")

    def _count(self, change: int) -> None:
        with self._lock:
            self.pending += change

    def _busy(self) -> ServiceUnavailable:
        seconds = max(1, math.ceil(self._average * self.pending / self.size))
        return ServiceUnavailable("Too many people sign in at the moment: try again", [{"retry_after": seconds}])


class Hashing(DependencyProvider):
    """Gives each worker the service's pool."""

    def setup(self) -> None:
        settings = load(AuthSettings)
        self.pool = HashPool(settings.password_workers or len(os.sched_getaffinity(0)), settings.bcrypt_rounds)

    def get_dependency(self, worker_ctx: Any) -> HashPool:
        return self.pool

    def stop(self) -> None:
        self.pool.close()

    def kill(self) -> None:
        self.pool.close()
