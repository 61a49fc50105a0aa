"""Bulk import: rows are validated one by one; all valid ones are written in one transaction."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import InsertOne, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from schemas.api.product_import import ImportRow
from schemas.caller import Caller
from schemas.events.base import Event
from schemas.events.products import ImportedStock, ProductCreated, StockImported
from services.chassis.common.errors import Conflict, DomainError, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.chassis.observability import audit_records
from services.chassis.stores.mongo import MongoStore
from services.products.domain.checks import check, vendor_for
from services.products.domain.documents import (
    CategoryFacts,
    Document,
    Identity,
    audit_fields,
    build,
    event_fields,
    keep_stored_images,
    rating_of,
    same_content,
)
from services.products.domain.naming import category_path, slug_with, slugify
from services.products.store.categories import Categories
from services.products.store.commands import change_event, identity_after, to_milliseconds
from services.products.store.sku_owners import SkuOwners, check_retired
from services.products.store.stock import Stock

ATTEMPTS = 5


@dataclass(frozen=True)
class Row:
    """A valid row and its index."""

    index: int
    product: ImportRow


@dataclass(frozen=True)
class Outcome:
    """The outcome of a row."""

    index: int
    status: str
    id: str | None = None
    slug: str | None = None
    field: str | None = None
    reason: str | None = None


class BulkImport:
    """Import of many products at once."""

    def __init__(self, store: MongoStore, categories: Categories, stock: Stock, sku_owners: SkuOwners) -> None:
        self.store = store
        self.products = store.db["products"]
        self.categories = categories
        self.stock = stock
        self.sku_owners = sku_owners
        self._turn = threading.Lock()

    def run(self, rows: Sequence[Row], caller: Caller, now: datetime) -> list[Outcome]:
        """Write the rows that can be written. Idempotent: the same rows again are reported as unchanged."""
        vendor_for(caller, None)
        for _ in range(ATTEMPTS):
            try:
                with self._turn:  # two that touch the same categories would only abort each other, and begin again
                    return self.store.in_transaction(lambda session: self._write(session, rows, caller, now))
            except (DuplicateKeyError, BulkWriteError) as raced:
                codes = {error["code"] for error in (raced.details or {}).get("writeErrors", [{"code": raced.code}])}
                if codes - {11000}:
                    raise
                # one of these SKUs, slugs or categories was written concurrently: read again
        raise ServiceUnavailable("These products are being written by others at the moment")

    def _write(self, session: ClientSession, rows: Sequence[Row], caller: Caller, now: datetime) -> list[Outcome]:
        row_skus = {variant.sku for row in rows for variant in row.product.variants}
        identifiers = TakenIdentifiers(self._stored_products(session, rows), self.sku_owners.of(session, row_skus))
        accepted, outcomes = [], []
        for row in rows:
            try:
                check(row.product)
                accepted.append((row, identifiers.claim(row, caller)))
            except DomainError as error:
                outcomes.append(refusal(row.index, error))
        paths = {path: category_path(path) for row, _ in accepted if (path := row.product.category)}
        categories = self.categories.ensure(session, paths.values())
        skus = {variant.sku for row, _ in accepted for variant in row.product.variants}
        levels = imported_stock([row.product for row, _ in accepted])
        announced = {level.sku: level.on_hand for level in levels}
        stock = self.stock.facts(session, skus, skus - identifiers.skus.keys(), announced)
        writes: list[Any] = []
        events: list[tuple[Event, int | None]] = []
        product_ids: dict[str, str] = {}
        for row, before in accepted:
            steps = paths.get(row.product.category or "")
            category = categories[steps[-1][0]] if steps else None
            after = self._document(row.product, before, category, stock, identifiers, caller, now)
            product_ids |= {variant.sku: after["_id"] for variant in row.product.variants}
            if before and same_content(before, after):
                outcomes.append(Outcome(row.index, "unchanged", before["_id"], before["slug"]))
                continue
            writes.append(ReplaceOne({"_id": after["_id"]}, after) if before else InsertOne(after))
            if before:
                self.sku_owners.retire(session, before, [variant.sku for variant in row.product.variants], now)
            events += _events(before, after)
            outcomes.append(Outcome(row.index, "updated" if before else "created", after["_id"], after["slug"]))
        if writes:
            self.products.bulk_write(writes, ordered=True, session=session)
        if levels:
            levels = tuple(level.model_copy(update={"product_id": product_ids[level.sku]}) for level in levels)
            events.append((StockImported(import_id=new_id(), levels=levels), None))
        self.store.emit_all(session, events)
        return sorted(outcomes, key=lambda outcome: outcome.index)

    def _stored_products(self, session: ClientSession, rows: Sequence[Row]) -> list[Document]:
        """All stored products that these rows concern, in one query on three indexes."""
        slugs = {row.product.slug or slugify(row.product.title) for row in rows}
        external_ids = {row.product.external_id for row in rows if row.product.external_id}
        skus = {variant.sku for row in rows for variant in row.product.variants}
        either = [
            {"slug": {"$in": list(slugs)}},
            {"external_id": {"$in": list(external_ids)}},
            {"variants.sku": {"$in": list(skus)}},
        ]
        return list(self.products.find({"$or": either}, session=session))

    def _document(
        self,
        product: ImportRow,
        before: Document | None,
        category: CategoryFacts | None,
        stock: dict[str, tuple[int, int]],
        identifiers: "TakenIdentifiers",
        caller: Caller,
        now: datetime,
    ) -> Document:
        if before is not None:
            product = keep_stored_images(product, before)
            identity = identity_after(before, product, now)
            if product.rating is not None and not identity.rating_sequence:
                identity = Identity(**vars(identity) | {"rating": rating_of(product.rating)})
            return build(product, identity, category, stock)
        product_id, moment = new_id(), to_milliseconds(now)
        identity = Identity(
            id=product_id,
            slug=identifiers.free_slug(product, product_id),
            vendor_id=vendor_for(caller, product.vendor_id),
            external_id=product.external_id,
            version=1,
            created_at=moment,
            updated_at=moment,
            rating=rating_of(product.rating),
        )
        return build(product, identity, category, stock)


def _events(before: Document | None, after: Document) -> list[tuple[Event, int | None]]:
    """The events of a written product with their sequences: its creation or change, and the audit record."""
    event = change_event(before, after) if before else ProductCreated(**event_fields(after))
    action, old_fields = ("product.update", audit_fields(before)) if before else ("product.create", None)
    record = audit_records.record(action, ("product", after["_id"]), old_fields, audit_fields(after))
    return [(event, after["version"]), (record, None)]


def imported_stock(products: Sequence[ImportRow]) -> tuple[ImportedStock, ...]:
    """The stock that rows name for their variants."""
    variants = [variant for product in products for variant in product.variants]
    return tuple(
        ImportedStock(sku=variant.sku, on_hand=variant.stock) for variant in variants if variant.stock is not None
    )


class TakenIdentifiers:
    """SKUs, slugs and external ids taken by stored products and earlier rows.

    A row is about a product of its own seller only: the one that it names, else the shop. External ids are each
    seller's own; a slug or SKU of another seller's product refuses the row.
    """

    def __init__(self, documents: Sequence[Document], retired: Mapping[str, str | None]) -> None:
        self.by_external_id = {
            (document["vendor_id"], document["external_id"]): document
            for document in documents
            if document.get("external_id")
        }
        self._retired = retired
        self.by_slug = {document["slug"]: document for document in documents}
        self.skus = {variant["sku"]: document["_id"] for document in documents for variant in document["variants"]}
        self._by_sku = {variant["sku"]: document for document in documents for variant in document["variants"]}
        self._claimed: set[tuple[str, str]] = set()

    def claim(self, row: Row, caller: Caller) -> Document | None:
        """The stored product that this row is about. Raises a `DomainError` for a collision with another."""
        product, owner = row.product, vendor_for(caller, row.product.vendor_id)
        field, before = self._find(product, owner)
        if before is not None and before["vendor_id"] != owner:
            raise _taken(field, "belongs to another seller's product")
        product_id = before["_id"] if before else None
        check_retired(product, {sku: self._retired[sku] for sku in self._retired.keys() - self.skus.keys()}, owner)
        for index, variant in enumerate(product.variants):
            if self.skus.get(variant.sku, product_id) != product_id:
                raise _taken(f"variants.{index}.sku", f"the SKU {variant.sku} belongs to another product")
        if product.slug and product.slug in self.by_slug and self.by_slug[product.slug]["_id"] != product_id:
            raise _taken("slug", f"the slug {product.slug} belongs to another product")
        claims = [("sku", variant.sku) for variant in product.variants]
        claims += [("slug", product.slug)] if product.slug else []
        claims += [(f"external_id of {owner}", product.external_id)] if product.external_id else []
        claims += [("id", product_id)] if product_id else []
        for kind, value in claims:
            if (kind, value) in self._claimed:
                field = kind.partition(" ")[0]
                raise _taken(field, f"another row of this import has the {field} {value}")
        self._claimed.update(claims)
        return before

    def free_slug(self, product: ImportRow, product_id: str) -> str:
        slug = product.slug or slugify(product.title)
        if not product.slug and (slug in self.by_slug or ("slug", slug) in self._claimed):
            slug = slug_with(slug, product_id)
        self._claimed.add(("slug", slug))
        return slug

    def _find(self, product: ImportRow, owner: str | None) -> tuple[str, Document | None]:
        """The product that the row names, of any seller, and the field that names it."""
        if product.external_id and (document := self.by_external_id.get((owner, product.external_id))):
            return "external_id", document
        field = "slug" if product.slug else "variants.0.sku"
        document = self.by_slug.get(product.slug) if product.slug else self._by_sku.get(product.variants[0].sku)
        has_other_external_id = document and product.external_id and document["detail"]["external_id"]
        return field, None if has_other_external_id else document


def refusal(index: int, error: DomainError) -> Outcome:
    """The outcome of a refused row, with its first error."""
    first = error.details[0] if error.details else {}
    return Outcome(index, "refused", field=first.get("field"), reason=first.get("message", error.message))


def _taken(field: str, message: str) -> DomainError:
    return Conflict(message, [{"field": field, "message": message}])
