"""Queries on recipients: profiles, preferences, devices, back-in-stock requests; orders' contacts and products."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import ReturnDocument, UpdateOne
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from schemas.events.orders import OrderConfirmed, OrderFailed
from services.chassis.common import clock
from services.chassis.common.errors import PreconditionFailed, ServiceUnavailable
from services.chassis.stores.mongo import store_newer

Document = dict[str, Any]
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Recipients:
    """The collections `people` (accounts), `contacts` (orders), `devices`, `waiting`, `products`, `bounced`."""

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

    # -- profiles -------------------------------------------------------------------------------------------------

    def add_account(self, user_id: str, email: str, first_name: str, at: datetime) -> None:
        """Store the address of a new account, and its name unless a later profile is stored."""
        self.update_profile(user_id, at, first_name=first_name)
        self.people.update_one({"_id": user_id}, {"$set": {"email": email}})

    def update_profile(self, user_id: str, at: datetime, **fields: Any) -> None:
        """Set fields of an account's profile as of `at`, unless later ones are stored."""
        is_current = {"$lte": [{"$ifNull": ["$profile_at", LONG_AGO]}, at]}
        update: Document = {
            name: {"$cond": [is_current, {"$literal": value}, f"${name}"]} for name, value in fields.items()
        }
        update["profile_at"] = {"$max": ["$profile_at", at]}
        self.people.update_one({"_id": user_id}, [{"$set": update}], upsert=True)

    def request_verification(self, user_id: str) -> None:
        """Record that the account's address waits for its verification."""
        self.people.update_one({"_id": user_id}, {"$set": {"verification_requested": True}}, upsert=True)

    def verify(self, user_id: str) -> None:
        """Record that the account's address is verified, in whatever order the events arrive."""
        self.people.update_one({"_id": user_id}, {"$set": {"email_verified": True}}, upsert=True)

    def find(self, user_id: str | None) -> Document:
        """The account's document; empty for guests."""
        return (self.people.find_one({"_id": user_id}) if user_id else None) or {}

    def find_all(self, ids: Iterable[str | None]) -> dict[str, Document]:
        """Accounts' documents by id; those that are missing, or guests, are left out."""
        wanted_ids = sorted({one for one in ids if one})
        return (
            {person["_id"]: person for person in self.people.find({"_id": {"$in": wanted_ids}})} if wanted_ids else {}
        )

    def set_preferences(self, user_id: str, preferences: Document, expected_version: int | None = None) -> Document:
        """Replace the preferences; returns the account's document. Raises `PreconditionFailed`.

        The number of changes is counted; a version is 1 more, so that 1 is that of an account without preferences.
        """
        update = {"$set": {"preferences": preferences}, "$inc": {"preferences_version": 1}}
        this: Document = {"_id": user_id}
        if expected_version is not None:
            changes = expected_version - 1
            this["preferences_version"] = {"$in": [0, None]} if changes == 0 else changes
        try:
            person = self.people.find_one_and_update(
                this, update, upsert=expected_version in (None, 1), return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:  # there is the account, with other preferences than expected
            person = None
        if person is None:
            raise PreconditionFailed(details=[{"field": "If-Match", "message": "is not the current version"}])
        return person

    def unsubscribe(self, recipient: str, kind: str) -> None:
        """Turn off mails of a kind for an account id or a guest's address."""
        off = {"$set": {f"preferences.kinds.{kind}.email": False}, "$inc": {"preferences_version": 1}}
        self.people.update_one({"_id": recipient}, off, upsert=True)

    def mark_bounced(self, address: str, reason: str) -> None:
        """Mark an address as bounced: it receives transactional mail only."""
        self.bounced.update_one({"_id": address}, {"$set": {"reason": reason, "at": clock.now()}}, upsert=True)

    def has_bounced(self, address: str) -> bool:
        return self.bounced.find_one({"_id": address}, {"_id": 1}) is not None

    # -- orders ----------------------------------------------------------------------------------------------------

    def add_orders(self, orders: Iterable[OrderConfirmed | OrderFailed]) -> None:
        """Store the contacts of orders."""
        now = clock.now()
        contacts = [
            UpdateOne(
                {"_id": order.order_id},
                {"$setOnInsert": order.model_dump(include={"number", "user_id", "email"}) | {"created_at": now}},
                upsert=True,
            )
            for order in orders
        ]
        self.contacts.bulk_write(contacts, ordered=False)

    def contact(self, order_id: str) -> Document:
        """The contact of an order. Raises `ServiceUnavailable` if unknown, so that the event is retried."""
        contact = self.contacts.find_one({"_id": order_id})
        if contact is None:
            raise ServiceUnavailable("The contact of this order is not known yet")
        return contact

    def number_of(self, order_id: str) -> str | None:
        """The number of an order; None if it is unknown."""
        contact = self.contacts.find_one({"_id": order_id}, {"number": 1})
        return str(contact["number"]) if contact else None

    # -- devices ---------------------------------------------------------------------------------------------------

    def add_device(self, user_id: str, endpoint: str, keys: Document) -> None:
        device = {"user_id": user_id, "keys": keys, "created_at": clock.now()}
        self.devices.replace_one({"_id": endpoint}, device, upsert=True)

    def remove_device(self, endpoint: str, user_id: str | None = None) -> None:
        """Remove a device, with `user_id` only the owner's."""
        query = {"_id": endpoint} if user_id is None else {"_id": endpoint, "user_id": user_id}
        self.devices.delete_one(query)

    def devices_of(self, user_id: str) -> list[Document]:
        return list(self.devices.find({"user_id": user_id}).limit(20))

    def device(self, endpoint: str) -> Document | None:
        return self.devices.find_one({"_id": endpoint})

    # -- products --------------------------------------------------------------------------------------------------

    def store_products(self, products: Mapping[str, Document]) -> None:
        """Store products by id, with their versions; outdated versions are ignored."""
        store_newer(self.products, products, "version")

    def product_of(self, sku: str) -> Document | None:
        return self.products.find_one({"skus": sku})

    def add_waiting(self, sku: str, user_id: str | None, email: str) -> None:
        """Request one back-in-stock message for an address."""
        who = {"sku": sku, "user_id": user_id, "email": email, "created_at": clock.now()}
        self.waiting.update_one({"_id": f"{sku}:{email}"}, {"$setOnInsert": who}, upsert=True)

    def waiting_for(self, sku: str) -> Iterable[Document]:
        """Back-in-stock requests for a SKU."""
        return self.waiting.find({"sku": sku}).sort("_id", 1)

    def remove_waiting(self, waiting_ids: list[str]) -> None:
        """Delete back-in-stock requests."""
        self.waiting.delete_many({"_id": {"$in": waiting_ids}})
