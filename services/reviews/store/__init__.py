"""All queries of reviews on MongoDB, by subject."""

from pymongo.database import Database

from services.chassis.stores.mongo import MongoStore
from services.reviews.domain import Document
from services.reviews.store.persons import PersonQueries
from services.reviews.store.queries import ReviewQueries
from services.reviews.store.ratings import Ratings
from services.reviews.store.reference_data import ReferenceData
from services.reviews.store.reviews import ReviewWriter
from services.reviews.store.votes_and_reports import VotesAndReports


class ReviewStore(MongoStore):
    """The store of reviews: reviews, votes and reports, ratings, and reference data of other services."""

    def __init__(self, database: Database[Document]) -> None:
        super().__init__(database)
        self.reference_data = ReferenceData(self)
        self.ratings = Ratings(self)
        self.queries = ReviewQueries(database["reviews"])
        self.reviews = ReviewWriter(self, self.ratings, self.reference_data)
        self.votes_and_reports = VotesAndReports(self, self.reviews)
        self.persons = PersonQueries(database)

    def indexes(self) -> None:
        super().indexes()
        self.queries.indexes()
        self.reference_data.indexes()
        self.votes_and_reports.indexes()
        self.persons.indexes()
