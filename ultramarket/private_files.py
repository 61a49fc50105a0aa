"""Modes of an instance's files: nobody but their owner can read them."""

import stat
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Final

PASSABLE: Final = 0o711
"""Of folders that servers with a user of their own pass through to their data; others can't list them."""
OTHERS: Final = 0o077


def make_private(folder: Path) -> None:
    """Take the rights of others off everything in the folder, and in data outside of it that it has links to."""
    outside = [link.resolve() for link in folder.iterdir() if link.is_symlink()]
    for path in chain(*(root.rglob("*") for root in (folder, *outside))):
        with suppress(FileNotFoundError):  # a server has removed it meanwhile
            mode = path.lstat().st_mode
            if mode & OTHERS and not stat.S_ISLNK(mode) and not stat.S_ISSOCK(mode):
                path.chmod(stat.S_IMODE(mode) & ~OTHERS)


def open_to_others(folder: Path) -> list[Path]:
    """Files and folders that others can read, write or enter; symbolic links have no mode."""
    return [path for path in sorted(folder.rglob("*")) if _is_open(path)]


def _is_open(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:  # a server has removed it meanwhile
        return False
    return not stat.S_ISLNK(mode) and bool(mode & OTHERS)
