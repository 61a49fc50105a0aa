"""Products service: the catalogue, categories, tax rates."""

from collections import Counter

from eventlet import GreenPool
from pydantic import ValidationError

from schemas.api.product_import import ImportRow
from schemas.api.products import ProductPatch, ProductQuery, ProductWrite
from schemas.base import Country, Id, Idempotency, IdOrSlug
from schemas.caller import ANONYMOUS, Caller
from schemas.events.inventory import StockChanged
from schemas.events.reviews import RatingChanged
from schemas.permissions.permission import Permission
from schemas.rpc.products import (
    AddressRegion,
    Ids,
    ImportRows,
    ProductsRpc,
    Queries,
    RelatedLimit,
    Skus,
    SnapshotIds,
    SnapshotLimit,
    Version,
)
from services.chassis.common import clock
from services.chassis.common.errors import Forbidden, NotFound
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.events import on_event
from services.chassis.messaging.rpc import implements
from services.chassis.messaging.signatures import refused
from services.chassis.runtime.service import Service
from services.chassis.runtime.timers import every
from services.products.category_methods import CategoryMethods
from services.products.domain.checks import check_own, vendor_for
from services.products.domain.documents import STATUSES, Document, apply_patch, to_detail
from services.products.part_methods import PartMethods
from services.products.store.bulk_import import Outcome, Row, imported_stock, refusal

LISTS_AT_ONCE = 8
"""Of the lists of one request."""


class ProductsService(PartMethods, CategoryMethods, Service):
    """Reads are one query each; every change is one transaction with its event."""

    name = "products"

    # ---- reading -------------------------------------------------------------------------------------------------

    @implements(ProductsRpc.list_products)
    def list_products(self, query: ProductQuery) -> Document:
        return self._list(query, counted=True)

    @implements(ProductsRpc.list_pages)
    def list_pages(self, queries: Queries) -> list[Document]:
        return list(GreenPool(LISTS_AT_ONCE).imap(self.list_products, queries))

    @implements(ProductsRpc.list_uncounted)
    def list_uncounted(self, query: ProductQuery) -> Document:
        return self._list(query, counted=False)

    def _list(self, query: ProductQuery, counted: bool) -> Document:
        if query.status not in (None, "active"):
            raise Forbidden("Only active products are public")
        return self.catalogue.queries.find(query, ["active"], counted=counted)

    @implements(ProductsRpc.list_managed_products)
    def list_managed_products(self, query: ProductQuery, caller: Caller) -> Document:
        return self.catalogue.queries.find(
            query, [query.status] if query.status else STATUSES, vendor_for(caller, None)
        )

    @implements(ProductsRpc.get_product)
    def get_product(self, id_or_slug: IdOrSlug, caller: Caller = ANONYMOUS) -> Document:
        product = self.catalogue.queries.get(id_or_slug)
        if product["detail"]["status"] != "active":
            if not caller.may(Permission.PRODUCTS_WRITE):
                raise NotFound("There is no such product")
            check_own(caller, product["detail"]["vendor_id"])
        return to_detail(product)

    @implements(ProductsRpc.get_many)
    def get_many(self, ids: Ids) -> list[Document]:
        return self.catalogue.queries.get_many(ids)

    @implements(ProductsRpc.get_details)
    def get_details(self, ids: Ids) -> list[Document]:
        return self.catalogue.queries.get_details(ids)

    @implements(ProductsRpc.search_titles)
    def search_titles(self, query: ProductQuery) -> Document:
        return self.catalogue.queries.find(query, ["active"], with_sku=True)

    @implements(ProductsRpc.get_snapshots)
    def get_snapshots(self, ids: SnapshotIds) -> list[Document]:
        return self.catalogue.queries.snapshots(ids)

    @implements(ProductsRpc.list_snapshots)
    def list_snapshots(self, after: Id | None = None, limit: SnapshotLimit = 100) -> Document:
        return self.catalogue.queries.list_snapshots(after, limit)

    @implements(ProductsRpc.count_products)
    def count_products(self) -> int:
        return self.catalogue.queries.count()

    @implements(ProductsRpc.related_products)
    def related_products(self, id_or_slug: IdOrSlug, limit: RelatedLimit = 8) -> list[Document]:
        return self.catalogue.queries.related(id_or_slug, limit)

    @implements(ProductsRpc.price_skus)
    def price_skus(
        self, skus: Skus, country: Country | None = None, region: AddressRegion | None = None
    ) -> dict[str, Document]:
        return self.catalogue.queries.price(skus, country, region)

    @implements(ProductsRpc.vendor_skus)
    def vendor_skus(self, vendor_id: Id) -> list[str]:
        return self.catalogue.queries.skus_of(vendor_id)

    # ---- writing -------------------------------------------------------------------------------------------------

    @implements(ProductsRpc.create_product)
    def create_product(self, product: ProductWrite, caller: Caller, idempotency: Idempotency | None = None) -> Document:
        created = self.catalogue.commands.create(product, caller, clock.now(), idempotency)
        self.catalogue.queries.clear_totals()
        return created

    @implements(ProductsRpc.update_product)
    def update_product(
        self,
        id_or_slug: IdOrSlug,
        product: ProductWrite,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> Document:
        return self._change(id_or_slug, lambda _: product, caller, expected_version, idempotency)

    @implements(ProductsRpc.patch_product)
    def patch_product(
        self,
        id_or_slug: IdOrSlug,
        patch: ProductPatch,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> Document:
        return self._change(
            id_or_slug, lambda before: apply_patch(before, patch), caller, expected_version, idempotency
        )

    @implements(ProductsRpc.delete_product)
    def delete_product(
        self,
        id_or_slug: IdOrSlug,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> None:
        self.catalogue.commands.delete(id_or_slug, caller, expected_version, idempotency)
        self.catalogue.queries.clear_totals()

    @implements(ProductsRpc.import_products)
    def import_products(self, products: ImportRows, caller: Caller) -> Document:
        rows, outcomes = [], []
        for index, values in enumerate(products):
            try:
                rows.append(Row(index, ImportRow.model_validate(values)))
            except ValidationError as invalid:
                outcomes.append(refusal(index, refused(invalid)))
        outcomes += self.catalogue.bulk_import.run(rows, caller, clock.now())
        self.catalogue.queries.clear_totals()
        return _report(sorted(outcomes, key=lambda outcome: outcome.index), rows)

    @on_batch(StockChanged, size=200, seconds=0.1)
    def update_stock_of_products(self, events: list[StockChanged]) -> None:
        """Copy available units to products. A sale of reserved units changes nothing here."""
        levels: dict[str, tuple[int, int]] = {}
        for event in sorted(events, key=lambda event: event.meta.sequence or 0):
            if event.delta or event.reason == "initial":
                levels[event.sku] = event.available, event.meta.sequence or 0
        if levels:
            self.catalogue.stock.record(levels)

    @on_event(RatingChanged)
    def update_rating_of_product(self, event: RatingChanged) -> None:
        """Copy the rating to the product."""
        rating = {"average": event.average, "count": event.count, "histogram": event.histogram}
        self.catalogue.ratings.record(event.product_id, rating, event.meta.sequence or 0)

    @every(seconds=3600)
    def drop_retired_indexes(self) -> None:
        self.catalogue.queries.drop_retired_indexes()


def _report(outcomes: list[Outcome], rows: list[Row]) -> Document:
    counts = Counter(outcome.status for outcome in outcomes)
    refused_rows = {outcome.index for outcome in outcomes if outcome.status == "refused"}
    stock = imported_stock([row.product for row in rows if row.index not in refused_rows])
    return {
        **{status: counts[status] for status in ("created", "updated", "unchanged", "refused")},
        "rows": [vars(outcome) for outcome in outcomes],
        "stock": [{"sku": level.sku, "on_hand": level.on_hand} for level in stock],
    }
