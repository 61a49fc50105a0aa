"""All queries of notifications on MongoDB: messages, recipients, templates."""

from typing import Any

from pymongo.database import Database

from services.chassis.stores.mongo import MongoStore
from services.notifications.store.messages import Messages
from services.notifications.store.persons import PersonQueries
from services.notifications.store.recipients import Recipients
from services.notifications.store.templates import Templates


class MessageStore(MongoStore):
    """The store of notifications."""

    hot_collections = ("messages",)

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        super().__init__(database)
        self.messages = Messages(database, self.pending, self.server_clock.now)
        self.recipients = Recipients(database)
        self.templates = Templates(self, database)
        self.persons = PersonQueries(database)

    def indexes(self) -> None:
        super().indexes()
        for part in (self.messages, self.recipients, self.templates, self.persons):
            part.indexes()
