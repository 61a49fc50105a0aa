"""Interface of the e-mail provider."""

from typing import Protocol

from services.notifications.domain.messages import Message
from services.notifications.rendering import Rendered


class AddressRefused(Exception):
    """The recipient's address is permanently rejected."""


class Mailer(Protocol):
    """Sends mails. Raises `AddressRefused`, or `ServiceUnavailable` for a temporary failure."""

    def send(self, message: Message, rendered: Rendered) -> None:
        """Send a message. A repeated one has the same Message-ID."""
