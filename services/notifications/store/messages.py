"""Queries on messages: one document per message, with its delivery state."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import InsertOne, UpdateOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from schemas.events.base import Event
from schemas.events.notifications import NotificationFailed, NotificationSent
from services.chassis.common import clock, context
from services.chassis.common.errors import NotFound, ServiceUnavailable
from services.chassis.common.paging import DESCENDING, Keyset, Paging, SortKey
from services.chassis.stores.keyset_mongo import on_page, sort_of
from services.chassis.stores.mongo import only_collisions
from services.notifications.domain.messages import Message
from services.notifications.rendering import Rendered

Document = dict[str, Any]
LEASE: Final = timedelta(minutes=2)
"""How long a worker's claim on a message is valid; longer than any provider's time limit."""
RETRY_DELAYS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600))
"""Delays after failed attempts of a queued message; after the last one it has failed."""
RETENTION: Final = timedelta(days=180)
_NEWEST_FIRST: Final = (SortKey("created_at", DESCENDING, "moment"), SortKey("_id", DESCENDING, "text"))
IN_APP: Final = Keyset("notifications", _NEWEST_FIRST)
DELIVERIES: Final = Keyset("deliveries", _NEWEST_FIRST)


class Messages:
    """The collection `messages`. `_id` is event and channel, so an event causes one message per channel.

    Events about a message are stored in its field `outbox` until they are published.
    """

    def __init__(
        self, database: Database[Document], pending: Callable[[Event], Document], now: Callable[[], datetime]
    ) -> None:
        self.messages = database["messages"]
        self.pending = pending
        self._now = now

    def indexes(self) -> None:
        self.messages.create_index([("recipient", 1), ("created_at", -1), ("_id", -1)], name="of_recipient")
        self.messages.create_index(
            [("recipient", 1), ("channel", 1), ("created_at", -1), ("_id", -1)], name="of_recipient_by_channel"
        )
        if "recipient_1_created_at_-1" in self.messages.index_information():  # of before: without the id
            self.messages.drop_index("recipient_1_created_at_-1")
        self.messages.create_index(
            [("recipient", 1), ("read", 1)], partialFilterExpression={"channel": "in_app"}, name="in_app"
        )
        self.messages.create_index(
            [("urgent", -1), ("due", 1)], partialFilterExpression={"due": {"$exists": True}}, name="queue"
        )
        self.messages.create_index("created_at", expireAfterSeconds=int(RETENTION.total_seconds()), name="age")

    def claim(self, message: Message) -> bool:
        """Claim a message for `LEASE`; False if it was sent or has failed.

        Raises `ServiceUnavailable` while another worker has claimed it, so that the event is retried.
        """
        now = self._now()
        try:
            self.messages.insert_one(_document(message, now) | {"leased_until": now + LEASE})
        except DuplicateKeyError:
            return self._claim_expired(message, now + LEASE)
        return True

    def claim_all(self, messages: Sequence[Message]) -> tuple[list[Message], ServiceUnavailable | None]:
        """Claim messages as `claim` does, in one round trip; returns the claimed ones, and the failure of another."""
        now = self._now()
        try:
            documents = [_document(message, now) | {"leased_until": now + LEASE} for message in messages]
            self.messages.insert_many(documents, ordered=False)
        except BulkWriteError as duplicates:
            existing = set(only_collisions(duplicates))
        else:
            return list(messages), None
        claimed = [message for index, message in enumerate(messages) if index not in existing]
        failure = None
        for index in existing:
            try:
                if self._claim_expired(messages[index], now + LEASE):
                    claimed.append(messages[index])
            except ServiceUnavailable as busy:
                failure = busy
        return claimed, failure

    def queue(self, messages: Sequence[Message], due: datetime | None) -> None:
        """Queue messages for `next_queued`, due at a time or at once; existing ones are left unchanged."""
        now = self._now()
        writes = [
            InsertOne(_document(message, now) | {"due": due or now, "facts": message.facts, "locale": message.locale})
            for message in messages
        ]
        try:
            self.messages.bulk_write(writes, ordered=False)
        except BulkWriteError as duplicates:
            only_collisions(duplicates)

    def next_queued(self) -> Message | None:
        """Claim the most urgent due message for `LEASE`; None if there is none."""
        now = self._now()
        document = self.messages.find_one_and_update(
            {"due": {"$lte": now}, "status": "queued"},
            {"$set": {"due": now + LEASE}, "$inc": {"attempts": 1}},
            sort=[("urgent", -1), ("due", 1)],
            hint="queue",
        )
        if document is None:
            return None
        fields = ("kind", "channel", "recipient", "to", "subject", "facts", "locale")
        return Message(document["_id"], *(document[name] for name in fields))

    def retry_later(self, message: Message, reason: str) -> None:
        """Schedule the next attempt with a growing delay; after the last one the message has failed."""
        document = self.messages.find_one({"_id": message.id}, {"attempts": 1}) or {}
        attempts = int(document.get("attempts", 1))
        if attempts > len(RETRY_DELAYS):
            self.refused(message, reason)
            return
        due = self._now() + RETRY_DELAYS[attempts - 1]
        self.messages.update_one({"_id": message.id, "status": "queued"}, {"$set": {"due": due, "reason": reason}})

    def drop(self, message: Message) -> None:
        """Delete a queued message that is not wanted any more."""
        self.messages.delete_one({"_id": message.id, "status": "queued"})

    def add_in_app(self, message: Message, rendered: Rendered) -> None:
        """Store an in-app message, which is thereby delivered."""
        now = self._now()
        content = {"title": rendered.title, "body": rendered.short, "read": False, "facts": message.facts}
        document = _document(message, now) | content | {"status": "sent", "sent_at": now}
        document["outbox"] = [self.pending(_sent(message))]
        try:
            self.messages.insert_one(document)
        except DuplicateKeyError:
            return  # it exists

    # -- reading --------------------------------------------------------------------------------------------------

    def list_in_app(self, user_id: str, paging: Paging) -> Document:
        """A page of the account's in-app messages, the newest first."""
        query = {"recipient": user_id, "channel": "in_app"}
        page = self._page(query, IN_APP, paging)
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
            for message in page["items"]
        ]
        return page | {"items": items}

    def count_unread(self, user_id: str) -> int:
        """Number of unread in-app messages."""
        return self.messages.count_documents({"recipient": user_id, "channel": "in_app", "read": False}, hint="in_app")

    def mark_read(self, user_id: str, message_id: str | None) -> int:
        """Mark one or all in-app messages as read; returns how many were unread. Raises `NotFound`."""
        query: Document = {"recipient": user_id, "channel": "in_app"}
        if message_id is not None:
            query["_id"] = message_id
            if self.messages.find_one(query, {"_id": 1}) is None:
                raise NotFound("There is no such notification")
        return self.messages.update_many(query | {"read": False}, {"$set": {"read": True}}).modified_count

    def deliveries(self, recipient: str, paging: Paging) -> Document:
        """A page of the recipient's messages by all channels, the newest first."""
        query = {"recipient": recipient}
        page = self._page(query, DELIVERIES, paging)
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
            for message in page["items"]
        ]
        return page | {"items": items}

    def _page(self, query: Document, keyset: Keyset, paging: Paging) -> Document:
        rows = self.messages.find(on_page(query, keyset, paging)).sort(sort_of(keyset))
        return keyset.page(
            list(rows.skip(paging.offset).limit(paging.fetched)),
            self.messages.count_documents(query),
            paging,
            lambda last: (last["created_at"], last["_id"]),
        )

    # -- delivery state -----------------------------------------------------------------------------------------------

    def release(self, message: Message) -> None:
        """Release the claim after a temporary failure."""
        self.messages.update_one({"_id": message.id, "status": "queued"}, {"$unset": {"leased_until": ""}})

    def sent(self, *messages: Message) -> None:
        """Record the deliveries and publish `notification_sent` for each."""
        values = {"status": "sent", "sent_at": self._now()}
        closings = [UpdateOne(*self._closing(message, _sent(message), values)) for message in messages]
        if closings:
            self.messages.bulk_write(closings, ordered=False)

    def refused(self, message: Message, reason: str) -> None:
        """Record a permanent failure and publish `notification_failed`."""
        event = NotificationFailed(
            notification_id=message.id,
            recipient=message.recipient,
            kind=message.kind,
            channel=message.channel,
            reason=reason,
        )
        values = {"status": "failed", "reason": reason, "failed_at": self._now()}
        self.messages.update_one(*self._closing(message, event, values))

    def _claim_expired(self, message: Message, until: datetime) -> bool:
        expired = {"_id": message.id, "status": "queued", "leased_until": {"$not": {"$gt": self._now()}}}
        if self.messages.update_one(expired, {"$set": {"leased_until": until}}).modified_count:
            return True
        if self.messages.find_one({"_id": message.id, "status": "queued"}, {"_id": 1}):
            raise ServiceUnavailable("The message is being sent by another worker")
        return False

    def _closing(self, message: Message, event: Event, values: Document) -> tuple[Document, Document]:
        """The condition and the update that end a message."""
        with context.caused_by(message.request_id or context.current().get("request_id")):
            pending = self.pending(event)
        update = {"$set": values, "$unset": {"leased_until": "", "due": ""}, "$push": {"outbox": pending}}
        return {"_id": message.id, "status": "queued"}, update


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
