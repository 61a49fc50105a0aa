"""What reviews have heard of others: products and whose they are, who bought what, whose pictures there are; the rules.

Each is kept so that an event that comes twice, late or out of order changes nothing that is not so.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from schemas.api.reviews import ReviewRules
from schemas.base import Caller
from services.chassis.common.ids import is_id
from services.chassis.stores.mongo import MongoStore
from services.reviews.domain import Document

RULES = "rules"


class Knowing:
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

    def learn_product(self, product_id: str, facts: Document, sequence: int) -> None:
        """Believe what is said of a product unless we know something newer.

        `facts`: slug, title, vendor_id, on_offer.
        """
        with suppress(DuplicateKeyError):  # a newer one is known
            self.products.update_one(
                {"_id": product_id, "sequence": {"$lt": sequence}},
                {"$set": {**facts, "sequence": sequence}},
                upsert=True,
            )

    def product(self, id_or_slug: str) -> Document | None:
        """A product that we have heard of. A slug names the newest on offer: a deleted one's may be taken."""
        if is_id(id_or_slug):
            return self.products.find_one({"_id": id_or_slug})
        return self.products.find_one({"slug": id_or_slug}, sort=[("on_offer", -1), ("_id", -1)])

    # ---- purchases -----------------------------------------------------------------------------------------------

    def bought(self, customer_id: str, order_id: str, products: Iterable[str]) -> list[str]:
        """Note an order's products; returns those that now count as bought and did not before."""
        return self._note(customer_id, order_id, products, "orders", now=True)

    def undone(self, customer_id: str, order_id: str, products: Iterable[str]) -> list[str]:
        """Note that an order was cancelled, even before we hear of it; returns what no longer counts as bought."""
        return self._note(customer_id, order_id, products, "cancelled", now=False)

    def has_bought(self, customer_id: str, product_id: str, session: ClientSession) -> bool:
        """Whether an order of theirs that stands has the product.

        The record is touched, so that a purchase which is noted at the same moment finds the review afterwards.
        """
        found: Any = self.purchases.find_one_and_update(
            {"_id": f"{customer_id}:{product_id}"},
            {"$inc": {"touched": 1}, "$setOnInsert": {"orders": [], "cancelled": []}},
            upsert=True,
            return_document=True,
            session=session,
        )
        return _stands(found)

    def _note(self, customer_id: str, order_id: str, products: Iterable[str], field: str, now: bool) -> list[str]:
        ids = sorted(set(products))
        keys = {f"{customer_id}:{product_id}": product_id for product_id in ids}
        self.purchases.bulk_write(
            [UpdateOne({"_id": key}, {"$addToSet": {field: order_id}}, upsert=True) for key in keys], ordered=False
        )
        found = self.purchases.find({"_id": {"$in": list(keys)}})
        return [keys[purchase["_id"]] for purchase in found if _stands(purchase) is now]

    # ---- pictures ------------------------------------------------------------------------------------------------

    def learn_picture(self, file_id: str, owner_id: str | None) -> None:
        self.pictures.update_one({"_id": file_id}, {"$setOnInsert": {"owner_id": owner_id}}, upsert=True)

    def forget_picture(self, file_id: str) -> None:
        """What is gone stays gone, even if we hear later that it came."""
        self.pictures.update_one({"_id": file_id}, {"$set": {"owner_id": None}}, upsert=True)

    def strangers(self, images: Sequence[str], caller: Caller) -> list[str]:
        """Those of the pictures that are not the caller's."""
        own = self.pictures.find({"_id": {"$in": list(images)}, "owner_id": caller.user_id}, {"_id": 1})
        mine = {picture["_id"] for picture in own}
        return [image for image in images if image not in mine]

    # ---- rules ---------------------------------------------------------------------------------------------------

    def rules(self, session: ClientSession | None = None) -> ReviewRules:
        found = self.settings.find_one({"_id": RULES}, {"_id": 0}, session=session)
        return ReviewRules.model_validate(found or {})

    def set_rules(self, rules: ReviewRules) -> None:
        def work(session: ClientSession) -> None:
            before = self.rules(session)
            self.settings.replace_one({"_id": RULES}, rules.model_dump(), upsert=True, session=session)
            self.store.audit(session, "review.rules", ("review_rules", RULES), before.model_dump(), rules.model_dump())

        self.store.in_transaction(work)


def _stands(purchase: dict[str, Any]) -> bool:
    return bool(set(purchase.get("orders", [])) - set(purchase.get("cancelled", [])))
