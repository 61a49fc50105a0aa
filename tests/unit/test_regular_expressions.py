"""No regular expression of ours takes quadratic time; those of models run in Rust, in linear time."""

import importlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SIZE = 50_000
UNITS = ("a", " ", "-", "1", "1.", "a.", "a-", "www.", "a@", "a ", "0,", "under ", "between 1 and ", "\u0000", '"', "(")
"""What long inputs are made of: repeated parts of what the expressions look for."""


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """Every compiled expression of a module, by module and name."""
    for package in ("gateway_flask", "schemas", "services"):
        for path in sorted(Path(package).rglob("*.py")):
            if "re.compile(" in path.read_text():
                yield from of_module(importlib.import_module(".".join(path.with_suffix("").parts)))


def of_module(module: ModuleType) -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    for name, value in vars(module).items():
        if isinstance(value, re.Pattern):
            yield f"{module.__name__}.{name}", value


def seconds(pattern: re.Pattern[str] | re.Pattern[bytes], text: str) -> float:
    """CPU seconds of one search through a text that ends with something unexpected."""
    subject = text + "!\n"
    start = time.process_time()
    if isinstance(pattern.pattern, bytes):
        re.compile(pattern.pattern, pattern.flags).search(subject.encode())
    else:
        re.compile(pattern.pattern, pattern.flags).search(subject)
    return time.process_time() - start


PATTERNS = dict(patterns())


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_long_input_takes_linear_time(name: str) -> None:
    slow = {}
    for unit in UNITS:
        tenth, whole = (seconds(PATTERNS[name], unit * (size // len(unit))) for size in (SIZE // 10, SIZE))
        if whole > 0.05 and whole > 40 * tenth:
            slow[unit] = (tenth, whole)

    assert slow == {}


def test_expressions_are_collected() -> None:
    assert len(PATTERNS) > 15
