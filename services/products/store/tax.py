"""Tax rates: a small table, kept in memory for a while."""

import time
from collections.abc import Mapping

from pymongo.client_session import ClientSession

from services.chassis.common.errors import NotFound
from services.chassis.stores.mongo import MongoStore
from services.products.domain.documents import Document
from services.products.domain.tax import SEEDED, Key


class TaxRates:
    """The `tax_rates` collection; `_id` is `COUNTRY:REGION:class`."""

    def __init__(self, store: MongoStore, seconds: float) -> None:
        self.store = store
        self.collection = store.db["tax_rates"]
        self._seconds = seconds
        self._rates: dict[Key, int] = {}
        self._until = 0.0

    def indexes(self) -> None:
        self.collection.create_index([("country", 1), ("region", 1), ("tax_class", 1)])

    def seed(self) -> None:
        for country, region, tax_class, rate_bp, name in SEEDED:
            values = {"country": country, "region": region, "tax_class": tax_class, "rate_bp": rate_bp, "name": name}
            self.collection.update_one({"_id": _id(country, region, tax_class)}, {"$setOnInsert": values}, upsert=True)

    def rates(self) -> Mapping[Key, int]:
        now = time.monotonic()
        if now >= self._until:
            self._rates = {
                (row["country"], row["region"], row["tax_class"]): row["rate_bp"] for row in self.collection.find()
            }
            self._until = now + self._seconds
        return self._rates

    def all(self, country: str | None = None) -> list[Document]:
        rows = self.collection.find({"country": country} if country else {}).sort("_id")
        return [_to_rate(row) for row in rows]

    def put(self, values: Document) -> Document:
        """Set the rate of a class in a country or region."""
        key = _id(values["country"], values["region"], values["tax_class"])

        def work(session: ClientSession) -> None:
            before = self.collection.find_one_and_replace({"_id": key}, values, upsert=True, session=session)
            self.store.audit(session, "tax.set", ("tax_rate", key), _to_rate(before) if before else None, values)

        self.store.in_transaction(work)
        self._until = 0.0
        return _to_rate(values | {"_id": key})

    def delete(self, key: str) -> None:

        def work(session: ClientSession) -> None:
            before = self.collection.find_one_and_delete({"_id": key}, session=session)
            if before is None:
                raise NotFound("There is no such tax rate")
            self.store.audit(session, "tax.delete", ("tax_rate", key), before=_to_rate(before))

        self.store.in_transaction(work)
        self._until = 0.0


def _id(country: str, region: str | None, tax_class: str) -> str:
    return f"{country}:{region or '*'}:{tax_class}"


def _to_rate(row: Document) -> Document:
    return {"id": row["_id"], **{name: value for name, value in row.items() if name != "_id"}}
