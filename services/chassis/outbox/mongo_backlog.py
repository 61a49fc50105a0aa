"""Events of a MongoDB service that wait for the bridge (see `bridge_backlog`)."""

from collections.abc import Sequence
from typing import Any

from pymongo.database import Database

from services.chassis.outbox.bridge_backlog import TABLE


class MongoBacklog:
    """The collection of events that wait for the bridge, numbered by the leader."""

    def __init__(self, db: Database[dict[str, Any]]) -> None:
        self._events = db[TABLE]
        newest = self._events.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        self._last = newest["_id"] if newest else 0

    def add(self, envelopes: Sequence[dict[str, Any]]) -> None:
        """Raises `BulkWriteError` where another leader has added something: that one goes on."""
        if envelopes:
            first, self._last = self._last + 1, self._last + len(envelopes)
            documents = [{"_id": first + index, "event": wrapped} for index, wrapped in enumerate(envelopes)]
            self._events.insert_many(documents)

    def oldest(self, count: int) -> list[tuple[int, dict[str, Any]]]:
        return [(row["_id"], row["event"]) for row in self._events.find().sort("_id").limit(count)]

    def remove(self, positions: Sequence[int]) -> None:
        self._events.delete_many({"_id": {"$in": list(positions)}})
