"""Events of the reviews service."""

from schemas.events.base import Event


class ReviewSubmitted(Event, source="reviews", subject="review_id", version=1):
    """A review was created or edited; `status` tells whether it is approved."""

    review_id: str
    product_id: str
    customer_id: str
    rating: int
    verified: bool
    status: str


class ReviewPublished(Event, source="reviews", subject="review_id", version=1):
    """A review was approved and is public."""

    review_id: str
    product_id: str
    customer_id: str
    email: str | None = None
    product_title: str
    rating: int
    verified: bool


class ReviewRejected(Event, source="reviews", subject="review_id", version=1):
    """A review was rejected by an administrator."""

    review_id: str
    product_id: str
    customer_id: str
    reason: str


class RatingChanged(Event, source="reviews", subject="product_id", version=1):
    """The rating of a product has changed. The envelope's sequence is the number of changes."""

    product_id: str
    average: float
    """Two decimals; 0 without reviews."""
    count: int
    histogram: dict[str, int]
    """Number of reviews by stars, "1" to "5"."""
