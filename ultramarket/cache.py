"""Download cache of the user, shared by all checkouts."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ultramarket"


@contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `target` if the block succeeds and is removed if it raises."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield work
        # mkdtemp makes it for the owner alone; a non-root server must be able to read it.
        work.chmod(0o755)
        # Another process may have installed the same version meanwhile: keep that one.
        with suppress(FileExistsError, OSError):
            work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
