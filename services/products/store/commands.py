"""Writes of products: the product, its dependants and its event, in one transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from schemas.api.products import ProductWrite
from schemas.base import Idempotency
from schemas.caller import Caller
from schemas.events.products import ProductArchived, ProductCreated, ProductEvent, ProductUpdated
from services.chassis.common import clock
from services.chassis.common.errors import Conflict, NotFound, ServiceUnavailable, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.common.versions import check_version
from services.chassis.stores.mongo import MongoStore
from services.products.domain.checks import check, check_own, vendor_for
from services.products.domain.documents import (
    CategoryFacts,
    Document,
    Identity,
    audit_fields,
    build,
    event_fields,
    rating_of,
    same_content,
    to_detail,
)
from services.products.domain.naming import slug_with, slugify
from services.products.store.categories import Categories
from services.products.store.queries import by_id_or_slug
from services.products.store.sku_owners import SkuOwners, check_retired
from services.products.store.stock import Stock

ATTEMPTS = 5


class ProductCommands:
    """The collection `products`, written."""

    def __init__(self, store: MongoStore, categories: Categories, stock: Stock, sku_owners: SkuOwners) -> None:
        self.store = store
        self.products = store.db["products"]
        self.categories = categories
        self.stock = stock
        self.sku_owners = sku_owners

    def create(self, product: ProductWrite, caller: Caller, now: datetime, idempotency: Idempotency | None) -> Document:
        """Create a product. Raises `Conflict` for a SKU or slug that exists or a SKU that was another seller's,
        `ValidationFailed` for an unknown category.
        """
        check(product)
        vendor_id = vendor_for(caller, product.vendor_id)

        def work(session: ClientSession) -> Document:
            product_id = new_id()
            moment = to_milliseconds(now)
            identity = Identity(
                id=product_id,
                slug=product.slug or self._free_slug(session, product.title, product_id),
                vendor_id=vendor_id,
                external_id=product.external_id,
                version=1,
                created_at=moment,
                updated_at=moment,
                rating=rating_of(None),
            )
            document = self._build_document(session, product, identity, None)
            self.products.insert_one(document, session=session)
            self.store.emit(session, ProductCreated(**event_fields(document)), sequence=1)
            self.store.audit(session, "product.create", ("product", product_id), after=audit_fields(document))
            return to_detail(document)

        return self._run_once(work, idempotency, product)

    def change(
        self,
        id_or_slug: str,
        change: Callable[[Document], ProductWrite],
        caller: Caller,
        expected_version: int | None,
        now: datetime,
        idempotency: Idempotency | None,
    ) -> Document:
        """Replace or patch a product: `change` computes the new one from the stored one; no change, no write.

        Raises `NotFound` (also for another vendor's), `PreconditionFailed`, `Conflict`, `ValidationFailed`.
        """
        products: list[ProductWrite] = []

        def work(session: ClientSession) -> Document:
            before = self._find_owned(session, id_or_slug, caller, expected_version)
            product = change(before)
            products[:] = [product]
            check(product)
            if product.vendor_id not in (None, before["vendor_id"]):
                vendor_for(caller, product.vendor_id)
            after = self._build_document(session, product, identity_after(before, product, now), before)
            if same_content(before, after):
                return to_detail(before)
            self.products.replace_one({"_id": before["_id"]}, after, session=session)
            self.sku_owners.retire(session, before, [variant.sku for variant in product.variants], now)
            self.store.emit(session, change_event(before, after), sequence=after["version"])
            subject = ("product", str(before["_id"]))
            self.store.audit(session, "product.update", subject, audit_fields(before), audit_fields(after))
            return to_detail(after)

        return self._run_once(work, idempotency, products)

    def delete(
        self, id_or_slug: str, caller: Caller, expected_version: int | None, idempotency: Idempotency | None
    ) -> None:
        """Delete a product. Its slug is free again, its SKUs for their seller only, and without their stock. Orders
        keep their copy.
        """

        def work(session: ClientSession) -> Document:
            before = self._find_owned(session, id_or_slug, caller, expected_version)
            self.products.delete_one({"_id": before["_id"]}, session=session)
            self.sku_owners.retire(session, before, [], clock.now())
            self.stock.clear(session, [variant["sku"] for variant in before["variants"]])
            event = ProductArchived(**event_fields(before) | {"status": "archived", "deleted": True})
            self.store.emit(session, event, sequence=before["version"] + 1)
            self.store.audit(session, "product.delete", ("product", str(before["_id"])), before=audit_fields(before))
            return {}

        self._run_once(work, idempotency, None)

    def _find_owned(
        self, session: ClientSession, id_or_slug: str, caller: Caller, expected_version: int | None
    ) -> Document:
        document = self.products.find_one(by_id_or_slug(id_or_slug), session=session)
        check_own(caller, document["vendor_id"] if document else caller.user_id)
        if document is None:
            raise NotFound("There is no such product")
        check_version(expected_version, document["version"])
        return document

    def _build_document(
        self, session: ClientSession, product: ProductWrite, identity: Identity, before: Document | None
    ) -> Document:
        category: CategoryFacts | None = None
        if product.category is not None:
            category = self.categories.use(session, [product.category]).get(product.category)
            if category is None:
                raise ValidationFailed.of("category", "does not exist")
        skus = {variant.sku for variant in product.variants}
        new_skus = skus - ({variant["sku"] for variant in before["variants"]} if before else set())
        check_retired(product, self.sku_owners.of(session, new_skus), identity.vendor_id)
        return build(product, identity, category, self.stock.facts(session, skus, new_skus))

    def _free_slug(self, session: ClientSession, title: str, product_id: str) -> str:
        slug = slugify(title)
        existing = self.products.find_one({"slug": slug}, {"_id": 1}, session=session)
        return slug_with(slug, product_id) if existing else slug

    def _run_once(
        self,
        work: Callable[[ClientSession], Document],
        idempotency: Idempotency | None,
        product_or_list: ProductWrite | list[ProductWrite] | None,
    ) -> Document:
        """Run a command once per idempotency key, retried on conflicts with concurrent writes."""

        def claimed(session: ClientSession) -> Document:
            replay = self.store.claim(session, idempotency)
            if replay is not None:
                return dict(replay)
            reply = work(session)
            self.store.remember(session, idempotency, reply)
            return reply

        for _ in range(ATTEMPTS):
            try:
                return self.store.in_transaction(claimed)
            except DuplicateKeyError as duplicate:
                product = (
                    product_or_list[0] if isinstance(product_or_list, list) and product_or_list else product_or_list
                )
                if error := conflict_error(duplicate, product if isinstance(product, ProductWrite) else None):
                    raise error from duplicate
        raise ServiceUnavailable("These SKUs are in too much demand at the moment")


def identity_after(before: Document, product: ProductWrite, now: datetime) -> Identity:
    """The fields that editors don't write, after a change."""
    return Identity(
        id=before["_id"],
        slug=product.slug or before["slug"],
        vendor_id=product.vendor_id or before["vendor_id"],
        external_id=product.external_id or before["detail"]["external_id"],
        version=before["version"] + 1,
        created_at=before["created_at"],
        updated_at=to_milliseconds(now),
        rating=before["detail"].get("rating") or before["listing"]["rating"],
        rating_sequence=before.get("rating_sequence", 0),
    )


def change_event(before: Document, after: Document) -> ProductEvent:
    """The event of a change."""
    archived = after["status"] == "archived" and before["status"] != "archived"
    event_type = ProductArchived if archived else ProductUpdated
    return event_type(**event_fields(after, before))


def conflict_error(duplicate: DuplicateKeyError, product: ProductWrite | None) -> Conflict | None:
    """The error for a violated unique index; None for one that a retry resolves."""
    details: Any = duplicate.details or {}
    key = next(iter(details.get("keyPattern") or {}), "")
    value = next(iter((details.get("keyValue") or {}).values()), None)
    if key == "variants.sku":
        skus = [variant.sku for variant in product.variants] if product else []
        field = f"variants.{skus.index(value)}.sku" if value in skus else "sku"
        return Conflict(f"The SKU {value} exists", [{"field": field, "message": "exists", "sku": value}])
    if key in ("slug", "external_id"):
        return Conflict(f"The {key} {value} is taken", [{"field": key, "message": "is taken"}])
    return None


def to_milliseconds(moment: datetime) -> datetime:
    """Truncate to MongoDB's precision, so that a value reads as it was written."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
