"""Memory that a process has freed: back to the system with it. The C library (glibc, if it is that) would keep it."""

import ctypes
import gc


def settle() -> None:
    """What the start needed goes back: where Python had to compile what it imports, 5 to 15 MB."""
    gc.collect()
    trim()


def trim() -> None:
    """Give free memory back to the system."""
    if (malloc_trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        malloc_trim(0)
