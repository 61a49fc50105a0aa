"""What reviews say of a product, kept where the product is read."""

from pymongo.collection import Collection

from services.products.domain.documents import Document


class Ratings:
    """The ratings in `products`. They are no edit: the product's version stays."""

    def __init__(self, products: Collection[Document]) -> None:
        self.products = products

    def record(self, product_id: str, rating: Document, sequence: int) -> None:
        """Believe a rating unless we know a newer one; `rating` is average, count and histogram."""
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
