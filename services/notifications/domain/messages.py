"""What somebody is told: a draft of it, and the message that one channel carries."""

from dataclasses import dataclass, field
from typing import Any

from services.notifications.domain.kinds import KINDS


@dataclass(frozen=True)
class Message:
    """One message to one person over one channel. The id makes it one, however often its event comes."""

    id: str
    kind: str
    channel: str
    recipient: str
    """The account's id, or the guest's address."""
    to: str
    """An address, a telephone number, a device; nothing for what is read in the shop itself."""
    subject: str = ""
    """Empty: the template's own."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the template needs."""
    locale: str = "en"

    @property
    def transactional(self) -> bool:
        return KINDS[self.kind].transactional


@dataclass(frozen=True)
class Draft:
    """What an event wants somebody to know; by which channels is theirs to say."""

    event_id: str
    kind: str
    user_id: str | None
    email: str | None
    facts: dict[str, Any]

    def message(self, channel: str, to: str, locale: str) -> Message:
        """The draft as one channel carries it."""
        recipient = self.user_id or self.email or to
        return Message(f"{self.event_id}:{channel}", self.kind, channel, recipient, to, "", self.facts, locale)
