"""Queries on everything that notifications hold of a person."""

from collections.abc import Iterator
from typing import Any

from pymongo.database import Database

from services.chassis.messaging.personal_data import Person, as_json

Document = dict[str, Any]


class PersonQueries:
    """Messages, profile, contacts, devices and requests by account and mail address."""

    def __init__(self, database: Database[Document]) -> None:
        self.db = database

    def indexes(self) -> None:
        self.db["messages"].create_index("to", sparse=True)
        for name in ("contacts", "waiting"):
            self.db[name].create_index("user_id", sparse=True)
            self.db[name].create_index("email", sparse=True)

    def of(self, person: Person) -> dict[str, Iterator[Document]]:
        """All documents by section; of devices without their keys."""
        return {
            "profile": self._documents("people", {"_id": {"$in": _ids(person)}}),
            "messages": self._documents("messages", _messages(person), leave_out=("outbox", "leased_until", "due")),
            "order_contacts": self._documents("contacts", _either(person)),
            "devices": self._documents("devices", {"user_id": person.user_id}, leave_out=("keys",)),
            "back_in_stock_requests": self._documents("waiting", _either(person)),
        }

    def erase(self, person: Person) -> None:
        """Delete all of them, and the texts that the sandbox's SMS provider has kept. Idempotent."""
        profile = self.db["people"].find_one({"_id": person.user_id}, {"phone": 1}) or {}
        if profile.get("phone"):
            self.db["sandbox_sms"].delete_many({"to": profile["phone"]})
        self.db["people"].delete_many({"_id": {"$in": _ids(person)}})
        self.db["messages"].delete_many(_messages(person))
        self.db["contacts"].delete_many(_either(person))
        self.db["devices"].delete_many({"user_id": person.user_id})
        self.db["waiting"].delete_many(_either(person))
        if person.email is not None:
            self.db["bounced"].delete_one({"_id": person.email})

    def _documents(self, collection: str, query: Document, leave_out: tuple[str, ...] = ()) -> Iterator[Document]:
        for document in self.db[collection].find(query):
            yield {
                ("id" if name == "_id" else name): as_json(value)
                for name, value in document.items()
                if name not in leave_out
            }


def _ids(person: Person) -> list[str]:
    """The ids under which preferences are kept: the account, and the address of a guest."""
    return [person.user_id, *([person.verified_email] if person.verified_email else [])]


def _messages(person: Person) -> Document:
    either: list[Document] = [{"recipient": {"$in": _ids(person)}}]
    if person.email is not None:
        either.append({"to": person.email})
    return {"$or": either}


def _either(person: Person) -> Document:
    either: list[Document] = [{"user_id": person.user_id}]
    if person.verified_email is not None:
        either.append({"user_id": None, "email": person.verified_email})
    return {"$or": either}
