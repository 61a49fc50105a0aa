"""Read model of orders for lists, in MongoDB; built from the events and rebuildable at any time."""

from collections.abc import Iterable
from typing import Any

from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from schemas.api.orders import OrderQuery
from schemas.caller import Caller
from schemas.events import orders as events
from schemas.permissions.permission import Permission
from services.chassis.common.errors import ValidationFailed
from services.chassis.common.paging import Keyset, Paging, SortKey
from services.chassis.stores.keyset_mongo import on_page, sort_of
from services.chassis.stores.mongo import MongoStore, only_collisions
from services.orders.domain.order import Order
from services.orders.domain.view import as_summary

SORTS = (
    SortKey("created_at", 1, "moment"),
    SortKey("created_at", -1, "moment"),
    SortKey("total_minor", 1, "integer"),
    SortKey("total_minor", -1, "integer"),
)
KEYSETS = {
    sort: Keyset(f"orders:{sort}", (key, SortKey("_id", key.direction, "id")))
    for sort, key in zip(("created_at", "-created_at", "total", "-total"), SORTS, strict=True)
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

    def list(self, query: OrderQuery, caller: Caller, counted: bool = True) -> dict[str, Any]:
        """List a page of the orders that the caller may see, with their total (0 unless `counted`)."""
        condition = _filter(query, caller)
        keyset, paging = KEYSETS[query.sort], Paging.of(query)
        field = keyset.keys[0].field
        documents = list(
            self.db["orders"]
            .find(on_page(condition, keyset, paging), {"summary": 1, field: 1})
            .sort(sort_of(keyset))
            .skip(paging.offset)
            .limit(paging.fetched)
        )
        total = self._count(condition) if counted else 0
        page = keyset.page(documents, total, paging, lambda last: (last[field], last["_id"]))
        return page | {"items": [document["summary"] for document in page["items"]]}

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
