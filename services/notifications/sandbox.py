"""What an administrator's text may do: say facts, choose, go through a list. Nothing that could keep a process busy."""

from typing import Any, Final

from jinja2 import Environment, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

LONGEST: Final = 10_000
"""Characters that a repeated text may come to."""
FILTERS: Final = frozenset(
    {"abs", "capitalize", "default", "d", "first", "int", "join", "last", "length", "lower", "round", "title", "trim",
     "truncate", "upper"}
)  # fmt: skip


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's own, in which a text can't be multiplied without end."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Raises `SecurityError`."""
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise SecurityError(f"{operator} is not for messages")
        if operator == "*":
            for text, times in ((left, right), (right, left)):
                if hasattr(text, "__len__") and isinstance(times, int) and len(text) * times > LONGEST:
                    raise SecurityError("this would be too long")
        return super().call_binop(context, operator, left, right)


def check(environment: Environment, source: str) -> None:
    """Raises `SecurityError` for what is no text with facts, `TemplateSyntaxError` for what is no template."""
    tree = environment.parse(source)
    _refuse(tree.find(nodes.Call) is not None, "functions can't be called")
    for kind in (
        nodes.Macro,
        nodes.CallBlock,
        nodes.Include,
        nodes.Import,
        nodes.FromImport,
        nodes.Extends,
        nodes.Block,
    ):
        _refuse(tree.find(kind) is not None, f"{kind.__name__.lower()} is not for messages")
    for loop in tree.find_all(nodes.For):
        _refuse(loop.find(nodes.For) is not None, "a loop within a loop is not for messages")
    for used in tree.find_all(nodes.Filter):
        _refuse(used.name not in FILTERS, f"the filter {used.name} is not for messages")
        inside = [inner for inner in used.find_all(nodes.Filter) if inner.name == used.name == "join"]
        _refuse(bool(inside), "join goes once")


def _refuse(wrong: bool, why: str) -> None:
    if wrong:
        raise SecurityError(why)
