"""Every query on messages: one document per message, whatever becomes of it."""

from typing import Any

from pymongo.errors import DuplicateKeyError

from schemas.events.notifications import NotificationFailed, NotificationSent
from services.chassis import clock
from services.chassis.stores.mongo import MongoStore
from services.notifications.domain import Message


class MessageStore(MongoStore):
    """The collection `messages`; its `_id` is the event and the channel, so an event makes one message."""

    def indexes(self) -> None:
        super().indexes()
        self.db["messages"].create_index([("recipient", 1), ("created_at", -1)])

    def is_to_be_sent(self, message: Message) -> bool:
        """Record the message; False when it has been sent, or refused for good, before."""
        document = {
            "_id": message.id,
            "kind": message.kind,
            "channel": message.channel,
            "recipient": message.recipient,
            "to": message.to,
            "subject": message.subject,
            "status": "queued",
            "created_at": clock.now(),
        }
        try:
            self.db["messages"].insert_one(document)
        except DuplicateKeyError:
            known = self.db["messages"].find_one({"_id": message.id}, {"status": 1})
            return known is not None and known["status"] == "queued"
        return True

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

    def _close(self, message: Message, event: Any, values: dict[str, Any]) -> None:
        def work(session: Any) -> None:
            changed = self.db["messages"].update_one(
                {"_id": message.id, "status": "queued"}, {"$set": values}, session=session
            )
            if changed.modified_count:
                self.emit(session, event)

        self.in_transaction(work)
