"""Sessions that searched for a query, found something, and did more than search."""

from datetime import datetime
from typing import NamedTuple

from services.analytics.store.datasets import SESSIONS, Dataset

MAX_COUNTED = 2_000
"""Sessions of a query that are looked at: the limits that they are compared with are lower."""


class Seekers(NamedTuple):
    """Numbers of sessions that searched for a query, and of the networks that they came from."""

    sessions: int
    networks: int


def seekers_of(dataset: Dataset, query: str, since: datetime) -> Seekers:
    """Count the sessions with `query` among their successful searches; at most `MAX_COUNTED`."""
    by_network = dataset[SESSIONS].aggregate(
        [
            {"$match": {"sought": query, "last": {"$gte": since}}},
            {"$limit": MAX_COUNTED},
            {"$group": {"_id": "$network", "sessions": {"$sum": 1}}},
        ]
    )
    numbers = [row["sessions"] for row in by_network]
    return Seekers(sum(numbers), len(numbers))
