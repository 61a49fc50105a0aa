"""Product owners: the vendor of each product and SKU. Never changes once known, hence cached."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from sys import intern
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

Document = dict[str, Any]
MAX_CACHED: Final = 20_000


class ProductOwners:
    """The product owners of one dataset (stored in its collection `makers`)."""

    def __init__(self, collection: Collection[Document]) -> None:
        self._collection = collection
        self._cache: dict[str, str] = {}

    def load(self, keys: Iterable[str], session: ClientSession) -> dict[str, Document]:
        """The known owners of these products and SKUs: `{"vendor": id}`, "" for the shop itself."""
        requested = list(keys)
        missing = [key for key in requested if key not in self._cache]
        if missing:
            if len(self._cache) > MAX_CACHED:
                self._cache.clear()
                missing = requested
            query = {"_id": {"$in": missing}, "vendor": {"$exists": True}}
            for row in self._collection.find(query, {"vendor": 1}, session=session):
                self._cache[row["_id"]] = intern(row["vendor"])
        return {key: {"vendor": self._cache[key]} for key in requested if key in self._cache}


def owner_updates(owners: Mapping[str, str], unresolved: Iterable[str], now: datetime) -> list[UpdateOne]:
    """Updates that store new owners, and touch the unresolved products.

    A transaction that writes the owner of an unresolved product at the same time conflicts with the touch; one of the
    two is retried and sees the other's result.
    """
    return [
        *(
            UpdateOne({"_id": key}, {"$set": {"vendor": vendor}, "$unset": {"touched": ""}}, upsert=True)
            for key, vendor in sorted(owners.items())
        ),
        *(UpdateOne({"_id": key}, {"$set": {"touched": now}}, upsert=True) for key in sorted(unresolved)),
    ]
