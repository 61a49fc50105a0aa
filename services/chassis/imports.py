"""Libraries that import others just in case: without them each of our processes is megabytes smaller."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Within the block these modules can't be imported, as if they weren't installed; what is loaded stays."""
    missing = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(missing))  # type: ignore[arg-type]  # None: "not to be had", says the import system
    try:
        yield
    finally:
        for name in missing:
            sys.modules.pop(name, None)
