"""Reference data: products, purchases and pictures from other services' events, and the moderation rules.

All updates are idempotent and independent of the order of events.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from schemas.api.reviews import ReviewRules, ReviewRulesState
from schemas.caller import Caller
from services.chassis.common.ids import is_id
from services.chassis.common.versions import check_version
from services.chassis.stores.mongo import MongoStore, store_newer
from services.reviews.domain import Document

RULES = "rules"


class ReferenceData:
    """The collections `products`, `purchases`, `pictures` and `settings`."""

    def __init__(self, store: MongoStore) -> None:
        self.store = store
        self.products = store.db["products"]
        self.purchases = store.db["purchases"]
        self.pictures = store.db["pictures"]
        self.settings = store.db["settings"]

    def indexes(self) -> None:
        self.products.create_index("slug", name="slug")

    # ---- products ------------------------------------------------------------------------------------------------

    def store_products(self, products: Mapping[str, Document]) -> None:
        """Store products by id, each unless a newer version is stored.

        Fields: slug, title, vendor_id, on_offer, sequence.
        """
        store_newer(self.products, products, "sequence")

    def product(self, id_or_slug: str) -> Document | None:
        """A stored product. A slug selects the newest one on offer, since slugs of deleted products can be reused."""
        if is_id(id_or_slug):
            return self.products.find_one({"_id": id_or_slug})
        return self.products.find_one({"slug": id_or_slug}, sort=[("on_offer", -1), ("_id", -1)])

    # ---- purchases -----------------------------------------------------------------------------------------------

    def add_purchases(self, customer_id: str, order_id: str, products: Iterable[str]) -> list[str]:
        """Add an order's products; returns those that count as bought now."""
        return self._update_purchases(customer_id, order_id, products, "orders", now=True)

    def cancel_purchases(self, customer_id: str, order_id: str, products: Iterable[str]) -> list[str]:
        """Mark an order as cancelled, even before it is known; returns the products that no longer count as bought."""
        return self._update_purchases(customer_id, order_id, products, "cancelled", now=False)

    def has_bought(self, customer_id: str, product_id: str, session: ClientSession) -> bool:
        """Whether the customer has a valid order with the product.

        Also touches the record, so that a purchase stored at the same time conflicts and finds the review afterwards.
        """
        purchase: Any = self.purchases.find_one_and_update(
            {"_id": f"{customer_id}:{product_id}"},
            {"$inc": {"touched": 1}, "$setOnInsert": {"orders": [], "cancelled": []}},
            upsert=True,
            return_document=True,
            session=session,
        )
        return _is_valid(purchase)

    def _update_purchases(
        self, customer_id: str, order_id: str, products: Iterable[str], field: str, now: bool
    ) -> list[str]:
        ids = sorted(set(products))
        keys = {f"{customer_id}:{product_id}": product_id for product_id in ids}
        self.purchases.bulk_write(
            [UpdateOne({"_id": key}, {"$addToSet": {field: order_id}}, upsert=True) for key in keys], ordered=False
        )
        purchases = self.purchases.find({"_id": {"$in": list(keys)}})
        return [keys[purchase["_id"]] for purchase in purchases if _is_valid(purchase) is now]

    # ---- pictures ------------------------------------------------------------------------------------------------

    def store_picture(self, file_id: str, owner_id: str | None) -> None:
        """Store the owner of a picture."""
        self.pictures.update_one({"_id": file_id}, {"$setOnInsert": {"owner_id": owner_id}}, upsert=True)

    def delete_picture(self, file_id: str) -> None:
        """Mark a picture as deleted; a late `file_stored` does not restore it."""
        self.pictures.update_one({"_id": file_id}, {"$set": {"owner_id": None}}, upsert=True)

    def foreign_pictures(self, images: Sequence[str], caller: Caller) -> list[str]:
        """The pictures that do not belong to the caller."""
        own = self.pictures.find({"_id": {"$in": list(images)}, "owner_id": caller.user_id}, {"_id": 1})
        own_ids = {picture["_id"] for picture in own}
        return [image for image in images if image not in own_ids]

    # ---- rules ---------------------------------------------------------------------------------------------------

    def rules(self, session: ClientSession | None = None) -> ReviewRulesState:
        """The moderation rules in force."""
        rules = self.settings.find_one({"_id": RULES}, {"_id": 0}, session=session)
        return ReviewRulesState.model_validate(rules or {})

    def set_rules(self, rules: ReviewRules, expected_version: int | None = None) -> ReviewRulesState:
        """Replace the moderation rules. Raises `PreconditionFailed`."""

        def work(session: ClientSession) -> ReviewRulesState:
            before = self.rules(session)
            check_version(expected_version, before.version)
            after = ReviewRulesState(**rules.model_dump(), version=before.version + 1)
            self.settings.replace_one({"_id": RULES}, after.model_dump(), upsert=True, session=session)
            self.store.audit(session, "review.rules", ("review_rules", RULES), before.model_dump(), after.model_dump())
            return after

        return self.store.in_transaction(work)


def _is_valid(purchase: dict[str, Any]) -> bool:
    return bool(set(purchase.get("orders", [])) - set(purchase.get("cancelled", [])))
