"""What every step stands on: a shop to ask, a console to tell it on, and patience."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.markup import escape

from ultramarket.api_client import ApiClient
from ultramarket.instance import Instance

Found = TypeVar("Found")
PATIENCE_SECONDS: Final = 20
"""For what happens behind the customer's back: the mail, the figures, the records in Kafka."""


class DemoFailed(Exception):
    """A step that was answered, but not with what a customer would expect."""


class DemoSession:
    """One customer's view of the shop. `visit` is the session that her looking around is counted under."""

    def __init__(self, instance: Instance, console: Console) -> None:
        self.instance = instance
        self.console = console
        self.api = ApiClient(instance.gateway_url)
        self.visit = f"demo-{secrets.token_hex(6)}"

    def tell(self, what: str, meaning: str) -> None:
        self.console.print(f"\n[bold cyan]{escape(what)}[/]\n  {meaning}", soft_wrap=True)

    def detail(self, text: str) -> None:
        self.console.print(f"    {text}", soft_wrap=True)

    def now(self) -> str:
        return datetime.now(UTC).isoformat()

    def until(self, look: Callable[[], Found | None], complaint: str) -> Found:
        """What `look` finds, asked again until it is something. Raises `DemoFailed` when patience is over."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            if time.monotonic() > end:
                raise DemoFailed(complaint)
            time.sleep(0.2)
        return found


def money(value: dict[str, Any]) -> str:
    """As people write it; every currency that the demo shop has divides into a hundred."""
    return f"{value['amount'] / 100:.2f} {value['currency']}"
