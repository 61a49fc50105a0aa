"""The catalogue: what is on offer, what it costs, and whose it is."""

from collections import Counter
from typing import Annotated, Any

from pydantic import Field, ValidationError

from schemas.api.categories import CategoryWrite
from schemas.api.product_import import ImportRow
from schemas.api.products import ProductPatch, ProductQuery, ProductWrite
from schemas.api.taxes import TaxRateId, TaxRateWrite
from schemas.base import Caller, Country, Id, Idempotency, Sku, Slug
from schemas.events.inventory import StockChanged
from schemas.events.reviews import RatingChanged
from services.chassis.common import clock
from services.chassis.common.errors import Forbidden, NotFound
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.events import on_event
from services.chassis.messaging.rpc import rpc
from services.chassis.messaging.signatures import refused
from services.chassis.runtime.service import Service
from services.chassis.runtime.settings import load
from services.chassis.stores.mongo import Mongo
from services.products.domain.checks import check_own, vendor_for
from services.products.domain.documents import Document, patched, to_detail
from services.products.domain.listing import STATUSES
from services.products.settings import ProductSettings
from services.products.store import ProductStore
from services.products.store.importing import Outcome, Row, refusal

SETTINGS = load(ProductSettings)

IdOrSlug = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9\-]+$")]
Ids = Annotated[list[Id], Field(max_length=100)]
Skus = Annotated[list[Sku], Field(max_length=500)]
AddressRegion = Annotated[str, Field(max_length=100)]
Version = Annotated[int, Field(ge=1)]


class TimedProductStore(ProductStore):
    """With what may be remembered for a moment."""

    def __init__(self, database: Any) -> None:
        super().__init__(database, SETTINGS.list_total_seconds, SETTINGS.tax_rates_seconds)


class ProductsService(Service):
    """Reads are one query each; every change is one transaction with its event."""

    name = "products"
    catalogue = Mongo(TimedProductStore)

    # ---- reading -------------------------------------------------------------------------------------------------

    @rpc
    def list_products(self, query: ProductQuery) -> Document:
        """A page of active products: `{items, page, limit, total, next_cursor}`. The total may be a second old."""
        if query.status not in (None, "active"):
            raise Forbidden("Only active products are public")
        return self.catalogue.reading.find(query, ["active"])

    @rpc
    def list_managed_products(self, query: ProductQuery, caller: Caller) -> Document:
        """The same over every status: all products for an administrator, the own ones for a vendor."""
        return self.catalogue.reading.find(
            query, [query.status] if query.status else STATUSES, vendor_for(caller, None)
        )

    @rpc
    def get_product(self, id_or_slug: IdOrSlug, caller: Caller | None = None) -> Document:
        """A product, whole. Drafts and archived ones are seen by administrators and by their vendor alone."""
        found = self.catalogue.reading.get(id_or_slug)
        if found["detail"]["status"] != "active":
            if caller is None or not (caller.is_admin or caller.is_vendor):
                raise NotFound("There is no such product")
            check_own(caller, found["detail"]["vendor_id"])
        return to_detail(found)

    @rpc
    def get_many(self, ids: Ids) -> list[Document]:
        """List items of active products, in the order of `ids`; others are missing."""
        return self.catalogue.reading.get_many(ids)

    @rpc
    def search_titles(self, query: ProductQuery) -> Document:
        """As `list_products`, each item with its `sku`: what is searched while the search engine is away."""
        return self.catalogue.reading.find(query, ["active"], with_sku=True)

    @rpc
    def get_snapshots(self, ids: Ids) -> list[Document]:
        """Products of every status, whole, with the versions of their parts: for copies that are kept elsewhere.

        Beside the detail: `stock` (sku, available, sequence of inventory's news; -1: none yet) and `rating_sequence`.
        """
        return self.catalogue.reading.snapshots(ids)

    @rpc
    def page_of_snapshots(self, after: Id | None = None, limit: Annotated[int, Field(ge=1, le=500)] = 100) -> Document:
        """`{items, next}`: snapshots of all products in the order of their ids; `next` is the next `after`."""
        return self.catalogue.reading.page_of_snapshots(after, limit)

    @rpc
    def count_products(self) -> int:
        """Of every status; an estimate."""
        return self.catalogue.reading.count()

    @rpc
    def related_products(self, id_or_slug: IdOrSlug, limit: Annotated[int, Field(ge=1, le=50)] = 8) -> list[Document]:
        """The best rated others of the same category."""
        return self.catalogue.reading.related(id_or_slug, limit)

    @rpc
    def price_skus(
        self, skus: Skus, country: Country | None = None, region: AddressRegion | None = None
    ) -> dict[str, Document]:
        """Price, weight, availability and tax rate by SKU, in one query; unknown SKUs are missing.

        Prices are without tax, in minor units; `tax_rate_bp` is 0 without a country.
        """
        return self.catalogue.reading.price(skus, country, region)

    @rpc
    def vendor_skus(self, vendor_id: Id) -> list[str]:
        """The SKUs of a vendor's products in every status, at most 10,000 of them."""
        return self.catalogue.reading.skus_of(vendor_id)

    # ---- writing -------------------------------------------------------------------------------------------------

    @rpc
    def create_product(self, product: ProductWrite, caller: Caller, idempotency: Idempotency | None = None) -> Document:
        """Raises `Conflict` naming the SKU or slug that exists, `ValidationFailed`, `Forbidden`."""
        created = self.catalogue.writing.create(product, caller, clock.now(), idempotency)
        self.catalogue.reading.forget_totals()
        return created

    @rpc
    def update_product(
        self,
        id_or_slug: IdOrSlug,
        product: ProductWrite,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> Document:
        """Replace a product. Raises `PreconditionFailed` when `expected_version` isn't the present one."""
        return self._change(id_or_slug, lambda _: product, caller, expected_version, idempotency)

    @rpc
    def patch_product(
        self,
        id_or_slug: IdOrSlug,
        patch: ProductPatch,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> Document:
        """Change the fields that the patch names (leave out what it doesn't: null is a value)."""

        def apply(before: Document) -> ProductWrite:
            try:
                return patched(before, patch)
            except ValidationError as invalid:
                raise refused(invalid) from None

        return self._change(id_or_slug, apply, caller, expected_version, idempotency)

    @rpc
    def delete_product(
        self,
        id_or_slug: IdOrSlug,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> None:
        """Take a product out of the catalogue. Its SKUs can be used again; orders keep what they bought."""
        self.catalogue.writing.delete(id_or_slug, caller, expected_version, idempotency)
        self.catalogue.reading.forget_totals()

    @rpc
    def import_products(
        self, products: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100)], caller: Caller
    ) -> Document:
        """Create or update up to 100 rows (`ImportRow`), each judged by itself; the same rows again change nothing.

        Replies `ImportReport`; its `stock` is the argument `levels` of `inventory.set_initial`.
        """
        rows, outcomes = [], []
        for index, values in enumerate(products):
            try:
                rows.append(Row(index, ImportRow.model_validate(values)))
            except ValidationError as invalid:
                outcomes.append(refusal(index, refused(invalid)))
        outcomes += self.catalogue.importing.run(rows, caller, clock.now())
        self.catalogue.reading.forget_totals()
        return _report(sorted(outcomes, key=lambda outcome: outcome.index), rows)

    @on_batch(StockChanged, size=200, seconds=0.1)
    def bring_stock_to_products(self, news: list[StockChanged]) -> None:
        """Keep `available` and `in_stock` as inventory says. A sale of what was held changes neither."""
        levels: dict[str, tuple[int, int]] = {}
        for event in sorted(news, key=lambda event: event.meta.sequence or 0):
            if event.delta or event.reason == "initial":
                levels[event.sku] = event.available, event.meta.sequence or 0
        if levels:
            self.catalogue.stock.record(levels)

    @on_event(RatingChanged)
    def bring_rating_to_product(self, event: RatingChanged) -> None:
        """Keep the rating as reviews say."""
        rating = {"average": event.average, "count": event.count, "histogram": event.histogram}
        self.catalogue.ratings.record(event.product_id, rating, event.meta.sequence or 0)

    def _change(
        self,
        id_or_slug: str,
        change: Any,
        caller: Caller,
        expected_version: int | None,
        idempotency: Idempotency | None,
    ) -> Document:
        changed = self.catalogue.writing.change(id_or_slug, change, caller, expected_version, clock.now(), idempotency)
        self.catalogue.reading.forget_totals()
        return changed

    # ---- categories and tax --------------------------------------------------------------------------------------

    @rpc
    def category_tree(self) -> list[Document]:
        """The roots, each with everything below it in `children`."""
        return self.catalogue.categories.tree()

    @rpc
    def get_category(self, slug: Slug) -> Document:
        return self.catalogue.categories.get(slug)

    @rpc
    def create_category(self, category: CategoryWrite, caller: Caller) -> Document:
        """Raises `Conflict` for a slug that exists."""
        _check_admin(caller)
        return self.catalogue.categories.create(category)

    @rpc
    def update_category(self, slug: Slug, category: CategoryWrite, caller: Caller) -> Document:
        """Rename or move; the subtree and its products go along. Raises `ValidationFailed` for a move under itself."""
        _check_admin(caller)
        return self.catalogue.categories.replace(slug, category)

    @rpc
    def delete_category(self, slug: Slug, caller: Caller) -> None:
        """Raises `Conflict` while there is anything in it."""
        _check_admin(caller)
        self.catalogue.categories.delete(slug)

    @rpc
    def tax_rates(self, country: Country | None = None) -> list[Document]:
        """Every rate in force, in basis points."""
        return self.catalogue.tax.all(country)

    @rpc
    def put_tax_rate(self, rate: TaxRateWrite, caller: Caller) -> Document:
        """Set the rate of a class of goods in a country or region."""
        _check_admin(caller)
        return self.catalogue.tax.put(rate.model_dump())

    @rpc
    def delete_tax_rate(self, rate_id: TaxRateId, caller: Caller) -> None:
        _check_admin(caller)
        self.catalogue.tax.delete(rate_id)


def _check_admin(caller: Caller) -> None:
    if not caller.is_admin:
        raise Forbidden()


def _report(outcomes: list[Outcome], rows: list[Row]) -> Document:
    counts = Counter(outcome.status for outcome in outcomes)
    refused_rows = {outcome.index for outcome in outcomes if outcome.status == "refused"}
    return {
        **{status: counts[status] for status in ("created", "updated", "unchanged", "refused")},
        "rows": [vars(outcome) for outcome in outcomes],
        "stock": [
            {"sku": variant.sku, "on_hand": variant.stock}
            for row in rows
            if row.index not in refused_rows
            for variant in row.product.variants
            if variant.stock is not None
        ],
    }
