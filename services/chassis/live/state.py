"""The last known settings and flags of this process, kept in a file beside the instance for the next start."""

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

import orjson
import structlog
from pydantic import ValidationError

from schemas.config import KILL_SWITCHES, ON, SETTINGS, FlagWrite
from services.chassis.live.rules import parsed

log = structlog.get_logger()


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
                self._keep()

    def recall(self) -> None:
        """Begin with what the instance's processes knew last: config may be away at the moment."""
        if self._kept is None or not self._kept.exists():
            return
        try:
            known = orjson.loads(self._kept.read_bytes())
            self.take(known["settings"], known["flags"])
        except (OSError, ValueError, KeyError) as unreadable:
            log.warning("kept_config_unreadable", error=str(unreadable))

    @staticmethod
    def _newer(known: dict[str, tuple[Any, int]], news: dict[str, Any]) -> dict[str, tuple[Any, int]]:
        return {
            name: (value, version) for name, (value, version) in news.items() if version > known.get(name, (None, 0))[1]
        }

    def _keep(self) -> None:
        if self._kept is None:
            return
        beside = self._kept.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):  # a convenience: a read-only disk is no reason to stop
            beside.write_bytes(orjson.dumps({"settings": self._settings, "flags": self._definitions}))
            beside.replace(self._kept)


def _readable(definitions: dict[str, tuple[dict[str, Any], int]]) -> dict[str, FlagWrite]:
    """The flags that this version of ours understands; another one stays what it was."""
    understood = {}
    for name, (definition, version) in definitions.items():
        try:
            understood[name] = parsed(definition)
        except ValidationError as unknown:
            log.warning("flag_not_understood", flag=name, version=version, error=str(unknown))
    return understood
