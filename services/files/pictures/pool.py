"""The picture workers: a few processes, started when there is a picture, one picture at a time each."""

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
    """One process and our end of its socket."""

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

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Raises `OSError` when the process has ended, `TimeoutError` when it takes too long."""
        self.socket.settimeout(seconds)
        self.lines.write(json.dumps(request).encode() + b"\n")
        self.lines.flush()
        line = self.lines.readline()
        if not line:
            raise ConnectionResetError("the picture worker has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.close()


class PicturePool:
    """At most `size` pictures at once; others wait for their turn."""

    def __init__(self, size: int, seconds: float, max_pixels: int) -> None:
        self.seconds, self.max_pixels = seconds, max_pixels
        self._turn = threading.Semaphore(size)
        self._idle: deque[Worker] = deque()

    def encode(self, source: Path, folder: Path) -> dict[str, Any]:
        """See `encoding.encode`. Raises `ValidationFailed` for a picture that can't be taken."""
        request = {"source": str(source), "folder": str(folder), "max_pixels": self.max_pixels}
        with self._turn:
            answer = self._ask(request)
        if "unfit" in answer:
            raise ValidationFailed.of("file", answer["unfit"])
        return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop().end()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """An idle worker may end just when it is asked: a fresh one doesn't."""
        while True:
            used = self._idle.pop() if self._idle else None
            worker = used or Worker()
            try:
                answer = worker.ask(request, self.seconds)
            except BaseException as failed:
                worker.end()
                if used is not None and isinstance(failed, ConnectionError):
                    continue
                raise self._refusal(failed) from failed
            self._idle.append(worker)
            return answer

    @staticmethod
    def _refusal(failed: BaseException) -> BaseException:
        log.warning("picture_worker_lost", error=type(failed).__name__)
        if isinstance(failed, TimeoutError):
            return ValidationFailed.of("file", "takes too long to decode")
        return ServiceUnavailable("The picture could not be worked on") if isinstance(failed, OSError) else failed
