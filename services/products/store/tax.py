"""Tax rates: a small collection, cached in memory for some seconds."""

import time
from collections.abc import Mapping

from pymongo.client_session import ClientSession

from services.chassis.common.errors import NotFound
from services.chassis.common.versions import check_version
from services.chassis.stores.mongo import MongoStore
from services.products.domain.documents import Document
from services.products.domain.tax import SEEDED, Key


class TaxRates:
    """The collection `tax_rates`; `_id` is `COUNTRY:REGION:class`."""

    def __init__(self, store: MongoStore, seconds: float) -> None:
        self.store = store
        self.collection = store.db["tax_rates"]
        self._seconds = seconds
        self._rates: dict[Key, int] = {}
        self._until = 0.0

    def indexes(self) -> None:
        self.collection.create_index([("country", 1), ("region", 1), ("tax_class", 1)])

    def seed(self) -> None:
        """Insert the rates that shops begin with; give those of earlier releases a version."""
        self.collection.update_many({"version": {"$exists": False}}, {"$set": {"version": 1}})
        for country, region, tax_class, rate_bp, name in SEEDED:
            values = {"country": country, "region": region, "tax_class": tax_class, "rate_bp": rate_bp, "name": name}
            new = {"$setOnInsert": values | {"version": 1}}
            self.collection.update_one({"_id": _id(country, region, tax_class)}, new, upsert=True)

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

    def get(self, key: str) -> Document:
        """Raises `NotFound`."""
        row = self.collection.find_one({"_id": key})
        if row is None:
            raise NotFound("There is no such tax rate")
        return _to_rate(row)

    def put(self, values: Document, expected_version: int | None = None) -> Document:
        """Set the rate of a tax class in a country or region. Raises `PreconditionFailed`."""
        key = _id(values["country"], values["region"], values["tax_class"])

        def work(session: ClientSession) -> Document:
            row = self.collection.find_one_and_update(
                {"_id": key}, {"$set": values, "$inc": {"version": 1}}, upsert=True, session=session
            )
            before = _to_rate(row) if row else None
            version = before["version"] if before else 0
            check_version(expected_version, version)
            self.store.audit(session, "tax.set", ("tax_rate", key), before, values)
            return _to_rate(values | {"_id": key, "version": version + 1})

        rate = self.store.in_transaction(work)
        self._until = 0.0
        return rate

    def delete(self, key: str, expected_version: int | None = None) -> None:
        """Raises `NotFound`, `PreconditionFailed`."""

        def work(session: ClientSession) -> None:
            before = self.collection.find_one_and_delete({"_id": key}, session=session)
            if before is None:
                raise NotFound("There is no such tax rate")
            check_version(expected_version, _to_rate(before)["version"])
            self.store.audit(session, "tax.delete", ("tax_rate", key), before=_to_rate(before))

        self.store.in_transaction(work)
        self._until = 0.0


def _id(country: str, region: str | None, tax_class: str) -> str:
    return f"{country}:{region or '*'}:{tax_class}"


def _to_rate(row: Document) -> Document:
    """A rate as `schemas.api.taxes.TaxRate`."""
    return {"id": row["_id"], **{name: value for name, value in row.items() if name != "_id"}}
