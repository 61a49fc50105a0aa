"""Ratings copied from reviews into products."""

from pymongo.collection import Collection

from services.products.domain.documents import Document


class Ratings:
    """The ratings in `products`; they don't change a product's version."""

    def __init__(self, products: Collection[Document]) -> None:
        self.products = products

    def record(self, product_id: str, rating: Document, sequence: int) -> None:
        """Store a rating unless a newer one is stored; `rating` is average, count and histogram."""
        self.products.update_one(
            {"_id": product_id, "rating_sequence": {"$not": {"$gte": sequence}}},
            {
                "$set": {
                    "rating": float(rating["average"]),
                    "rating_sequence": sequence,
                    "listing.rating": {"average": rating["average"], "count": rating["count"]},
                    "detail.rating": rating,
                }
            },
        )
