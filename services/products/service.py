"""Products service: the catalogue, categories, tax rates."""

from collections import Counter
from collections.abc import Callable

from pydantic import ValidationError

from schemas.api.categories import CategoryWrite
from schemas.api.product_import import ImportRow
from schemas.api.product_parts import ImageWrite, OptionsWrite, VariantPatch
from schemas.api.products import ProductPatch, ProductQuery, ProductWrite
from schemas.api.taxes import TaxRateId, TaxRateWrite
from schemas.api.variants import VariantWrite
from schemas.base import ANONYMOUS, Caller, Country, Id, Idempotency, IdOrSlug, Sku, Slug
from schemas.events.inventory import StockChanged
from schemas.events.reviews import RatingChanged
from schemas.permissions.permission import Permission
from schemas.rpc.files import FilesRpc
from schemas.rpc.products import AddressRegion, Ids, ImportRows, ProductsRpc, RelatedLimit, Skus, SnapshotLimit, Version
from schemas.signed.file_grants import PUBLIC_PATH
from services.chassis.common import clock
from services.chassis.common.errors import Forbidden, NotFound
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.events import on_event
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import implements
from services.chassis.messaging.signatures import refused
from services.chassis.runtime.service import Service
from services.chassis.stores.mongo import Mongo
from services.products.domain import parts
from services.products.domain.checks import check_own, vendor_for
from services.products.domain.documents import STATUSES, Document, apply_patch, to_detail
from services.products.settings import ProductSettings
from services.products.store import ProductStore
from services.products.store.bulk_import import Outcome, Row, imported_stock, refusal


class ProductsService(Service):
    """Reads are one query each; every change is one transaction with its event."""

    name = "products"
    catalogue = Mongo(ProductStore, ProductSettings)
    files = Remote(FilesRpc, deadline=2.0)

    # ---- reading -------------------------------------------------------------------------------------------------

    @implements(ProductsRpc.list_products)
    def list_products(self, query: ProductQuery) -> Document:
        return self._list(query, counted=True)

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
    def get_snapshots(self, ids: Ids) -> list[Document]:
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

    # ---- parts of a product --------------------------------------------------------------------------------------

    @implements(ProductsRpc.add_variant)
    def add_variant(
        self,
        id_or_slug: IdOrSlug,
        variant: VariantWrite,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> Document:
        with parts.fields_of_variant():
            return self._change(
                id_or_slug,
                lambda before: parts.add_variant(before, variant),
                caller,
                expected_version,
                idempotency,
            )

    @implements(ProductsRpc.change_variant)
    def change_variant(
        self,
        id_or_slug: IdOrSlug,
        sku: Sku,
        patch: VariantPatch,
        caller: Caller,
        expected_version: Version | None = None,
    ) -> Document:
        with parts.fields_of_variant():
            return self._change(
                id_or_slug, lambda before: parts.change_variant(before, sku, patch), caller, expected_version, None
            )

    @implements(ProductsRpc.remove_variant)
    def remove_variant(
        self, id_or_slug: IdOrSlug, sku: Sku, caller: Caller, expected_version: Version | None = None
    ) -> Document:
        return self._change(
            id_or_slug, lambda before: parts.remove_variant(before, sku), caller, expected_version, None
        )

    @implements(ProductsRpc.replace_options)
    def replace_options(
        self, id_or_slug: IdOrSlug, options: OptionsWrite, caller: Caller, expected_version: Version | None = None
    ) -> Document:
        return self._change(
            id_or_slug, lambda before: parts.replace_options(before, options), caller, expected_version, None
        )

    @implements(ProductsRpc.add_image)
    def add_image(
        self,
        id_or_slug: IdOrSlug,
        image: ImageWrite,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> Document:
        address = self._picture(image.file_id, caller)
        return self._change(
            id_or_slug,
            lambda before: parts.add_image(before, address, image),
            caller,
            expected_version,
            idempotency,
        )

    @implements(ProductsRpc.remove_image)
    def remove_image(
        self, id_or_slug: IdOrSlug, file_id: Id, caller: Caller, expected_version: Version | None = None
    ) -> Document:
        address = f"{PUBLIC_PATH}/{file_id}"
        return self._change(
            id_or_slug, lambda before: parts.remove_image(before, address), caller, expected_version, None
        )

    def _picture(self, file_id: str, caller: Caller) -> str:
        """The address of a stored picture. Raises `ValidationFailed` for a file that can't be one of the product."""
        try:
            file = self.files.get_file(file_id=file_id, caller=caller)
        except NotFound:
            raise parts.no_picture() from None
        parts.check_picture(file.purpose, file.private, file.width, file.owner_id, caller)
        return f"{PUBLIC_PATH}/{file_id}"

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

    def _change(
        self,
        id_or_slug: str,
        change: Callable[[Document], ProductWrite],
        caller: Caller,
        expected_version: int | None,
        idempotency: Idempotency | None,
    ) -> Document:
        def apply(before: Document) -> ProductWrite:
            try:
                return change(before)
            except ValidationError as invalid:
                raise refused(invalid) from None

        changed = self.catalogue.commands.change(id_or_slug, apply, caller, expected_version, clock.now(), idempotency)
        self.catalogue.queries.clear_totals()
        return changed

    # ---- categories and tax --------------------------------------------------------------------------------------

    @implements(ProductsRpc.category_tree)
    def category_tree(self) -> list[Document]:
        return self.catalogue.categories.tree()

    @implements(ProductsRpc.get_category)
    def get_category(self, slug: Slug) -> Document:
        return self.catalogue.categories.get(slug)

    @implements(ProductsRpc.create_category)
    def create_category(self, category: CategoryWrite, caller: Caller) -> Document:
        return self.catalogue.categories.create(category)

    @implements(ProductsRpc.update_category)
    def update_category(
        self, slug: Slug, category: CategoryWrite, caller: Caller, expected_version: Version | None = None
    ) -> Document:
        return self.catalogue.categories.replace(slug, category, expected_version)

    @implements(ProductsRpc.delete_category)
    def delete_category(self, slug: Slug, caller: Caller, expected_version: Version | None = None) -> None:
        self.catalogue.categories.delete(slug, expected_version)

    @implements(ProductsRpc.tax_rates)
    def tax_rates(self, caller: Caller, country: Country | None = None) -> list[Document]:
        return self.catalogue.tax.all(country)

    @implements(ProductsRpc.put_tax_rate)
    def put_tax_rate(self, rate: TaxRateWrite, caller: Caller) -> Document:
        return self.catalogue.tax.put(rate.model_dump())

    @implements(ProductsRpc.delete_tax_rate)
    def delete_tax_rate(self, rate_id: TaxRateId, caller: Caller) -> None:
        self.catalogue.tax.delete(rate_id)


def _report(outcomes: list[Outcome], rows: list[Row]) -> Document:
    counts = Counter(outcome.status for outcome in outcomes)
    refused_rows = {outcome.index for outcome in outcomes if outcome.status == "refused"}
    stock = imported_stock([row.product for row in rows if row.index not in refused_rows])
    return {
        **{status: counts[status] for status in ("created", "updated", "unchanged", "refused")},
        "rows": [vars(outcome) for outcome in outcomes],
        "stock": [{"sku": level.sku, "on_hand": level.on_hand} for level in stock],
    }
