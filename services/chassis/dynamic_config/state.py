"""The last known settings and flags of this process, kept in a file beside the instance for the next start."""

import contextlib
import fcntl
import os
import threading
from pathlib import Path
from typing import Any

import orjson
import structlog
from pydantic import ValidationError

from schemas.api.config import KILL_SWITCHES, ON, SETTINGS, FlagWrite
from services.chassis.dynamic_config.flag_rules import parsed

log = structlog.get_logger()

Known = dict[str, tuple[Any, int]]
"""(value, version) by name."""


class State:
    """Changed by one thread, read by all: each change puts new dicts in place of the old ones."""

    def __init__(self, kept: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._kept = kept
        self._settings: dict[str, tuple[Any, int]] = {}
        self._definitions: dict[str, tuple[dict[str, Any], int]] = {}
        self.flags: dict[str, FlagWrite] = dict.fromkeys(KILL_SWITCHES, ON)

    def value(self, key: str, otherwise: Any = None) -> Any:
        """A declared setting: what an administrator has set, else its default, else `otherwise`."""
        value, _ = self._settings.get(key, (None, 0))
        if value is None:
            value = SETTINGS[key].default
        return otherwise if value is None else value

    def take(self, settings: dict[str, Any], flags: dict[str, Any]) -> None:
        """Take over (value, version) by name where the version is newer than what is known."""
        with self._lock:
            changed = self._newer(self._settings, settings)
            self._settings = {**self._settings, **changed}
            renewed = self._newer(self._definitions, flags)
            self._definitions = {**self._definitions, **renewed}
            self.flags = {**self.flags, **_readable(renewed)}
            if changed or renewed:
                self._keep(changed, renewed)

    def recall(self) -> None:
        """Begin with what the instance's processes knew last: config may be away at the moment."""
        if self._kept is not None:
            known = _read(self._kept)
            self.take(known["settings"], known["flags"])

    @staticmethod
    def _newer(known: dict[str, tuple[Any, int]], news: dict[str, Any]) -> dict[str, tuple[Any, int]]:
        return {
            name: (value, version) for name, (value, version) in news.items() if version > known.get(name, (None, 0))[1]
        }

    def _keep(self, settings: Known, flags: Known) -> None:
        """Put the news into the file. All processes of the instance write it: each adds what is newer, under a lock."""
        if self._kept is None:
            return
        # A convenience: a read-only disk is no reason to stop.
        with contextlib.suppress(OSError), self._kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = _read(self._kept)
            for part, news in (("settings", settings), ("flags", flags)):
                kept[part] = {**kept[part], **self._newer(kept[part], news)}
            beside = self._kept.with_suffix(f".{os.getpid()}")
            beside.write_bytes(orjson.dumps(kept))
            beside.replace(self._kept)


def _read(path: Path) -> dict[str, Any]:
    """What is in the file; nothing, if it isn't there or can't be read."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        known = orjson.loads(path.read_bytes())
        return {"settings": dict(known["settings"]), "flags": dict(known["flags"])}
    return {"settings": {}, "flags": {}}


def _readable(definitions: dict[str, tuple[dict[str, Any], int]]) -> dict[str, FlagWrite]:
    """The flags that this version of ours understands; another one stays what it was."""
    understood = {}
    for name, (definition, version) in definitions.items():
        try:
            understood[name] = parsed(definition)
        except ValidationError as unknown:
            log.warning("flag_not_understood", flag=name, version=version, error=str(unknown))
    return understood
