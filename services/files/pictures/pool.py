"""Pool of picture worker processes, started on demand; each encodes one picture at a time."""

import json
import socket
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

import structlog

from services.chassis.common.errors import ServiceUnavailable, ValidationFailed

log = structlog.get_logger()


class Worker:
    """A worker process and the socket to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.files.pictures.worker", str(theirs.fileno())],
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
            raise ConnectionResetError("the picture worker has ended")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.close()


class PicturePool:
    """Encodes at most `size` pictures concurrently; others wait."""

    def __init__(self, size: int, seconds: float, max_pixels: int) -> None:
        self.seconds, self.max_pixels = seconds, max_pixels
        self._turn = threading.Semaphore(size)
        self._idle: deque[Worker] = deque()

    def encode(self, source: Path, folder: Path) -> dict[str, Any]:
        """Encode a picture (see `encoding.encode`). Raises `ValidationFailed`, `ServiceUnavailable`."""
        request = {"source": str(source), "folder": str(folder), "max_pixels": self.max_pixels}
        with self._turn:
            reply = self._request(request)
        if "unfit" in reply:
            raise ValidationFailed.of("file", reply["unfit"])
        return reply

    def close(self) -> None:
        while self._idle:
            self._idle.pop().end()

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Use an idle worker, which may have ended meanwhile, or start a new one."""
        while True:
            used = self._idle.pop() if self._idle else None
            worker = used or Worker()
            try:
                reply = worker.send(request, self.seconds)
            except BaseException as failed:
                worker.end()
                if used is not None and isinstance(failed, ConnectionError):
                    continue
                raise self._error_response(failed) from failed
            self._idle.append(worker)
            return reply

    @staticmethod
    def _error_response(failed: BaseException) -> BaseException:
        log.warning("picture_worker_lost", error=type(failed).__name__)
        if isinstance(failed, TimeoutError):
            return ValidationFailed.of("file", "takes too long to decode")
        return ServiceUnavailable("The picture could not be processed") if isinstance(failed, OSError) else failed
