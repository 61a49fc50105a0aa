"""Worker process that renders administrators' texts: `python -m services.notifications.text_worker FD`.

What a text may cost can't be told from its source, so it is rendered apart from the service, within limits of memory,
time and length.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError

from services.chassis.runtime import worker_process
from services.notifications.template_sandbox import TemplateSandbox

MAX_MEMORY: Final = 256 << 20
MAX_SECONDS: Final = 5
"""For a text whose service has ended; the service itself ends a slow one earlier."""
MAX_LENGTH: Final = 20_000
"""Characters of all texts of a message."""
RENDERING_ERRORS: Final = (TemplateError, TypeError, ValueError, ArithmeticError)
"""What a text raises that does not fit its facts."""


class TextTooLong(ValueError):
    """The texts have more than `MAX_LENGTH` characters."""

    def __init__(self) -> None:
        super().__init__(f"the text has more than {MAX_LENGTH} characters")


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Render the request's `texts` with its `facts`: `{texts}`, or `{error}`."""
    try:
        return {"texts": _Rendering(request["facts"]).of(request["texts"])}
    except RENDERING_ERRORS as error:
        return {"error": str(error)}
    except (MemoryError, RecursionError):
        return {"error": "the text needs too much memory"}


class _Rendering:
    """Renders all strings in a structure, and counts their characters."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts, self.left = facts, MAX_LENGTH

    def of(self, value: Any) -> Any:
        if isinstance(value, str):
            return "".join(self._pieces(value))
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        if isinstance(value, dict):
            return {name: self.of(inner) for name, inner in value.items()}
        return value

    def _pieces(self, source: str) -> list[str]:
        pieces = []
        for piece in _compiled(source).generate(self.facts):
            self.left -= len(piece)
            if self.left < 0:
                raise TextTooLong
            pieces.append(piece)
        return pieces


@lru_cache(maxsize=512)
def _compiled(source: str) -> Any:
    return _environment().from_string(source)


@lru_cache(maxsize=1)
def _environment() -> TemplateSandbox:
    return TemplateSandbox(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


if __name__ == "__main__":
    worker_process.run(serve, MAX_MEMORY, MAX_SECONDS)
