"""Every query on messages: one document per message, whatever becomes of it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import InsertOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from schemas.events.base import Event
from schemas.events.notifications import NotificationFailed, NotificationSent
from services.chassis.common import clock
from services.chassis.common.errors import NotFound, ServiceUnavailable
from services.chassis.common.paging import Paging, page
from services.chassis.stores.mongo import only_collisions
from services.notifications.domain.messages import Message
from services.notifications.rendering import Rendered

Document = dict[str, Any]
LEASE: Final = timedelta(minutes=2)
"""Longer than a mail server may take: who holds a message for so long has died."""
DELAYS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600))
"""How long a queued message waits after each attempt that failed; then it is given up."""
KEPT: Final = timedelta(days=180)


class Messages:
    """The collection `messages`; its `_id` is the event and the channel, so an event makes one message.

    What a message has to say of itself is carried in it until it is published.
    """

    def __init__(self, database: Database[Document], pending: Callable[[Event], Document]) -> None:
        self.messages = database["messages"]
        self.pending = pending

    def indexes(self) -> None:
        self.messages.create_index([("recipient", 1), ("created_at", -1)])
        self.messages.create_index(
            [("recipient", 1), ("read", 1)], partialFilterExpression={"channel": "in_app"}, name="in_app"
        )
        self.messages.create_index(
            [("urgent", -1), ("due", 1)], partialFilterExpression={"due": {"$exists": True}}, name="queue"
        )
        self.messages.create_index("created_at", expireAfterSeconds=int(KEPT.total_seconds()), name="age")

    def take_on(self, message: Message) -> bool:
        """Make the message this worker's for two minutes; False when it was sent, or refused for good, before.

        Raises `ServiceUnavailable` while another worker has it: its event comes again, for the other may die.
        """
        now = clock.now()
        try:
            self.messages.insert_one(_document(message, now) | {"leased_until": now + LEASE})
        except DuplicateKeyError:
            return self._take_over(message, now + LEASE)
        return True

    def queue(self, messages: Sequence[Message], due: datetime) -> None:
        """Leave messages to the sender, who takes those about an order first; what is there stays as it is."""
        now = clock.now()
        writes = [
            InsertOne(_document(message, now) | {"due": due, "facts": message.facts, "locale": message.locale})
            for message in messages
        ]
        try:
            self.messages.bulk_write(writes, ordered=False)
        except BulkWriteError as known:
            only_collisions(known)

    def next_queued(self) -> Message | None:
        """Take the most urgent message that is due, for two minutes."""
        now = clock.now()
        found = self.messages.find_one_and_update(
            {"due": {"$lte": now}, "status": "queued"},
            {"$set": {"due": now + LEASE}, "$inc": {"attempts": 1}},
            sort=[("urgent", -1), ("due", 1)],
            hint="queue",
        )
        if found is None:
            return None
        fields = ("kind", "channel", "recipient", "to", "subject", "facts", "locale")
        return Message(found["_id"], *(found[name] for name in fields))

    def try_again(self, message: Message, reason: str) -> None:
        """The attempt failed: wait, longer each time; after the last one it has failed for good."""
        found = self.messages.find_one({"_id": message.id}, {"attempts": 1}) or {}
        attempts = int(found.get("attempts", 1))
        if attempts > len(DELAYS):
            self.refused(message, reason)
            return
        due = clock.now() + DELAYS[attempts - 1]
        self.messages.update_one({"_id": message.id, "status": "queued"}, {"$set": {"due": due, "reason": reason}})

    def keep_in_app(self, message: Message, rendered: Rendered) -> None:
        """Put a message into somebody's list in the shop: that is its delivery."""
        now = clock.now()
        shown = {"title": rendered.title, "body": rendered.short, "read": False, "facts": message.facts}
        document = _document(message, now) | shown | {"status": "sent", "sent_at": now}
        document["outbox"] = [self.pending(_sent(message))]
        try:
            self.messages.insert_one(document)
        except DuplicateKeyError:
            return  # it is there already

    # -- what somebody reads ---------------------------------------------------------------------------------------

    def of_person(self, user_id: str, paging: Paging) -> Document:
        """Their list in the shop, the newest first."""
        wanted = {"recipient": user_id, "channel": "in_app"}
        found = self.messages.find(wanted).sort("created_at", -1).skip(paging.offset).limit(paging.limit)
        items = [
            {
                "id": message["_id"],
                "kind": message["kind"],
                "title": message["title"],
                "body": message["body"],
                "read": message["read"],
                "data": message["facts"],
                "created_at": clock.rfc3339(message["created_at"]),
            }
            for message in found
        ]
        return page(items, self.messages.count_documents(wanted), paging)

    def unread(self, user_id: str) -> int:
        return self.messages.count_documents({"recipient": user_id, "channel": "in_app", "read": False}, hint="in_app")

    def mark_read(self, user_id: str, message_id: str | None) -> int:
        """One message, or all of somebody's; how many were unread. Raises `NotFound` for one that isn't theirs."""
        mine: Document = {"recipient": user_id, "channel": "in_app"}
        if message_id is not None:
            mine["_id"] = message_id
            if self.messages.find_one(mine, {"_id": 1}) is None:
                raise NotFound("There is no such notification")
        return self.messages.update_many(mine | {"read": False}, {"$set": {"read": True}}).modified_count

    def deliveries(self, recipient: str, paging: Paging) -> Document:
        """What was sent to somebody by any channel, the newest first."""
        wanted = {"recipient": recipient}
        found = self.messages.find(wanted).sort("created_at", -1).skip(paging.offset).limit(paging.limit)
        items = [
            {
                "id": message["_id"],
                "kind": message["kind"],
                "channel": message["channel"],
                "recipient": message["recipient"],
                "subject": message.get("subject") or message.get("title"),
                "status": "pending" if message["status"] == "queued" else message["status"],
                "attempts": message.get("attempts", 1),
                "error": message.get("reason"),
                "created_at": clock.rfc3339(message["created_at"]),
                "sent_at": clock.rfc3339(message["sent_at"]) if message.get("sent_at") else None,
            }
            for message in found
        ]
        return page(items, self.messages.count_documents(wanted), paging)

    # -- what becomes of a message -----------------------------------------------------------------------------------

    def put_back(self, message: Message) -> None:
        """The message couldn't be sent for now: whoever comes next may try."""
        self.messages.update_one({"_id": message.id, "status": "queued"}, {"$unset": {"leased_until": ""}})

    def sent(self, message: Message) -> None:
        """Record that the message has left, and say so."""
        self._close(message, _sent(message), {"status": "sent", "sent_at": clock.now()})

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
        if self.messages.update_one(free, {"$set": {"leased_until": until}}).modified_count:
            return True
        if self.messages.find_one({"_id": message.id, "status": "queued"}, {"_id": 1}):
            raise ServiceUnavailable("The message is being sent")
        return False

    def _close(self, message: Message, event: Event, values: dict[str, Any]) -> None:
        self.messages.update_one(
            {"_id": message.id, "status": "queued"},
            {"$set": values, "$unset": {"leased_until": "", "due": ""}, "$push": {"outbox": self.pending(event)}},
        )


def _document(message: Message, now: datetime) -> Document:
    return {
        "_id": message.id,
        "kind": message.kind,
        "channel": message.channel,
        "recipient": message.recipient,
        "to": message.to,
        "subject": message.subject,
        "status": "queued",
        "urgent": message.transactional,
        "created_at": now,
    }


def _sent(message: Message) -> NotificationSent:
    return NotificationSent(
        notification_id=message.id, recipient=message.recipient, kind=message.kind, channel=message.channel
    )
