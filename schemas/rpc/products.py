"""RPC interface of the products service."""

from typing import Annotated, Any, Protocol

from pydantic import Field

from schemas.api.categories import Category, CategoryNode, CategoryWrite
from schemas.api.product_import import ImportReport
from schemas.api.product_parts import ImageWrite, OptionsWrite, VariantPatch
from schemas.api.products import (
    ListItem,
    ProductDetail,
    ProductPatch,
    ProductQuery,
    ProductSnapshot,
    ProductWrite,
    SearchedItem,
    SnapshotPage,
)
from schemas.api.taxes import TaxRate, TaxRateId, TaxRateWrite
from schemas.api.variants import PricedSku, VariantWrite
from schemas.base import Country, Id, Idempotency, IdOrSlug, Page, Sku, Slug
from schemas.caller import ANONYMOUS, Caller

Ids = Annotated[list[Id], Field(max_length=100)]
Queries = Annotated[list[ProductQuery], Field(max_length=20)]
Skus = Annotated[list[Sku], Field(max_length=500)]
AddressRegion = Annotated[str, Field(max_length=100)]
Version = Annotated[int, Field(ge=1)]
ImportRows = Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100)]
RelatedLimit = Annotated[int, Field(ge=1, le=50)]
SnapshotIds = Annotated[list[Id], Field(max_length=500)]
SnapshotLimit = Annotated[int, Field(ge=1, le=500)]


class ProductsRpc(Protocol):
    """The catalogue: products, categories, tax rates."""

    # ---- reading -------------------------------------------------------------------------------------------------

    def list_products(self, query: ProductQuery) -> Page[ListItem]:
        """List active products by filters. The total may be a second old."""
        ...

    def list_pages(self, queries: Queries) -> list[Page[ListItem]]:
        """List active products by each of the queries, as `list_products` does; none may name a status."""
        ...

    def list_uncounted(self, query: ProductQuery) -> Page[ListItem]:
        """List active products by filters without counting them: the total is 0."""
        ...

    def list_managed_products(self, query: ProductQuery, caller: Caller) -> Page[ListItem]:
        """List products of any status: all of them for an administrator, the own ones for a vendor."""
        ...

    def get_product(self, id_or_slug: IdOrSlug, caller: Caller = ANONYMOUS) -> ProductDetail:
        """Get a product. Drafts and archived ones are visible to administrators and their vendor only (`NotFound`)."""
        ...

    def get_many(self, ids: Ids) -> list[ListItem]:
        """Get list items of active products, in the order of `ids`; others are missing."""
        ...

    def get_details(self, ids: Ids) -> list[ProductDetail]:
        """Get active products with all fields, in the order of `ids`; others are missing."""
        ...

    def search_titles(self, query: ProductQuery) -> Page[SearchedItem]:
        """List active products with the SKU of their cheapest variant: the fallback of the search engine."""
        ...

    def get_snapshots(self, ids: SnapshotIds) -> list[ProductSnapshot]:
        """Get products of any status with the versions of their parts, for copies kept elsewhere; unknown: missing."""
        ...

    def list_snapshots(self, after: Id | None = None, limit: SnapshotLimit = 100) -> SnapshotPage:
        """List snapshots of all products in the order of their ids; pass `next` as the next `after`."""
        ...

    def count_products(self) -> int:
        """Count all products, approximately."""
        ...

    def related_products(self, id_or_slug: IdOrSlug, limit: RelatedLimit = 8) -> list[ListItem]:
        """List the best rated other products of the same category."""
        ...

    def price_skus(
        self, skus: Skus, country: Country | None = None, region: AddressRegion | None = None
    ) -> dict[str, PricedSku]:
        """Get price, weight, availability and tax rate by SKU, in one query; unknown SKUs are missing.

        The tax rate is that of `country` and `region`; 0 without a country.
        """
        ...

    def vendor_skus(self, vendor_id: Id) -> list[str]:
        """List the SKUs of a vendor."""
        ...

    # ---- writing -------------------------------------------------------------------------------------------------

    def create_product(
        self, product: ProductWrite, caller: Caller, idempotency: Idempotency | None = None
    ) -> ProductDetail:
        """Create a product. Raises `Conflict` naming the SKU or slug that exists, `ValidationFailed`."""
        ...

    def update_product(
        self,
        id_or_slug: IdOrSlug,
        product: ProductWrite,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> ProductDetail:
        """Replace a product. Raises `PreconditionFailed` when `expected_version` isn't the present one."""
        ...

    def patch_product(
        self,
        id_or_slug: IdOrSlug,
        patch: ProductPatch,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> ProductDetail:
        """Change the fields that the patch sets (null is a value). Raises as `update_product`."""
        ...

    def delete_product(
        self,
        id_or_slug: IdOrSlug,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> None:
        """Delete a product; its slug is free again, its SKUs for their seller; stock records end, orders keep
        their copy.
        """
        ...

    # ---- parts of a product --------------------------------------------------------------------------------------

    def add_variant(
        self,
        id_or_slug: IdOrSlug,
        variant: VariantWrite,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> ProductDetail:
        """Add a variant as the last one. Raises as `update_product`, with the fields of the variant."""
        ...

    def change_variant(
        self,
        id_or_slug: IdOrSlug,
        sku: Sku,
        patch: VariantPatch,
        caller: Caller,
        expected_version: Version | None = None,
    ) -> ProductDetail:
        """Change the fields of a variant that the patch sets. Raises `NotFound` for an unknown SKU."""
        ...

    def remove_variant(
        self, id_or_slug: IdOrSlug, sku: Sku, caller: Caller, expected_version: Version | None = None
    ) -> ProductDetail:
        """Remove a variant; orders keep their copy. Raises `InvalidState` for the last one, `NotFound`."""
        ...

    def replace_options(
        self, id_or_slug: IdOrSlug, options: OptionsWrite, caller: Caller, expected_version: Version | None = None
    ) -> ProductDetail:
        """Replace the options. Raises `ValidationFailed` naming the variants that these don't tell apart."""
        ...

    def add_image(
        self,
        id_or_slug: IdOrSlug,
        image: ImageWrite,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> ProductDetail:
        """Add a stored picture, or move it. Raises `ValidationFailed` for a file that isn't a picture of the caller."""
        ...

    def remove_image(
        self, id_or_slug: IdOrSlug, file_id: Id, caller: Caller, expected_version: Version | None = None
    ) -> ProductDetail:
        """Remove a stored picture from the product; the file stays. Raises `NotFound`."""
        ...

    def import_products(self, products: ImportRows, caller: Caller) -> ImportReport:
        """Create or update products by row; a wrong row is reported and leaves the others alone.

        Idempotent: the same rows again change nothing.
        """
        ...

    # ---- categories and tax --------------------------------------------------------------------------------------

    def category_tree(self) -> list[CategoryNode]:
        """List the root categories, each with everything below it in `children`."""
        ...

    def get_category(self, slug: Slug) -> Category:
        """Get a category. Raises `NotFound`."""
        ...

    def create_category(self, category: CategoryWrite, caller: Caller) -> Category:
        """Create a category. Raises `Conflict` for a slug that exists."""
        ...

    def update_category(
        self, slug: Slug, category: CategoryWrite, caller: Caller, expected_version: Version | None = None
    ) -> Category:
        """Rename or move a category with its subtree. Raises `ValidationFailed` for a move below itself,
        `PreconditionFailed`.
        """
        ...

    def delete_category(self, slug: Slug, caller: Caller, expected_version: Version | None = None) -> None:
        """Delete an empty category. Raises `Conflict` while it has products or children, `PreconditionFailed`."""
        ...

    def tax_rates(self, caller: Caller, country: Country | None = None) -> list[TaxRate]:
        """List tax rates in basis points, all of them or those of a country."""
        ...

    def tax_rate(self, rate_id: TaxRateId, caller: Caller) -> TaxRate:
        """Get a tax rate. Raises `NotFound`."""
        ...

    def put_tax_rate(self, rate: TaxRateWrite, caller: Caller, expected_version: Version | None = None) -> TaxRate:
        """Set the tax rate of a tax class in a country or region. Raises `PreconditionFailed`; version 0: none yet."""
        ...

    def delete_tax_rate(self, rate_id: TaxRateId, caller: Caller, expected_version: Version | None = None) -> None:
        """Delete a tax rate. Raises `NotFound`, `PreconditionFailed`."""
        ...
