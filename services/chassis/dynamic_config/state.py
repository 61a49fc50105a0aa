"""The settings and flags in force in this process, with a snapshot file of the instance for the next start."""

import contextlib
import fcntl
import os
import threading
from pathlib import Path
from typing import Any

import orjson
import structlog
from pydantic import ValidationError

from schemas.api.config import FlagWrite
from schemas.config_declarations import KILL_SWITCHES, ON, SETTINGS
from schemas.permissions import roles
from schemas.permissions.roles import ROLES_KEY
from services.chassis.dynamic_config.flag_rules import parsed

log = structlog.get_logger()

Versioned = dict[str, tuple[Any, int]]
"""(value, version) by name."""


class State:
    """Settings, flags and roles of the process. Written by one thread, read by all: a change replaces the dicts."""

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._file = file
        self._settings: dict[str, tuple[Any, int]] = {}
        self._definitions: dict[str, tuple[dict[str, Any], int]] = {}
        self.flags: dict[str, FlagWrite] = dict.fromkeys(KILL_SWITCHES, ON)

    def value(self, key: str, otherwise: Any = None) -> Any:
        """A setting's value: set by an administrator, else its default, else `otherwise`."""
        value, _ = self._settings.get(key, (None, 0))
        if value is None:
            value = SETTINGS[key].default
        return otherwise if value is None else value

    def apply(self, settings: dict[str, Any], flags: dict[str, Any]) -> None:
        """Apply (value, version) by name where the version is newer than the present one."""
        with self._lock:
            changed = self._newer(self._settings, settings)
            self._settings = {**self._settings, **changed}
            if ROLES_KEY in changed:
                roles.define(changed[ROLES_KEY][0])
            renewed = self._newer(self._definitions, flags)
            self._definitions = {**self._definitions, **renewed}
            self.flags = {**self.flags, **_readable(renewed)}
            if changed or renewed:
                self._save(changed, renewed)

    def load_snapshot(self) -> None:
        """Load the last snapshot of the instance, for a start while config is not running."""
        if self._file is not None:
            snapshot = _read(self._file)
            self.apply(snapshot["settings"], snapshot["flags"])

    @staticmethod
    def _newer(current: dict[str, tuple[Any, int]], changes: dict[str, Any]) -> dict[str, tuple[Any, int]]:
        return {
            name: (value, version)
            for name, (value, version) in changes.items()
            if version > current.get(name, (None, 0))[1]
        }

    def _save(self, settings: Versioned, flags: Versioned) -> None:
        """Write the changes to the snapshot file, which all processes of the instance share, under a lock."""
        if self._file is None:
            return
        # A convenience: a read-only disk is no reason to stop.
        with contextlib.suppress(OSError), self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            merged = _read(self._file)
            for part, changes in (("settings", settings), ("flags", flags)):
                merged[part] = {**merged[part], **self._newer(merged[part], changes)}
            temporary = self._file.with_suffix(f".{os.getpid()}")
            temporary.write_bytes(orjson.dumps(merged))
            temporary.replace(self._file)


def _read(path: Path) -> dict[str, Any]:
    """The contents of the file; empty if it doesn't exist or can't be read."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        snapshot = orjson.loads(path.read_bytes())
        return {"settings": dict(snapshot["settings"]), "flags": dict(snapshot["flags"])}
    return {"settings": {}, "flags": {}}


def _readable(definitions: dict[str, tuple[dict[str, Any], int]]) -> dict[str, FlagWrite]:
    """The flags that this version of the code can parse; others keep their previous definition."""
    flags = {}
    for name, (definition, version) in definitions.items():
        try:
            flags[name] = parsed(definition)
        except ValidationError as unknown:
            log.warning("flag_not_understood", flag=name, version=version, error=str(unknown))
    return flags
