"""Every query of the reviews, by what it is about."""

from pymongo.database import Database

from services.chassis.stores.mongo import MongoStore
from services.reviews.domain import Document
from services.reviews.store.knowing import Knowing
from services.reviews.store.ratings import Ratings
from services.reviews.store.reading import Reading
from services.reviews.store.voicing import Voicing
from services.reviews.store.writing import Writing


class ReviewStore(MongoStore):
    """Reviews, votes and reports; what was heard of products, purchases and pictures; ratings; rules."""

    def __init__(self, database: Database[Document]) -> None:
        super().__init__(database)
        self.knowing = Knowing(self)
        self.ratings = Ratings(self)
        self.reading = Reading(database["reviews"])
        self.writing = Writing(self, self.ratings, self.knowing)
        self.voicing = Voicing(self, self.writing)

    def indexes(self) -> None:
        super().indexes()
        self.reading.indexes()
        self.knowing.indexes()
        self.voicing.indexes()
