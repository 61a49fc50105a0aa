"""Every query of notifications: messages and what became of them, people and how to reach them, templates."""

from typing import Any

from pymongo.database import Database

from services.chassis.stores.mongo import MongoStore
from services.notifications.store.messages import Messages
from services.notifications.store.people import People
from services.notifications.store.templates import Templates


class MessageStore(MongoStore):
    """Messages, people, templates."""

    hot_collections = ("messages",)

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        super().__init__(database)
        self.messages = Messages(database, self.pending)
        self.people = People(database)
        self.templates = Templates(self, database)

    def indexes(self) -> None:
        super().indexes()
        for part in (self.messages, self.people, self.templates):
            part.indexes()
