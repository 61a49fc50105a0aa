"""The regular expressions of our source, and texts that make a backtracking engine slow, derived from each of them."""

import ast
import re
import re._constants as codes
import re._parser as parser
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

FUNCTIONS: Final = frozenset({"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"})
MANY: Final = 10
"""Repetitions from which on a part can be long."""
SAMPLES: Final = 4
"""Characters tried of a class, texts tried of an alternative."""


@dataclass(frozen=True)
class Expression:
    """An expression given to `re`, and where."""

    at: str
    pattern: str | bytes
    flags: int = 0
    method: str = "search"
    """The method of its uses; `search` where that is not known."""


def in_source(packages: Sequence[str]) -> Iterator[Expression | str]:
    """The literal expressions of calls such as `re.sub(r"…", …)`; the place of those that are no literals."""
    for package in packages:
        for path in sorted(Path(package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _is_of_re(node.func):
                    yield _expression(node, f"{path}:{node.lineno}")


def _is_of_re(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "re"
        and function.attr in FUNCTIONS
    )


def _expression(call: ast.Call, at: str) -> Expression | str:
    pattern = next((word.value for word in call.keywords if word.arg == "pattern"), None) or call.args[0]
    named = [word.value for word in call.keywords if word.arg == "flags"]
    flags = [
        part.attr for value in [*named, *call.args[1:]] for part in ast.walk(value) if isinstance(part, ast.Attribute)
    ]
    if not isinstance(pattern, ast.Constant):
        return at
    bits = sum({int(re.RegexFlag[name]) for name in flags if name in re.RegexFlag.__members__})
    return Expression(at, pattern.value, bits, method_of([ast.unparse(call.func).removeprefix("re.")]))


def method_of(uses: Iterable[str]) -> str:
    """The method for these uses: `match` tries the beginning of a text only, `search` each place."""
    names = set(uses) & FUNCTIONS
    return "match" if names and names <= {"match", "fullmatch"} else "search"


def attacks(expression: Expression) -> list[tuple[str, str]]:
    """Beginnings and parts to repeat: each part of the expression that may be long, after what stands before it."""
    pattern = expression.pattern if isinstance(expression.pattern, str) else expression.pattern.decode("latin-1")
    tree = parser.parse(pattern, expression.flags)
    return list(dict.fromkeys(_repeated(list(tree), "")))


def _repeated(items: list[Any], before: str) -> Iterator[tuple[str, str]]:
    for code, argument in items:
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            _, most, inner = argument
            if most > MANY:
                for text in islice(_samples(list(inner)), SAMPLES):
                    yield before, text
                    yield "", before + text  # a search begins anywhere
            yield from _repeated(list(inner), before)
        elif code is codes.SUBPATTERN:
            yield from _repeated(list(argument[-1]), before)
        elif code is codes.BRANCH:
            for branch in argument[1]:
                yield from _repeated(list(branch), before)
        before += next(_samples([(code, argument)]), "")


def _samples(items: list[Any]) -> Iterator[str]:
    """Texts that match these parts, the shortest of each."""
    if not items:
        yield ""
        return
    code, argument = items[0]
    for head in islice(_matching(code, argument), SAMPLES):
        for rest in islice(_samples(items[1:]), SAMPLES):
            yield head + rest


def _matching(code: Any, argument: Any) -> Iterator[str]:
    if code is codes.LITERAL:
        yield chr(argument)
    elif code is codes.NOT_LITERAL:
        yield "a" if argument != ord("a") else "b"
    elif code is codes.ANY:
        yield "a"
    elif code is codes.IN:
        yield from _members(argument)
    elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        for text in islice(_samples(list(argument[2])), SAMPLES):
            yield text * max(argument[0], 1)
    elif code is codes.SUBPATTERN:
        yield from _samples(list(argument[-1]))
    elif code is codes.BRANCH:
        for branch in argument[1]:
            yield from islice(_samples(list(branch)), 1)
    else:
        yield ""


def _members(parts: list[Any]) -> Iterator[str]:
    """Characters of a class, one for each of its parts."""
    classes = {
        codes.CATEGORY_DIGIT: "1",
        codes.CATEGORY_SPACE: " ",
        codes.CATEGORY_WORD: "a",
        codes.CATEGORY_NOT_SPACE: "a",
    }
    candidates = [
        chr(argument)
        if code is codes.LITERAL
        else chr(argument[0])
        if code is codes.RANGE
        else classes.get(argument, "-")
        for code, argument in parts
        if code is not codes.NEGATE
    ]
    if parts[0][0] is codes.NEGATE:
        candidates = [char for char in "a1 -." if char not in candidates]
    yield from candidates


def seconds(expression: Expression, text: str) -> float:
    """CPU seconds for a text that ends with something unexpected."""
    compiled = re.compile(expression.pattern, expression.flags)  # type: ignore[type-var]
    subject: Any = text + "!\n"
    if isinstance(expression.pattern, bytes):
        subject = subject.encode("utf-8", "replace")
    start = time.process_time()
    getattr(compiled, expression.method)(subject)
    return time.process_time() - start
