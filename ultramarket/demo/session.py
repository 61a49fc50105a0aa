"""Session of the demonstration: an API client, output of its steps, and polling with a time limit."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from rich.console import Console
from rich.markup import escape

from ultramarket.api_client import ApiClient
from ultramarket.instance import Instance

Result = TypeVar("Result")
PATIENCE_SECONDS: Final = 20
"""For asynchronous effects: the mail, the figures, the records in Kafka."""


class DemoFailed(Exception):
    """A step had another result than a customer expects."""


class DemoSession:
    """The customer's client; her behaviour is tracked under `session_id`."""

    def __init__(self, instance: Instance, console: Console) -> None:
        self.instance = instance
        self.console = console
        self.client = ApiClient(instance.gateway_url)
        self.session_id = f"demo-{secrets.token_hex(6)}"

    def step(self, request: str, result: str) -> None:
        """Print a step: the request and what it did."""
        self.console.print(f"\n[bold cyan]{escape(request)}[/]\n  {result}", soft_wrap=True)

    def detail(self, text: str) -> None:
        """Print a detail of the last step."""
        self.console.print(f"    {text}", soft_wrap=True)

    def now(self) -> str:
        return datetime.now(UTC).isoformat()

    def poll(self, read: Callable[[], Result | None], error: str) -> Result:
        """The first result of `read` that is not empty. Raises `DemoFailed` with `error` when the time is over."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (result := read()):
            if time.monotonic() > end:
                raise DemoFailed(error)
            time.sleep(0.2)
        return result
