"""Port blocks allocated to the instances of all checkouts of this user.

A block looks free until its servers run. Without this file, two instances created at the same moment in two checkouts
would choose the same block, and an instance that is down would lose its ports.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ultramarket.cache import CACHE


@contextmanager
def allocated_ports() -> Iterator[dict[str, int]]:
    """First port of each instance's block by the instance's folder. Changes are saved; holds a lock meanwhile."""
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / "ports.json"
    with (CACHE / "ports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        saved: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        existing = {folder: base for folder, base in saved.items() if (Path(folder) / "instance.json").exists()}
        yield existing
        new = path.with_suffix(".new")
        new.write_text(json.dumps(existing, indent=2))
        new.replace(path)
