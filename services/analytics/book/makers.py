"""Whose a product or SKU is: told once, never changed, so a process remembers what it has read."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from sys import intern
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

Document = dict[str, Any]
REMEMBERED: Final = 20_000


class Makers:
    """Those of one set."""

    def __init__(self, collection: Collection[Document]) -> None:
        self._collection = collection
        self._known: dict[str, str] = {}

    def load(self, keys: Iterable[str], session: ClientSession) -> dict[str, Document]:
        """What is known of these products and SKUs: `vendor`, "" for the shop itself."""
        wanted = list(keys)
        missing = [key for key in wanted if key not in self._known]
        if missing:
            if len(self._known) > REMEMBERED:
                self._known.clear()
                missing = wanted
            asked = {"_id": {"$in": missing}, "vendor": {"$exists": True}}
            for found in self._collection.find(asked, {"vendor": 1}, session=session):
                self._known[found["_id"]] = intern(found["vendor"])
        return {key: {"vendor": self._known[key]} for key in wanted if key in self._known}


def changes(known: Mapping[str, str], awaited: Iterable[str], now: datetime) -> list[UpdateOne]:
    """Write what is known now. What a visit waits for is written as well, so that whoever tells it at the same moment
    conflicts with this transaction: one of the two is run again, and sees the other.
    """
    return [
        *(
            UpdateOne({"_id": key}, {"$set": {"vendor": vendor}, "$unset": {"touched": ""}}, upsert=True)
            for key, vendor in sorted(known.items())
        ),
        *(UpdateOne({"_id": key}, {"$set": {"touched": now}}, upsert=True) for key in sorted(awaited)),
    ]
