"""Reviews: one of each customer and product, seen by rules, counted into the product's rating."""

import time
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
from schemas.base import Caller, Id, Idempotency
from schemas.events.files import FileDeleted, FileStored
from schemas.events.orders import OrderCancelled, OrderConfirmed, OrderDelivered
from schemas.events.products import ProductArchived, ProductCreated, ProductEvent, ProductUpdated
from schemas.rpc.products import ProductsRpc
from services.chassis.common import clock
from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import Forbidden, NotFound, ValidationFailed
from services.chassis.common.paging import Paging, page
from services.chassis.dynamic_config import config
from services.chassis.messaging.events import on_event
from services.chassis.messaging.rpc import Remote, rpc
from services.chassis.runtime.service import Service
from services.chassis.stores.mongo import Mongo
from services.reviews import domain
from services.reviews.domain import Document
from services.reviews.store import ReviewStore

IdOrSlug = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9\-]+$")]
SWITCH: Final = "reviews"
"""The kill switch: off, nobody reads or writes reviews; administrators still see and moderate them."""
PICTURE_SECONDS: Final = 1.0
"""How long a review waits for the news of a picture that was brought a moment ago."""


class ReviewsService(Service):
    name = "reviews"

    store = Mongo(ReviewStore)
    products = Remote(ProductsRpc, deadline=2.0)

    # ---- reading -------------------------------------------------------------------------------------------------

    @rpc
    def list_reviews(self, product: IdOrSlug, query: ReviewQuery) -> Document:
        """A page of a product's approved reviews; none while they are switched off. Raises `NotFound`."""
        product_id = self._product(product)["_id"]
        if not config.enabled(SWITCH):
            return page([], 0, Paging(query.page, query.limit))
        found, total = self.store.reading.of_product(product_id, query, self.store.ratings.get(product_id))
        return page([domain.shown(review) for review in found], total, Paging(query.page, query.limit))

    @rpc
    def get_review(self, review_id: Id, caller: Caller) -> Document:
        """A review that the caller may see. Raises `NotFound`."""
        review = self.store.reading.get(review_id)
        if not domain.may_see(review, caller):
            raise NotFound("There is no such review")
        return domain.shown(review, caller)

    @rpc
    def list_all(self, query: ReviewsQuery, caller: Caller) -> Document:
        """Everybody's reviews for an administrator, the own ones for anybody else, in every status."""
        if query.reported is not None and not caller.is_admin:
            raise Forbidden()
        found = self.store.reading.all(query, None if caller.is_admin else caller.user_id)
        return found | {"items": [domain.shown(review, caller) for review in found["items"]]}

    @rpc
    def rating(self, product: IdOrSlug) -> Document:
        """Average, count and histogram of a product."""
        return self.store.ratings.get(self._product(product)["_id"])

    # ---- writing -------------------------------------------------------------------------------------------------

    @rpc
    def submit(
        self,
        product: IdOrSlug,
        review: ReviewWrite,
        author: str | None,
        caller: Caller,
        idempotency: Idempotency | None = None,
    ) -> Document:
        """Raises `NotFound` for an unknown product, `Conflict` for a second review, `ValidationFailed` for pictures
        of others.
        """
        _check_on()
        found = self._product(product)
        self._check_pictures(review.images, caller)
        return self.store.writing.submit(found, review, author, caller, _now(), idempotency)

    @rpc
    def edit(self, review_id: Id, patch: ReviewPatch, caller: Caller) -> Document:
        """Change the own review; it is judged anew. Raises `NotFound`, `ValidationFailed`."""
        _check_on()
        if "images" in patch.model_fields_set:
            self._check_pictures(patch.images, caller)
        return self.store.writing.edit(review_id, patch, caller, _now())

    @rpc
    def delete(self, review_id: Id, caller: Caller) -> None:
        """Delete the own review; an administrator any. Raises `NotFound`."""
        self.store.writing.delete(review_id, caller)

    @rpc
    def vote(self, review_id: Id, helpful: bool, caller: Caller) -> Document:
        """One vote for each person, which may change. Raises `NotFound`, `Conflict` for the own review."""
        _check_on()
        return self.store.voicing.vote(review_id, helpful, caller)

    @rpc
    def report(self, review_id: Id, reason: Reason, caller: Caller) -> None:
        """Say once that a review should be looked at. Raises `NotFound`, `Conflict` for the own review."""
        _check_on()
        self.store.voicing.report(review_id, reason, caller, _now())

    @rpc
    def reply(self, review_id: Id, text: ReviewText, caller: Caller) -> Document:
        """The answer of the product's vendor, or of an administrator. Raises `NotFound` for others."""
        review = self.store.reading.get(review_id)
        product = self.store.knowing.product(review["product_id"]) or {}
        if not domain.may_reply(product.get("vendor_id"), caller):
            raise NotFound("There is no such review")
        reply = {"text": text, "at": rfc3339(_now())}
        return domain.shown(self.store.writing.reply(review_id, reply), caller)

    @rpc
    def moderate(self, review_id: Id, moderation: Moderation, caller: Caller) -> Document:
        """An administrator's word on a review. Raises `NotFound`."""
        _check_admin(caller)
        return domain.shown(self.store.writing.moderate(review_id, moderation, _now()), caller)

    @rpc
    def rules(self) -> Document:
        """Which reviews are seen without anybody looking at them first."""
        return self.store.knowing.rules().model_dump()

    @rpc
    def set_rules(self, rules: ReviewRules, caller: Caller) -> Document:
        """From now on: what waits already goes on waiting."""
        _check_admin(caller)
        self.store.knowing.set_rules(rules)
        return rules.model_dump()

    @rpc
    def import_reviews(
        self, reviews: Annotated[list[ImportReview], Field(min_length=1, max_length=500)], caller: Caller
    ) -> Document:
        """Reviews of another shop; again: nothing changes."""
        _check_admin(caller)
        return self.store.writing.bring(reviews, _now())

    @rpc
    def rebuild_ratings(self, cursor: Id | None = None) -> Document:
        """Count a hundred products' reviews anew: `{done, mended, next}`; `next` is None at the end."""
        done, mended, after = self.store.ratings.mend(cursor)
        return {"done": done, "mended": mended, "next": after}

    # ---- what others say -----------------------------------------------------------------------------------------

    @on_event(ProductCreated)
    def meet_product(self, event: ProductCreated) -> None:
        self._learn(event)

    @on_event(ProductUpdated)
    def know_product_better(self, event: ProductUpdated) -> None:
        self._learn(event)

    @on_event(ProductArchived)
    def know_archived_product(self, event: ProductArchived) -> None:
        self._learn(event)

    @on_event(OrderConfirmed)
    def note_purchase(self, event: OrderConfirmed) -> None:
        """Who bought it reviews it as a buyer, also when the review was here first."""
        self._note_bought(event)

    @on_event(OrderDelivered)
    def note_delivery(self, event: OrderDelivered) -> None:
        self._note_bought(event)

    @on_event(OrderCancelled)
    def note_cancelled_purchase(self, event: OrderCancelled) -> None:
        if event.user_id is not None:
            products = [line.product_id for line in event.items]
            undone = self.store.knowing.undone(event.user_id, event.order_id, products)
            self.store.writing.verify(event.user_id, undone, verified=False)

    @on_event(FileStored)
    def note_picture(self, event: FileStored) -> None:
        if event.purpose == "review":
            self.store.knowing.learn_picture(event.file_id, event.owner_id)

    @on_event(FileDeleted)
    def forget_picture(self, event: FileDeleted) -> None:
        if event.purpose == "review":
            self.store.knowing.forget_picture(event.file_id)

    def _learn(self, event: ProductEvent) -> None:
        facts = {name: getattr(event, name) for name in ("slug", "title", "vendor_id")}
        facts["on_offer"] = not isinstance(event, ProductArchived)
        self.store.knowing.learn_product(event.product_id, facts, event.meta.sequence or 0)

    def _note_bought(self, event: OrderConfirmed | OrderDelivered) -> None:
        if event.user_id is not None:
            products = [line.product_id for line in event.items]
            bought = self.store.knowing.bought(event.user_id, event.order_id, products)
            self.store.writing.verify(event.user_id, bought, verified=True)

    def _product(self, id_or_slug: str) -> Document:
        """A product that we have heard of, or, where it is older than we are, ask for once. Raises `NotFound`."""
        if (known := self.store.knowing.product(id_or_slug)) is not None:
            return known
        product = self.products.get_product(id_or_slug=id_or_slug)
        facts = product.model_dump(include={"slug", "title", "vendor_id"}) | {"on_offer": True}
        self.store.knowing.learn_product(product.id, facts, product.version)
        return {"_id": product.id, **facts}

    def _check_pictures(self, images: list[str], caller: Caller) -> None:
        """The news of a picture takes a moment. Raises `ValidationFailed` for one that isn't the caller's."""
        until = time.monotonic() + PICTURE_SECONDS
        while strangers := self.store.knowing.strangers(images, caller):
            if time.monotonic() >= until:
                index = images.index(strangers[0])
                raise ValidationFailed.of(f"images.{index}", "is not a picture of yours with the purpose `review`")
            time.sleep(0.05)


def _check_on() -> None:
    """Raises `Forbidden` while an administrator has reviews switched off."""
    if not config.enabled(SWITCH):
        raise Forbidden("Reviews are switched off at the moment")


def _check_admin(caller: Caller) -> None:
    if not caller.is_admin:
        raise Forbidden()


def _now() -> datetime:
    """As precise as MongoDB keeps it, so that what is read back is what was replied."""
    now = clock.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
