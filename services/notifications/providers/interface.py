"""What a carrier of messages can be asked."""

from typing import Protocol

from services.notifications.domain.messages import Message
from services.notifications.rendering import Rendered


class AddressRefused(Exception):
    """The recipient's address is no good: trying again is of no use."""


class Mailer(Protocol):
    """Raises `AddressRefused`, or `ServiceUnavailable` when it should be tried again."""

    def send(self, message: Message, rendered: Rendered) -> None:
        """Hand the message over. A repeated one carries the same Message-ID."""
