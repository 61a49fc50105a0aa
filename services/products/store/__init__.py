"""All queries of the catalogue, one module per topic."""

from pymongo.database import Database

from services.chassis.stores.mongo import MongoStore
from services.products.domain.documents import Document
from services.products.settings import ProductSettings
from services.products.store.bulk_import import BulkImport
from services.products.store.categories import Categories
from services.products.store.commands import ProductCommands
from services.products.store.queries import ProductQueries
from services.products.store.ratings import Ratings
from services.products.store.sku_owners import SkuOwners
from services.products.store.stock import Stock
from services.products.store.tax import TaxRates


class ProductStore(MongoStore):
    """Products, categories, copied stock and ratings, tax rates. Without settings nothing is cached."""

    def __init__(self, database: Database[Document], settings: ProductSettings | None = None) -> None:
        super().__init__(database)
        self.tax = TaxRates(self, settings.tax_rates_seconds if settings else 0.0)
        self.stock = Stock(database["stock"], database["products"])
        self.ratings = Ratings(database["products"])
        self.queries = ProductQueries(database["products"], self.tax, settings.list_total_seconds if settings else 0.0)
        self.categories = Categories(self)
        self.sku_owners = SkuOwners(database["retired_skus"])
        self.commands = ProductCommands(self, self.categories, self.stock, self.sku_owners)
        self.bulk_import = BulkImport(self, self.categories, self.stock, self.sku_owners)

    def indexes(self) -> None:
        super().indexes()
        self.queries.indexes()
        self.categories.indexes()
        self.tax.indexes()

    def seed(self) -> None:
        self.tax.seed()
