"""Template sandbox: which Jinja2 constructs administrators' texts may use, with bounded cost."""

from typing import Any, Final

from jinja2 import Environment, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

MAX_LENGTH: Final = 10_000
"""Maximum length of a text that is repeated by `*`."""
FILTERS: Final = frozenset(
    {"abs", "capitalize", "default", "d", "first", "int", "join", "last", "length", "lower", "round", "title", "trim",
     "truncate", "upper"}
)  # fmt: skip


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """Jinja2's immutable sandbox, with limits on `*`, `**` and `%`."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Evaluate a binary operator. Raises `SecurityError` beyond the limits."""
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise SecurityError(f"the operator {operator} is not allowed")
        if operator == "*":
            for text, times in ((left, right), (right, left)):
                if hasattr(text, "__len__") and isinstance(times, int) and len(text) * times > MAX_LENGTH:
                    raise SecurityError("the repeated text is too long")
        return super().call_binop(context, operator, left, right)


def check(environment: Environment, source: str) -> None:
    """Check a template's source. Raises `SecurityError` for forbidden constructs, `TemplateSyntaxError`."""
    tree = environment.parse(source)
    _refuse(tree.find(nodes.Call) is not None, "function calls are not allowed")
    for kind in (
        nodes.Macro,
        nodes.CallBlock,
        nodes.Include,
        nodes.Import,
        nodes.FromImport,
        nodes.Extends,
        nodes.Block,
    ):
        _refuse(tree.find(kind) is not None, f"{kind.__name__.lower()} is not allowed")
    for loop in tree.find_all(nodes.For):
        _refuse(loop.find(nodes.For) is not None, "nested loops are not allowed")
    for used in tree.find_all(nodes.Filter):
        _refuse(used.name not in FILTERS, f"the filter {used.name} is not allowed")
        inside = [inner for inner in used.find_all(nodes.Filter) if inner.name == used.name == "join"]
        _refuse(bool(inside), "join is allowed once")


def _refuse(forbidden: bool, reason: str) -> None:
    if forbidden:
        raise SecurityError(reason)
