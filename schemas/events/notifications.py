"""What became of the messages that we send. Addresses are not repeated here."""

from schemas.events.base import Event


class NotificationSent(Event, source="notifications", subject="recipient", version=1):
    """A message has left the house. `recipient` is the account's id, or the guest's address."""

    notification_id: str
    recipient: str
    kind: str
    channel: str


class NotificationFailed(Event, source="notifications", subject="recipient", version=1):
    """A message could not be sent, for good: the address is refused."""

    notification_id: str
    recipient: str
    kind: str
    channel: str
    reason: str
