"""Returns freed memory to the operating system (glibc would keep it), and keeps the collector off what stays."""

import ctypes
import gc
from typing import Final

THRESHOLDS: Final = (5_000, 10, 50)
"""Of the collector's generations: a batch of messages has thousands of objects, most of which live as long as it."""


def settle() -> None:
    """Free what only the start needed: 5 to 15 MB where Python compiled its imports.

    What is left stays: classes, functions, code. A full collection need not walk through it any more, which took 0.3 s
    in a process of ten services, and came with each wave of messages.
    """
    gc.collect()
    trim()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def trim() -> None:
    """Call glibc's `malloc_trim`, where there is one."""
    if (malloc_trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        malloc_trim(0)
