"""Libraries that import others just in case: without them each of our processes is megabytes smaller."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

OPTIONAL: Final = (
    "rich",  # structlog's tracebacks in colour; ours are JSON
    "yaml",  # kombu's: our messages are JSON
    "opentelemetry",  # redis's own metrics; `tracing` asks for it when a collector is set
    "pymongo.pyopenssl_context",  # loads cryptography, then falls back to the standard library's TLS
)
"""Companions of libraries that no process of ours uses by way of them."""


def begin() -> None:
    """Call this before anything else is imported: in this process `OPTIONAL` can't be, as if it weren't installed."""
    for name in OPTIONAL:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: "not to be had", says the import system


def find(name: str) -> None:
    """Have one of `OPTIONAL` after all, for who really needs it."""
    if sys.modules.get(name, ...) is None:
        del sys.modules[name]


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Within the block these modules can't be imported, as if they weren't installed; what is loaded stays."""
    missing = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(missing))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in missing:
            sys.modules.pop(name, None)


@contextmanager
def instead(name: str, **attributes: Any) -> Iterator[None]:
    """Within the block the module `name` has just these attributes, and nothing of it is loaded, unless it was."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = ModuleType(name)
    vars(sys.modules[name]).update(attributes)
    try:
        yield
    finally:
        del sys.modules[name]
