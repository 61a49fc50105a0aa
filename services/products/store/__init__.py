"""Every query of the catalogue, by what it is about."""

from pymongo.database import Database

from services.chassis.stores.mongo import MongoStore
from services.products.domain.documents import Document
from services.products.store.categories import Categories
from services.products.store.importing import Importing
from services.products.store.ratings import Ratings
from services.products.store.reading import Reading
from services.products.store.stock import Stock
from services.products.store.tax import TaxRates
from services.products.store.writing import Writing


class ProductStore(MongoStore):
    """Products, categories, what inventory said of each SKU, and tax rates."""

    def __init__(self, database: Database[Document], total_seconds: float = 0.0, tax_seconds: float = 0.0) -> None:
        super().__init__(database)
        self.tax = TaxRates(self, tax_seconds)
        self.stock = Stock(database["stock"], database["products"])
        self.ratings = Ratings(database["products"])
        self.reading = Reading(database["products"], self.tax, total_seconds)
        self.categories = Categories(self)
        self.writing = Writing(self, self.categories, self.stock)
        self.importing = Importing(self, self.categories, self.stock)

    def indexes(self) -> None:
        super().indexes()
        self.reading.indexes()
        self.categories.indexes()
        self.tax.indexes()

    def seed(self) -> None:
        self.tax.seed()
