"""RPC methods of categories and tax rates."""

from schemas.api.categories import CategoryWrite
from schemas.api.taxes import TaxRateId, TaxRateWrite
from schemas.base import Country, Slug
from schemas.caller import Caller
from schemas.rpc.products import ProductsRpc, Version
from services.chassis.messaging.rpc import implements
from services.chassis.stores.mongo import Mongo
from services.products.domain.documents import Document
from services.products.settings import ProductSettings
from services.products.store import ProductStore


class CategoryMethods:
    """Categories and tax rates, which products refer to."""

    catalogue = Mongo(ProductStore, ProductSettings)

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

    @implements(ProductsRpc.tax_rate)
    def tax_rate(self, rate_id: TaxRateId, caller: Caller) -> Document:
        return self.catalogue.tax.get(rate_id)

    @implements(ProductsRpc.put_tax_rate)
    def put_tax_rate(self, rate: TaxRateWrite, caller: Caller, expected_version: Version | None = None) -> Document:
        return self.catalogue.tax.put(rate.model_dump(), expected_version)

    @implements(ProductsRpc.delete_tax_rate)
    def delete_tax_rate(self, rate_id: TaxRateId, caller: Caller, expected_version: Version | None = None) -> None:
        self.catalogue.tax.delete(rate_id, expected_version)
