"""Pool of worker processes for work that may be slow, hostile or hungry for memory; the other side is `worker_process`.

Workers are started on demand, serve one request at a time, and are killed when one takes too long.
"""

import json
import socket
import subprocess
import sys
import threading
from collections import deque
from typing import Any

import structlog

log = structlog.get_logger()


class Worker:
    """A worker process and the socket to it."""

    def __init__(self, module: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self.socket = ours
        self.lines = ours.makefile("rwb")

    def send(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a request and wait for the reply. Raises `OSError` if the process has ended, `TimeoutError`."""
        self.socket.settimeout(seconds)
        self.lines.write(json.dumps(request).encode() + b"\n")
        self.lines.flush()
        line = self.lines.readline()
        if not line:
            raise ConnectionResetError("the worker has ended")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.close()


class WorkerPool:
    """Serves at most `size` requests concurrently, each in at most `seconds`; others wait."""

    def __init__(self, module: str, size: int, seconds: float) -> None:
        self.module, self.seconds = module, seconds
        self._turn = threading.Semaphore(size)
        self._idle: deque[Worker] = deque()

    def request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Have a worker serve a request. Raises `TimeoutError`, or `OSError` if the worker has ended meanwhile."""
        with self._turn:
            return self._request(request)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().end()

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Use an idle worker, which may have ended meanwhile, or start a new one."""
        while True:
            used = self._idle.pop() if self._idle else None
            worker = used or Worker(self.module)
            try:
                reply = worker.send(request, self.seconds)
            except BaseException as failed:
                worker.end()
                if used is not None and isinstance(failed, ConnectionError):
                    continue
                log.warning("worker_lost", module=self.module, error=type(failed).__name__)
                raise
            self._idle.append(worker)
            return reply
