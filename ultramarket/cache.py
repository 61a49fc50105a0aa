"""Downloads, kept once per user for every checkout."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ultramarket"


@contextmanager
def installed_whole(target: Path) -> Iterator[Path]:
    """Fill the folder that this gives; it becomes `target` when all went well, and is gone when it didn't."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield work
        # mkdtemp makes it for the owner alone; a non-root server must be able to read it.
        work.chmod(0o755)
        # Somebody else may have been quicker: theirs is as good as ours.
        with suppress(FileExistsError, OSError):
            work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
