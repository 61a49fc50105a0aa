"""Queries on recent activity: orders and sessions of the last hour, carts that may still be ordered."""

from datetime import datetime, timedelta
from typing import Any, Final

from services.analytics.domain import sessions
from services.analytics.domain.counters import EVERYBODY
from services.analytics.store.datasets import ACTIVE_MINUTES, Dataset

Document = dict[str, Any]
ORDER_WINDOW: Final = timedelta(hours=1)
"""How long after its last event a session may still place an order."""
MAX_ORDERS: Final = 20_000


def open_carts(dataset: Dataset, begin: datetime, end: datetime, now: datetime) -> list[Document]:
    """Sessions of the period with a cart whose last event is recent enough for an order to follow."""
    recent = dataset["sessions"].find({"last": {"$gte": now - ORDER_WINDOW}, "start": {"$gte": begin, "$lt": end}})
    return [session for session in recent if sessions.funnel_stage(session) == 1]


def confirmed_orders(dataset: Dataset, since: datetime, currency: str, vendor: str = EVERYBODY) -> list[Document]:
    """Orders confirmed since `since`, with their account lines; with `vendor`, those with the vendor's products.

    The account lines of such an order include other vendors' lines.
    """
    query: Document = {"confirmed.at": {"$gte": since}, "confirmed.currency": currency}
    if vendor:
        query["confirmed.lines.v"] = vendor
    fields = {"confirmed.at": 1, "confirmed.lines.p": 1, "confirmed.lines.title": 1, "entries": 1}
    return list(dataset["orders"].find(query, fields).limit(MAX_ORDERS))


def currencies(dataset: Dataset) -> list[str]:
    """The currencies of all orders."""
    return [each for each in dataset["orders"].distinct("confirmed.currency") if each]


def active_sessions(dataset: Dataset, since: datetime, vendor: str = EVERYBODY) -> dict[datetime, int]:
    """Number of active sessions by minute; with `vendor`, of sessions that viewed the vendor's products."""
    query: Document = {"at": {"$gte": since}} | ({"whose": vendor} if vendor else {})
    pipeline: list[Document] = [{"$match": query}, {"$group": {"_id": "$at", "n": {"$sum": 1}}}]
    return {row["_id"]: row["n"] for row in dataset[ACTIVE_MINUTES].aggregate(pipeline)}
