"""No regular expression of ours takes quadratic time; those of models run in Rust, in linear time."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.regular_expressions import Expression, attacks, in_source, method_of, seconds

PACKAGES: Final = ("gateway_flask", "kafka_bridge", "schemas", "services")
UNITS = ("a", " ", "-", "1", "1.", "a.", "a-", "www.", "a@", "a ", "0,", "under ", "between 1 and ", "\u0000", '"', "(")
"""What long inputs are made of: repeated parts of what the expressions look for."""
STEPS: Final = (*range(14, 200, 3), 200, 500, 1_000, 10_000)
"""Lengths of texts. The short ones find exponential time before it takes hours."""
LONG_SECONDS: Final = 0.02
"""Ten times more than a linear expression takes for the longest text."""
SHORT_SECONDS: Final = 0.1
"""Far more than a linear expression takes for a shorter text."""
BOUNDED: Final = {
    "gateway_flask/middleware/security_headers.py": 5_000,  # pages of our own
    "services/search/engine/preview.py": 1_000,  # explanations of one word of a query, which has at most 200 characters
}
"""Expressions for texts that are short, and their greatest length."""


TEXTS: Final = {path: path.read_text() for package in PACKAGES for path in sorted(Path(package).rglob("*.py"))}


def compiled() -> Iterator[Expression]:
    """Every compiled expression of a module: also those that are put together."""
    everything = "\n".join(TEXTS.values())
    for path, text in TEXTS.items():
        if "re.compile(" in text:
            module = importlib.import_module(".".join(path.with_suffix("").parts))
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern):
                    uses = re.findall(rf"\b{name}\.(\w+)\(", text if name.startswith("_") else everything)
                    yield Expression(f"{path}.{name}", value.pattern, value.flags, method_of(uses))


SOURCE = list(in_source(PACKAGES))
COMPILED = list(compiled())
OTHERS = [
    entry
    for entry in SOURCE
    if isinstance(entry, Expression) and entry.pattern not in {each.pattern for each in COMPILED}
]
DISTINCT = list({(each.pattern, each.flags, each.method): each for each in [*OTHERS, *COMPILED]}.values())


def slow_text(expression: Expression, longest: int) -> tuple[str, str, list[float]] | None:
    """The beginning and the repeated part of a text for which the time grows faster than its length."""
    for before, unit in [*(("", unit) for unit in UNITS), *attacks(expression)]:
        times: list[float] = []
        for size in (step for step in STEPS if step <= longest):
            times.append(seconds(expression, before + unit * (size // len(unit))))
            if size < STEPS[-1] and times[-1] > SHORT_SECONDS:
                return before, unit, times
        if len(times) == len(STEPS) and times[-1] > LONG_SECONDS and times[-1] > 40 * times[-2]:
            return before, unit, times
    return None


@pytest.mark.parametrize("expression", DISTINCT, ids=lambda expression: expression.at)
def test_long_input_takes_linear_time(expression: Expression) -> None:
    longest = next((length for path, length in BOUNDED.items() if expression.at.startswith(path)), STEPS[-1])

    assert slow_text(expression, longest) is None


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(a+)+$",
        r"^(a|aa)+$",
        r"\s+$",
        r"a*a*b",
        r"<script>(.*?)</script>",
        r"^(\d+,?)*;$",
        r"\w+@\w+x",
        r"x(?:-?[a-z])+:",
    ],
)
def test_slow_expression_is_noticed(pattern: str) -> None:
    assert slow_text(Expression("here", pattern), STEPS[-1]) is not None


def test_expressions_are_collected() -> None:
    put_together = [entry for entry in SOURCE if isinstance(entry, str)]
    modules = {place.partition(":")[0] for place in put_together}

    assert len(DISTINCT) > 30
    assert modules == {"services/search/domain/query_parsing.py", "gateway_flask/tracking/behaviour.py"}


def test_models_use_the_linear_engine() -> None:
    """pydantic's default engine has no backtracking; `python-re` does."""
    assert [str(path) for path, text in TEXTS.items() if "regex_engine" in text or "python-re" in text] == []
