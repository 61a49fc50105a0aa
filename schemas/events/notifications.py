"""Events of the notifications service. They contain no addresses of account holders."""

from schemas.events.base import Event


class NotificationSent(Event, source="notifications", subject="recipient", version=1):
    """A message was sent. `recipient` is the account id, or a guest's e-mail address."""

    notification_id: str
    recipient: str
    kind: str
    channel: str


class NotificationFailed(Event, source="notifications", subject="recipient", version=1):
    """A message has failed permanently: the address was rejected."""

    notification_id: str
    recipient: str
    kind: str
    channel: str
    reason: str
