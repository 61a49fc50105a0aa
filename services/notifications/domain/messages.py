"""Drafts of notifications, and the messages of single channels."""

from dataclasses import dataclass, field
from typing import Any

from services.notifications.domain.kinds import KINDS


@dataclass(frozen=True)
class Message:
    """A message to one recipient by one channel. The id makes it unique per event and channel."""

    id: str
    kind: str
    channel: str
    recipient: str
    """The account id, or a guest's e-mail address."""
    to: str
    """E-mail address, phone number or push endpoint; the account id for in-app messages."""
    subject: str = ""
    """Empty: the subject of the template."""
    facts: dict[str, Any] = field(default_factory=dict)
    """The variables of the template."""
    locale: str = "en"
    request_id: str | None = None
    """The request that caused the message."""

    @property
    def transactional(self) -> bool:
        return KINDS[self.kind].transactional


@dataclass(frozen=True)
class Draft:
    """A notification caused by an event, before the choice of channels."""

    event_id: str
    kind: str
    user_id: str | None
    email: str | None
    facts: dict[str, Any]
    request_id: str | None = None

    def message(self, channel: str, to: str, locale: str) -> Message:
        """The message of this draft for one channel."""
        recipient = self.user_id or self.email or to
        message_id = f"{self.event_id}:{channel}"
        return Message(message_id, self.kind, channel, recipient, to, "", self.facts, locale, self.request_id)
