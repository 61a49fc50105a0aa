"""Log files of an instance: filtered, merged by time, followed."""

import json
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
POLL_SECONDS: Final = 0.2


@dataclass(frozen=True)
class LogLine:
    """One line of a log file; `fields` is None where it is not JSON (the servers' own logs)."""

    process: str
    text: str
    fields: dict[str, Any] | None

    @property
    def timestamp(self) -> str:
        return str((self.fields or {}).get("timestamp", ""))


@dataclass(frozen=True)
class Filter:
    """Which lines to show. A line that is not JSON passes only without a filter for level, request or service."""

    service: str | None = None
    """In the log of a process that runs several services: the lines of this one."""
    level: str | None = None
    """At least this level."""
    request_id: str | None = None

    def accepts(self, line: LogLine) -> bool:
        fields = line.fields
        if fields is None:
            return self.level is self.request_id is self.service is None
        return (
            (self.request_id is None or fields.get("request_id") == self.request_id)
            and (self.level is None or _rank(fields.get("level")) >= _rank(self.level))
            and (self.service is None or fields.get("service", self.service) == self.service)
        )


def _rank(level: Any) -> int:
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("info")


def parse(process: str, text: str) -> LogLine:
    """A line of a log file."""
    fields = None
    if text.startswith("{"):
        try:
            fields = json.loads(text)
        except ValueError:  # cut by a crash in the middle of the line
            fields = None
    return LogLine(process, text.rstrip("\n"), fields)


def last_lines(files: Iterable[Path], accepted: Filter, count: int) -> list[LogLine]:
    """The last `count` accepted lines of all files together, in the order of their timestamps."""
    merged: list[tuple[str, int, LogLine]] = []
    for path in files:
        lines: deque[tuple[str, int, LogLine]] = deque(maxlen=count)
        timestamp = ""
        with path.open(errors="replace") as file:
            for number, text in enumerate(file):
                line = parse(path.stem, text)
                timestamp = line.timestamp or timestamp  # lines without one belong to the line before
                if accepted.accepts(line):
                    lines.append((timestamp, number, line))
        merged += lines
    merged.sort(key=lambda entry: entry[:2])
    return [line for _, _, line in merged[len(merged) - count if count < len(merged) else 0 :]]


@dataclass
class Follower:
    """Reads what is appended to log files, also after supervisord has rotated them."""

    files: list[Path]
    _open: dict[Path, TextIO] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.files:
            self._open[path] = path.open(errors="replace")
            self._open[path].seek(0, 2)

    def lines(self) -> Iterator[LogLine]:
        """New lines as they come, without end."""
        while True:
            quiet = True
            for path in self.files:
                for text in self._appended(path):
                    quiet = False
                    yield parse(path.stem, text)
            if quiet:
                time.sleep(POLL_SECONDS)

    def _appended(self, path: Path) -> Iterator[str]:
        file = self._open[path]
        position = file.tell()
        while text := file.readline():
            if not text.endswith("\n"):  # half a line: read it again when it is complete
                file.seek(position)
                return
            position = file.tell()
            yield text
        try:
            rotated = path.stat().st_ino != _inode(file)
        except FileNotFoundError:
            return
        if rotated:
            file.close()
            self._open[path] = path.open(errors="replace")


def _inode(file: TextIO) -> int:
    import os

    return os.fstat(file.fileno()).st_ino
