"""Queries on the reviews, votes and reports of a person. Published reviews stay, without their author."""

from collections.abc import Iterator

from pymongo.database import Database

from services.chassis.messaging.personal_data import as_json
from services.reviews.domain import Document


class PersonQueries:
    """Reviews, votes and reports by account."""

    def __init__(self, database: Database[Document]) -> None:
        self.db = database

    def indexes(self) -> None:
        for name in ("votes", "reports"):
            self.db[name].create_index("user_id", sparse=True)
        self.db["pictures"].create_index("owner_id", sparse=True)

    def of(self, user_id: str) -> dict[str, Iterator[Document]]:
        """The person's reviews, votes and reports."""
        return {
            "reviews": self._documents("reviews", {"customer_id": user_id}),
            "votes": self._documents("votes", {"user_id": user_id}),
            "reports": self._documents("reports", {"user_id": user_id}),
        }

    def erase(self, user_id: str, name: str) -> None:
        """Replace the author's name, remove address and pictures, delete votes' and reports' link. Idempotent.

        The account's id stays at the review: it identifies nobody, and there is one review per product and customer.
        """
        changes: Document = {"author": name, "email": None, "images": []}
        self.db["reviews"].update_many({"customer_id": user_id}, {"$set": changes})
        self.db["reports"].update_many({"user_id": user_id}, {"$set": {"reason": "", "user_id": None}})
        self.db["votes"].update_many({"user_id": user_id}, {"$set": {"user_id": None}})
        self.db["pictures"].update_many({"owner_id": user_id}, {"$set": {"owner_id": None}})
        self.db["idempotency"].delete_many({"_id": {"$gte": f"user:{user_id}:", "$lt": f"user:{user_id};"}})

    def _documents(self, collection: str, query: Document) -> Iterator[Document]:
        for document in self.db[collection].find(query):
            yield {name.lstrip("_"): as_json(value) for name, value in document.items()}
