"""Read model of orders for lists, in MongoDB; built from the events and rebuildable at any time."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from schemas.api.orders import OrderQuery
from schemas.base import MAX_AMOUNT, Caller
from schemas.events import orders as events
from schemas.permissions.permission import Permission
from services.chassis.common.errors import ValidationFailed
from services.chassis.common.paging import Paging, decode_cursor, encode_cursor, page
from services.chassis.stores.mongo import MongoStore, only_collisions
from services.orders.domain.order import Order
from services.orders.domain.view import as_summary

SORTS = {
    "created_at": ("created_at", 1),
    "-created_at": ("created_at", -1),
    "total": ("total_minor", 1),
    "-total": ("total_minor", -1),
}
LIST_EVENTS = (
    events.OrderPaymentActionRequired,
    events.OrderConfirmed,
    events.OrderFailed,
    events.OrderCancelled,
    events.OrderProcessing,
    events.OrderShipped,
    events.OrderDelivered,
    events.OrderReturned,
    events.OrderLinesCancelled,
)
"""Events, beside the placement, that change what lists show."""
MAX_TOTAL = 10_000
"""The largest total that is counted for a filtered list: counting costs time for each order that matches."""


class OrderReadModel(MongoStore):
    """The collection `orders`: one document per order, with the version of its last event."""

    publishes = False

    def indexes(self) -> None:
        super().indexes()
        for owner in ("user_id", "vendor_ids", "email", "status", None):
            for field in ("created_at", "total_minor"):
                self.db["orders"].create_index(([(owner, 1)] if owner else []) + [(field, -1), ("_id", -1)])

    def version(self, order_id: str) -> int:
        """The document's version; 0 when there is none."""
        document = self.db["orders"].find_one({"_id": order_id}, {"version": 1})
        return document["version"] if document else 0

    def guest_orders(self, email: str) -> list[str]:
        """The ids of guests' orders with this address."""
        query = {"email": email.lower(), "user_id": None}
        return [document["_id"] for document in self.db["orders"].find(query, {"_id": 1})]

    def put(self, orders: Iterable[Order], again: bool = False) -> None:
        """Show each order at its version. A later version that is there already stays; so does the same one, unless
        it is to be made `again`.
        """
        documents = [_document(order) for order in orders]
        older = "$lte" if again else "$lt"
        existing = self._replace(documents, older, upsert=True)
        self._replace([documents[index] for index in existing], older, upsert=False)

    def _replace(self, documents: list[dict[str, Any]], older: str, upsert: bool) -> list[int]:
        """The places of those that are there, and not older than these; or older, and made at this very moment."""
        writes = [
            ReplaceOne({"_id": document["_id"], "version": {older: document["version"]}}, document, upsert=upsert)
            for document in documents
        ]
        if not writes:
            return []
        try:
            self.db["orders"].bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            return only_collisions(error)
        return []

    def list(self, query: OrderQuery, caller: Caller) -> dict[str, Any]:
        """List a page of the orders that the caller may see."""
        condition = _filter(query, caller)
        field, direction = SORTS[query.sort]
        paging = Paging(query.page, query.limit)
        collection = self.db["orders"]
        total = self._count(condition)
        page_condition = dict(condition)
        if query.cursor:
            page_condition["$and"] = [_after_position(field, direction, decode_cursor(query.cursor))]
        documents = list(
            collection.find(page_condition, {"summary": 1, field: 1})
            .sort([(field, direction), ("_id", direction)])
            .skip(0 if query.cursor else paging.offset)
            .limit(query.limit + 1)
        )
        more = len(documents) > query.limit
        del documents[query.limit :]
        cursor = encode_cursor([_plain(documents[-1][field]), documents[-1]["_id"]]) if more else None
        return page([document["summary"] for document in documents], total, paging, cursor)

    def _count(self, condition: dict[str, Any]) -> int:
        """The number of orders; of all of them from the collection's metadata, otherwise counted up to `MAX_TOTAL`."""
        if not condition:
            return int(self.db["orders"].estimated_document_count())
        return int(self.db["orders"].count_documents(condition, limit=MAX_TOTAL))


def _document(order: Order) -> dict[str, Any]:
    return {
        "_id": order.id,
        "version": order.version,
        "status": order.status,
        "user_id": order.placed.user_id,
        "email": order.placed.email.lower(),
        "vendor_ids": sorted({line.vendor_id for line in order.placed.items if line.vendor_id}),
        "created_at": order.created_at,
        "total_minor": order.placed.totals.total,
        "summary": as_summary(order),
    }


def _filter(query: OrderQuery, caller: Caller) -> dict[str, Any]:
    condition: dict[str, Any] = {}
    if caller.may(Permission.ORDERS_READ_ANY):
        condition |= {"user_id": query.user_id} if query.user_id else {}
        condition |= {"email": query.email.lower()} if query.email else {}
    else:
        condition["user_id"] = caller.user_id
        if query.email is not None or query.user_id not in (None, caller.user_id):
            raise ValidationFailed.of("email" if query.email else "user_id", "is for administrators")
    if query.status:
        condition["status"] = query.status
    return condition


def _plain(value: Any) -> Any:
    return value if isinstance(value, int) else value.isoformat()


def _after_position(field: str, direction: int, position: list[Any]) -> dict[str, Any]:
    try:
        value, order_id = position
        value = value if isinstance(value, int) else datetime.fromisoformat(value)
        if not isinstance(order_id, str) or value in (True, False) or (isinstance(value, int) and value > MAX_AMOUNT):
            raise ValueError("not what we write")
    except (ValueError, TypeError) as malformed:
        raise ValidationFailed.of("cursor", "is not a cursor of this list") from malformed
    operator = "$gt" if direction > 0 else "$lt"
    return {"$or": [{field: {operator: value}}, {field: value, "_id": {operator: order_id}}]}
