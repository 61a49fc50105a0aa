"""Every query on people: where to reach them, what they want to hear, which devices they have, what they wait for."""

from collections.abc import Iterable
from typing import Any

from pymongo.database import Database

from services.chassis.common import clock
from services.chassis.common.errors import ServiceUnavailable

Document = dict[str, Any]


class People:
    """`people` by account, `contacts` by order, `devices` by push endpoint, `waiting` by SKU, `products` by id."""

    def __init__(self, database: Database[Document]) -> None:
        self.people = database["people"]
        self.contacts = database["contacts"]
        self.devices = database["devices"]
        self.waiting = database["waiting"]
        self.products = database["products"]
        self.bounced = database["bounced"]

    def indexes(self) -> None:
        self.devices.create_index("user_id")
        self.waiting.create_index([("sku", 1), ("_id", 1)])
        self.waiting.create_index("created_at", expireAfterSeconds=365 * 86_400)
        self.products.create_index("skus")
        self.contacts.create_index("created_at", expireAfterSeconds=2 * 365 * 86_400)

    # -- who somebody is -------------------------------------------------------------------------------------------

    def met(self, user_id: str, **facts: Any) -> None:
        """Remember what an event said of somebody; what it didn't say stays."""
        known = {name: value for name, value in facts.items() if value is not None}
        self.people.update_one({"_id": user_id}, {"$set": known}, upsert=True)

    def find(self, user_id: str | None) -> Document:
        """What is known of somebody; nothing of a guest."""
        return (self.people.find_one({"_id": user_id}) if user_id else None) or {}

    def prefer(self, user_id: str, preferences: Document) -> None:
        self.people.update_one({"_id": user_id}, {"$set": {"preferences": preferences}}, upsert=True)

    def unsubscribe(self, recipient: str, kind: str) -> None:
        """No more mails of this kind; a guest is known by the address."""
        self.people.update_one({"_id": recipient}, {"$set": {f"preferences.kinds.{kind}.email": False}}, upsert=True)

    def mark_bounced(self, address: str, reason: str) -> None:
        """The address takes no mail; it is left alone but for what its owner must know."""
        self.bounced.update_one({"_id": address}, {"$set": {"reason": reason, "at": clock.now()}}, upsert=True)

    def has_bounced(self, address: str) -> bool:
        return self.bounced.find_one({"_id": address}, {"_id": 1}) is not None

    # -- orders ----------------------------------------------------------------------------------------------------

    def ordered(self, order_id: str, number: str, user_id: str | None, email: str) -> None:
        """Remember whose an order is."""
        contact = {"number": number, "user_id": user_id, "email": email, "created_at": clock.now()}
        self.contacts.update_one({"_id": order_id}, {"$setOnInsert": contact}, upsert=True)

    def contact(self, order_id: str) -> Document:
        """Whose an order is. Raises `ServiceUnavailable` while that isn't known: the event comes again."""
        found = self.contacts.find_one({"_id": order_id})
        if found is None:
            raise ServiceUnavailable("Whose order that is has not been heard yet")
        return found

    # -- devices ---------------------------------------------------------------------------------------------------

    def add_device(self, user_id: str, endpoint: str, keys: Document) -> None:
        device = {"user_id": user_id, "keys": keys, "created_at": clock.now()}
        self.devices.replace_one({"_id": endpoint}, device, upsert=True)

    def remove_device(self, endpoint: str, user_id: str | None = None) -> None:
        """A device that its owner takes off, or that is gone."""
        mine = {"_id": endpoint} if user_id is None else {"_id": endpoint, "user_id": user_id}
        self.devices.delete_one(mine)

    def devices_of(self, user_id: str) -> list[Document]:
        return list(self.devices.find({"user_id": user_id}).limit(20))

    def device(self, endpoint: str) -> Document | None:
        return self.devices.find_one({"_id": endpoint})

    # -- products --------------------------------------------------------------------------------------------------

    def product_changed(self, product_id: str, version: int, facts: Document) -> None:
        """Keep whose a SKU is and what it is called; older news change nothing."""
        newer = {"$lt": [{"$ifNull": ["$version", -1]}, version]}
        fields: Document = {name: {"$cond": [newer, {"$literal": value}, f"${name}"]} for name, value in facts.items()}
        fields["version"] = {"$max": [{"$ifNull": ["$version", -1]}, version]}
        self.products.update_one({"_id": product_id}, [{"$set": fields}], upsert=True)

    def product_of(self, sku: str) -> Document | None:
        return self.products.find_one({"skus": sku})

    def wait_for(self, sku: str, user_id: str | None, email: str) -> None:
        """Tell this address once when there is some again."""
        who = {"sku": sku, "user_id": user_id, "email": email, "created_at": clock.now()}
        self.waiting.update_one({"_id": f"{sku}:{email}"}, {"$setOnInsert": who}, upsert=True)

    def waiting_for(self, sku: str) -> Iterable[Document]:
        return self.waiting.find({"sku": sku}).sort("_id", 1)

    def told(self, waiting_ids: list[str]) -> None:
        """They have been told; they wait no longer."""
        self.waiting.delete_many({"_id": {"$in": waiting_ids}})
