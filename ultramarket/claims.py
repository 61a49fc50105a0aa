"""Whose block of ports is whose, over all checkouts of this user.

A block is free until its servers run: two instances that are made at the same moment, in two checkouts, would choose
the same one, and one that is down would find its ports taken.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ultramarket.cache import CACHE


@contextmanager
def claims() -> Iterator[dict[str, int]]:
    """The first port of every instance's block by the instance's folder, to be changed by one `up` at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    book = CACHE / "ports.json"
    with (CACHE / "ports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known: dict[str, int] = json.loads(book.read_text()) if book.exists() else {}
        living = {folder: base for folder, base in known.items() if (Path(folder) / "instance.json").exists()}
        yield living
        new = book.with_suffix(".new")
        new.write_text(json.dumps(living, indent=2))
        new.replace(book)
