"""Reviews service: product reviews with moderation, votes, abuse reports and ratings."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from schemas.api.reviews import (
    ImportReview,
    Moderation,
    Reason,
    ReviewPatch,
    ReviewQuery,
    ReviewRules,
    ReviewsQuery,
    ReviewText,
    ReviewWrite,
)
from schemas.base import Id, Idempotency, IdOrSlug
from schemas.caller import Caller
from schemas.events.files import FileDeleted, FileStored
from schemas.events.orders import OrderCancelled, OrderConfirmed, OrderDelivered
from schemas.events.products import ProductArchived, ProductCreated, ProductEvent, ProductUpdated
from schemas.permissions.permission import Permission
from schemas.rpc.products import ProductsRpc
from schemas.rpc.reviews import ReviewsRpc
from services.chassis.common import clock
from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import Forbidden, NotFound, ValidationFailed
from services.chassis.common.paging import Paging, page
from services.chassis.dynamic_config import config
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.events import on_event
from services.chassis.messaging.personal_data import ERASED_NAME, Person, PersonalDataHandlers, Sections
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Service
from services.chassis.stores.mongo import Mongo
from services.reviews import domain
from services.reviews.domain import Document
from services.reviews.store import ReviewStore

FLAG: Final = "reviews"
"""Kill switch: while off, only administrators read and moderate reviews."""
PRODUCT_BATCH: Final = 200
PRODUCT_BATCH_SECONDS: Final = 0.05
PICTURE_WAIT_SECONDS: Final = 1.0
"""How long a submission waits for the `file_stored` event of its pictures."""


class ReviewsService(PersonalDataHandlers, Service):
    """RPC methods and event handlers of reviews."""

    name = "reviews"

    store = Mongo(ReviewStore)
    products = Remote(ProductsRpc, deadline=2.0)

    # ---- reading -------------------------------------------------------------------------------------------------

    @implements(ReviewsRpc.list_reviews)
    def list_reviews(self, product: IdOrSlug, query: ReviewQuery) -> Json:
        product_id = self._product(product)["_id"]
        if not config.enabled(FLAG):
            return page([], 0, Paging(query.page, query.limit))
        page_ = self.store.queries.of_product(product_id, query, self.store.ratings.get(product_id))
        return page_ | {"items": [domain.to_api(review) for review in page_["items"]]}

    @implements(ReviewsRpc.get_review)
    def get_review(self, review_id: Id, caller: Caller) -> Json:
        review = self.store.queries.get(review_id)
        if not domain.may_see(review, caller):
            raise NotFound("There is no such review")
        return domain.to_api(review, caller)

    @implements(ReviewsRpc.list_all)
    def list_all(self, query: ReviewsQuery, caller: Caller) -> Json:
        if query.reported is not None and not caller.may(Permission.REVIEWS_MODERATE):
            raise Forbidden()
        page_ = self.store.queries.all(query, None if caller.may(Permission.REVIEWS_MODERATE) else caller.user_id)
        return page_ | {"items": [domain.to_api(review, caller) for review in page_["items"]]}

    @implements(ReviewsRpc.rating)
    def rating(self, product: IdOrSlug) -> Json:
        return self.store.ratings.get(self._product(product)["_id"])

    # ---- writing -------------------------------------------------------------------------------------------------

    @implements(ReviewsRpc.submit)
    def submit(
        self,
        product: IdOrSlug,
        review: ReviewWrite,
        author: str | None,
        caller: Caller,
        idempotency: Idempotency | None = None,
    ) -> Json:
        _check_enabled()
        product_ = self._product(product)
        self._check_pictures(review.images, caller)
        return self.store.reviews.submit(product_, review, author, caller, _now(), idempotency)

    @implements(ReviewsRpc.edit)
    def edit(self, review_id: Id, patch: ReviewPatch, caller: Caller, expected_version: int | None = None) -> Json:
        _check_enabled()
        if "images" in patch.model_fields_set:
            self._check_pictures(patch.images, caller)
        return self.store.reviews.edit(review_id, patch, caller, _now(), expected_version)

    @implements(ReviewsRpc.delete)
    def delete(self, review_id: Id, caller: Caller, expected_version: int | None = None) -> None:
        self.store.reviews.delete(review_id, caller, expected_version)

    @implements(ReviewsRpc.vote)
    def vote(self, review_id: Id, helpful: bool, caller: Caller) -> Json:
        _check_enabled()
        return self.store.votes_and_reports.vote(review_id, helpful, caller)

    @implements(ReviewsRpc.report)
    def report(self, review_id: Id, reason: Reason, caller: Caller) -> None:
        _check_enabled()
        self.store.votes_and_reports.report(review_id, reason, caller, _now())

    @implements(ReviewsRpc.reply)
    def reply(self, review_id: Id, text: ReviewText, caller: Caller) -> Json:
        review = self.store.queries.get(review_id)
        product = self.store.reference_data.product(review["product_id"]) or {}
        if not domain.may_reply(product.get("vendor_id"), caller):
            raise NotFound("There is no such review")
        reply = {"text": text, "at": rfc3339(_now())}
        return domain.to_api(self.store.reviews.reply(review_id, reply, caller), caller)

    @implements(ReviewsRpc.moderate)
    def moderate(self, review_id: Id, moderation: Moderation, caller: Caller) -> Json:
        return domain.to_api(self.store.reviews.moderate(review_id, moderation, _now()), caller)

    @implements(ReviewsRpc.rules)
    def rules(self, caller: Caller) -> Json:
        return self.store.reference_data.rules().model_dump()

    @implements(ReviewsRpc.set_rules)
    def set_rules(self, rules: ReviewRules, caller: Caller, expected_version: int | None = None) -> Json:
        return self.store.reference_data.set_rules(rules, expected_version).model_dump()

    @implements(ReviewsRpc.import_reviews)
    def import_reviews(
        self, reviews: Annotated[list[ImportReview], Field(min_length=1, max_length=500)], caller: Caller
    ) -> Json:
        return self.store.reviews.import_reviews(reviews, _now())

    @implements(ReviewsRpc.rebuild_ratings)
    def rebuild_ratings(self, cursor: Id | None = None) -> Json:
        done, mended, after = self.store.ratings.rebuild_batch(cursor)
        return {"done": done, "mended": mended, "next": after}

    # ---- consumed events -----------------------------------------------------------------------------------------

    @on_batch(ProductCreated, size=PRODUCT_BATCH, seconds=PRODUCT_BATCH_SECONDS)
    def store_new_product(self, events: list[ProductCreated]) -> None:
        self._store_products(events)

    @on_batch(ProductUpdated, size=PRODUCT_BATCH, seconds=PRODUCT_BATCH_SECONDS)
    def store_changed_product(self, events: list[ProductUpdated]) -> None:
        self._store_products(events)

    @on_batch(ProductArchived, size=PRODUCT_BATCH, seconds=PRODUCT_BATCH_SECONDS)
    def store_archived_product(self, events: list[ProductArchived]) -> None:
        self._store_products(events)

    @on_event(OrderConfirmed)
    def add_confirmed_purchase(self, event: OrderConfirmed) -> None:
        """Mark the customer's reviews of the ordered products as verified, existing ones included."""
        self._add_purchases(event)

    @on_event(OrderDelivered)
    def add_delivered_purchase(self, event: OrderDelivered) -> None:
        self._add_purchases(event)

    @on_event(OrderCancelled)
    def cancel_purchase(self, event: OrderCancelled) -> None:
        if event.user_id is not None:
            products = [line.product_id for line in event.items]
            cancelled = self.store.reference_data.cancel_purchases(event.user_id, event.order_id, products)
            self.store.reviews.verify(event.user_id, cancelled, verified=False)

    @on_event(FileStored)
    def store_picture(self, event: FileStored) -> None:
        if event.purpose == "review":
            self.store.reference_data.store_picture(event.file_id, event.owner_id)

    @on_event(FileDeleted)
    def delete_picture(self, event: FileDeleted) -> None:
        if event.purpose == "review":
            self.store.reference_data.delete_picture(event.file_id)

    def personal_data(self, person: Person) -> Sections:
        return self.store.persons.of(person.user_id)

    def erase_person(self, person: Person) -> None:
        self.store.persons.erase(person.user_id, ERASED_NAME)

    def _store_products(self, events: Sequence[ProductEvent]) -> None:
        """Store the newest event of each product."""
        newest = {event.product_id: event for event in sorted(events, key=lambda event: event.meta.sequence or 0)}
        products = {
            product_id: {name: getattr(event, name) for name in ("slug", "title", "vendor_id")}
            | {"on_offer": not isinstance(event, ProductArchived), "sequence": event.meta.sequence or 0}
            for product_id, event in newest.items()
        }
        self.store.reference_data.store_products(products)

    def _add_purchases(self, event: OrderConfirmed | OrderDelivered) -> None:
        if event.user_id is not None:
            products = [line.product_id for line in event.items]
            purchased = self.store.reference_data.add_purchases(event.user_id, event.order_id, products)
            self.store.reviews.verify(event.user_id, purchased, verified=True)

    def _product(self, id_or_slug: str) -> Document:
        """A stored product, or one requested from products and then stored. Raises `NotFound`."""
        if (stored := self.store.reference_data.product(id_or_slug)) is not None:
            return stored
        product = self.products.get_product(id_or_slug=id_or_slug)
        fields = product.model_dump(include={"slug", "title", "vendor_id"})
        fields |= {"on_offer": True, "sequence": product.version}
        self.store.reference_data.store_products({product.id: fields})
        return {"_id": product.id, **fields}

    def _check_pictures(self, images: list[str], caller: Caller) -> None:
        """Check that the pictures belong to the caller, waiting for late events. Raises `ValidationFailed`."""
        until = time.monotonic() + PICTURE_WAIT_SECONDS
        while foreign := self.store.reference_data.foreign_pictures(images, caller):
            if time.monotonic() >= until:
                index = images.index(foreign[0])
                raise ValidationFailed.of(f"images.{index}", "is not a picture of the caller with the purpose `review`")
            time.sleep(0.05)


def _check_enabled() -> None:
    """Raises `Forbidden` while reviews are switched off."""
    if not config.enabled(FLAG):
        raise Forbidden("Reviews are switched off at the moment")


def _now() -> datetime:
    """The current time in MongoDB's precision (milliseconds), so that replies equal what is read back."""
    now = clock.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
