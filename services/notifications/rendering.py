"""Templates: Jinja2, sandboxed, HTML escaped; each message as HTML and as text."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.notifications.domain import Message


@dataclass(frozen=True)
class Rendered:
    """A message as it is sent."""

    subject: str
    html: str
    text: str


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(message: Message, shop_name: str, shop_url: str) -> Rendered:
    """Fill the templates of the message's kind. Raises `jinja2.UndefinedError` for a fact that is missing."""
    facts = {"subject": message.subject, "shop_name": shop_name, "shop_url": shop_url, **message.facts}
    environment = _environment()
    return Rendered(
        subject=message.subject,
        html=environment.get_template(f"{message.kind}.html").render(facts),
        text=environment.get_template(f"{message.kind}.txt").render(facts),
    )
