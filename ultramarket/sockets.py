"""Unix sockets of an instance: supervisord's, and one for each process that runs services."""

import os
import tempfile
from pathlib import Path
from typing import Final

from ultramarket.instance import Instance

LONGEST_PATH: Final = 100
"""Bytes; the kernel's limit for the path of a Unix socket is 107."""


def supervisor_socket(instance: Instance) -> Path:
    return _path(instance, "supervisor")


def control_socket(instance: Instance, process: str) -> Path:
    """Where a process takes commands for its services."""
    return _path(instance, process)


def sockets(instance: Instance) -> list[Path]:
    """The sockets that exist; a process that was killed leaves its own behind."""
    example = control_socket(instance, "*")
    return list(example.parent.glob(example.name))


def _path(instance: Instance, name: str) -> Path:
    """In the instance's folder, or, where that path is too long, in a private folder of the user."""
    path = instance.folder / "sockets" / f"{name}.sock"
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    return Path(tempfile.gettempdir()) / f"ultramarket-{os.getuid()}" / f"{instance.short_id}-{name}.sock"
