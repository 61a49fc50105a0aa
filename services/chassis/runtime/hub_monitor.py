"""Delay of the event loop (eventlet's hub) of this process, and the handler that blocks it.

A greenthread that sleeps 100 ms measures how much later it wakes up. While it is more than a second late, a native
thread looks at what the main thread is executing, and logs the service and the method at once: a handler that never
returns is named as well. Code that does not release the interpreter lock can be named only once it has.
"""

import sys
import time
from collections import deque
from datetime import UTC, datetime
from types import FrameType
from typing import Any, Final

import eventlet
import orjson
from eventlet import patcher

from services.chassis.observability.metrics import HUB_LAG

INTERVAL_SECONDS: Final = 0.1
WINDOW_SECONDS: Final = 60
BLOCKED_SECONDS: Final = 1.0

_threading: Any = patcher.original("threading")
_time: Any = patcher.original("time")
_os: Any = patcher.original("os")  # the patched `os.write` works in greenthreads only


class HubMonitor:
    """Measures from `start` on."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._lags: deque[float] = deque(maxlen=round(WINDOW_SECONDS / INTERVAL_SECONDS))
        self._woken_at = time.monotonic()
        self._main_thread = _threading.get_ident()

    def start(self) -> None:
        HUB_LAG.set_function(self.longest_lag)
        eventlet.spawn_n(self._measure)
        _threading.Thread(target=self._watch, name="hub-monitor", daemon=True).start()

    def longest_lag(self) -> float:
        """Seconds; of the last minute, a block that still lasts included."""
        return max([*self._lags, self._current_lag(), 0.0])

    def _current_lag(self) -> float:
        return time.monotonic() - self._woken_at - INTERVAL_SECONDS

    def _measure(self) -> None:
        while True:
            self._woken_at = time.monotonic()
            eventlet.sleep(INTERVAL_SECONDS)
            self._lags.append(max(self._current_lag(), 0.0))

    def _watch(self) -> None:
        reported = 0.0
        while True:
            _time.sleep(BLOCKED_SECONDS / 2)
            woken_at, lag = self._woken_at, self._current_lag()
            if lag > BLOCKED_SECONDS and woken_at != reported:
                reported = woken_at
                self._report(lag, sys._current_frames().get(self._main_thread))

    def _report(self, lag: float, frame: FrameType | None) -> None:
        """Written without structlog, whose lock belongs to the greenthreads of the blocked thread."""
        line = {
            "process": self._process,
            "event": "hub_blocked",
            "seconds": round(lag, 1),
            **handler_of(frame),
            "level": "warning",
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }
        _os.write(sys.stdout.fileno(), orjson.dumps(line) + b"\n")


def handler_of(frame: FrameType | None) -> dict[str, str]:
    """Service and method of the Nameko worker that a stack belongs to, and the innermost line of our own code."""
    handler: dict[str, str] = {}
    while frame is not None:
        code = frame.f_code
        if (
            "line" not in handler
            and "site-packages" not in code.co_filename
            and ("services" in code.co_filename or "tests" in code.co_filename)
        ):
            handler["line"] = f"{code.co_filename}:{frame.f_lineno} {code.co_name}"
        if code.co_name == "_run_worker" and (worker := frame.f_locals.get("worker_ctx")) is not None:
            handler |= {"service": worker.service_name, "method": worker.entrypoint.method_name}
        frame = frame.f_back
    return handler
