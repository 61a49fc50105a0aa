"""What customers think of products, and what became of it."""

from schemas.events.base import Event


class ReviewSubmitted(Event, source="reviews", subject="review_id", version=1):
    """Somebody wrote a review, or wrote it anew; `status` tells whether it is seen already."""

    review_id: str
    product_id: str
    customer_id: str
    rating: int
    verified: bool
    status: str


class ReviewPublished(Event, source="reviews", subject="review_id", version=1):
    """A review is seen by everybody from now on."""

    review_id: str
    product_id: str
    customer_id: str
    email: str | None = None
    product_title: str
    rating: int
    verified: bool


class ReviewRejected(Event, source="reviews", subject="review_id", version=1):
    """An administrator won't have it seen."""

    review_id: str
    product_id: str
    customer_id: str
    reason: str


class RatingChanged(Event, source="reviews", subject="product_id", version=1):
    """A product's rating, from its approved reviews. Sequence: how often it has changed."""

    product_id: str
    average: float
    """Two decimals; 0 when there is no review."""
    count: int
    histogram: dict[str, int]
    """How many gave one star, …, five."""
