"""Names of accounts for the labels of figures: taken from events on RabbitMQ, since those in Kafka have none.

Kept outside of the datasets: a rebuild doesn't change them, and an erased person doesn't come back by one.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.database import Database

Document = dict[str, Any]
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class People:
    """The collection `people`, by account id: mail address and name."""

    def __init__(self, db: Database[Document]) -> None:
        self.db = db
        self.people = db["people"]

    def store(self, user_id: str, name: str, at: datetime, email: str | None = None) -> None:
        """Store a name as of `at`, unless a later one is stored, and the address if it is given."""
        is_current = {"$lte": [{"$ifNull": ["$at", LONG_AGO]}, at]}
        fields: Document = {"name": {"$cond": [is_current, {"$literal": name}, "$name"]}, "at": {"$max": ["$at", at]}}
        if email is not None:
            fields["email"] = {"$literal": email}
        self.people.update_one({"_id": user_id}, [{"$set": fields}], upsert=True)

    def labels(self, user_ids: Iterable[str], field: str) -> dict[str, str]:
        """The `email` or `name` of accounts; without those that have none."""
        rows = self.people.find({"_id": {"$in": list(user_ids)}}, {field: 1})
        return {row["_id"]: row[field] for row in rows if row.get(field)}

    def erase(self, user_id: str) -> None:
        self.people.delete_one({"_id": user_id})

    def adopt(self, names: Iterable[Document], customers: Iterable[Document]) -> None:
        """Take over names and addresses that datasets of an earlier release hold, once."""
        if self.people.find_one({}, {"_id": 1}) is not None:
            return
        updates = [
            UpdateOne({"_id": row["_id"].partition(":")[2]}, {"$set": {"name": row["label"]}}, upsert=True)
            for row in names
        ]
        updates += [UpdateOne({"_id": row["_id"]}, {"$set": {"email": row["email"]}}, upsert=True) for row in customers]
        if updates:
            self.people.bulk_write(updates, ordered=False)
