"""Every query on messages: one document per message, whatever becomes of it."""

from datetime import datetime, timedelta
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from schemas.events.base import Event
from schemas.events.notifications import NotificationFailed, NotificationSent
from services.chassis import clock
from services.chassis.errors import ServiceUnavailable
from services.chassis.stores.mongo import MongoStore
from services.notifications.domain import Message

LEASE: Final = timedelta(minutes=2)
"""Longer than a mail server may take: who holds a message for so long has died."""


class MessageStore(MongoStore):
    """The collection `messages`; its `_id` is the event and the channel, so an event makes one message.

    What a message has to say of itself is carried in it until it is published.
    """

    hot_collections = ("messages",)

    def indexes(self) -> None:
        super().indexes()
        self.db["messages"].create_index([("recipient", 1), ("created_at", -1)])

    def take_on(self, message: Message) -> bool:
        """Make the message this worker's for two minutes; False when it was sent, or refused for good, before.

        Raises `ServiceUnavailable` while another worker has it: its event comes again, for the other may die.
        """
        now = clock.now()
        document = {
            "_id": message.id,
            "kind": message.kind,
            "channel": message.channel,
            "recipient": message.recipient,
            "to": message.to,
            "subject": message.subject,
            "status": "queued",
            "leased_until": now + LEASE,
            "created_at": now,
        }
        try:
            self.db["messages"].insert_one(document)
        except DuplicateKeyError:
            return self._take_over(message, now + LEASE)
        return True

    def put_back(self, message: Message) -> None:
        """The message couldn't be sent for now: whoever comes next may try."""
        self.db["messages"].update_one({"_id": message.id, "status": "queued"}, {"$unset": {"leased_until": ""}})

    def sent(self, message: Message) -> None:
        """Record that the message has left, and say so."""
        event = NotificationSent(
            notification_id=message.id, recipient=message.recipient, kind=message.kind, channel=message.channel
        )
        self._close(message, event, {"status": "sent", "sent_at": clock.now()})

    def refused(self, message: Message, reason: str) -> None:
        """Record that the message can't be delivered, and say so."""
        event = NotificationFailed(
            notification_id=message.id,
            recipient=message.recipient,
            kind=message.kind,
            channel=message.channel,
            reason=reason,
        )
        self._close(message, event, {"status": "failed", "reason": reason, "failed_at": clock.now()})

    def _take_over(self, message: Message, until: datetime) -> bool:
        free = {"_id": message.id, "status": "queued", "leased_until": {"$not": {"$gt": clock.now()}}}
        if self.db["messages"].update_one(free, {"$set": {"leased_until": until}}).modified_count:
            return True
        if self.db["messages"].find_one({"_id": message.id, "status": "queued"}, {"_id": 1}):
            raise ServiceUnavailable("The message is being sent")
        return False

    def _close(self, message: Message, event: Event, values: dict[str, Any]) -> None:
        self.db["messages"].update_one(
            {"_id": message.id, "status": "queued"},
            {"$set": values, "$unset": {"leased_until": ""}, "$push": {"outbox": self.pending(event)}},
        )
