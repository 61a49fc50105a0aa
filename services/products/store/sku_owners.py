"""Owners of SKUs that no product has any more.

Carts, orders, stock and price labels may still name such a SKU. It stays with its seller: nobody else may use it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pymongo import ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from schemas.api.products import ProductWrite
from services.chassis.common.errors import Conflict

Document = dict[str, Any]


class SkuOwners:
    """The collection `retired_skus`: `{_id: SKU, vendor_id, product_id, at}`; `vendor_id` is None for the shop."""

    def __init__(self, retired: Collection[Document]) -> None:
        self.retired = retired

    def of(self, session: ClientSession, skus: Iterable[str]) -> dict[str, str | None]:
        """The owners of those SKUs among these that are retired."""
        documents = self.retired.find({"_id": {"$in": list(skus)}}, {"vendor_id": 1}, session=session)
        return {document["_id"]: document["vendor_id"] for document in documents}

    def retire(self, session: ClientSession, before: Mapping[str, Any], kept: Iterable[str], now: datetime) -> None:
        """Retire the SKUs of a stored product that are not `kept`."""
        retired = {"vendor_id": before["vendor_id"], "product_id": before["_id"], "at": now}
        dropped = {variant["sku"] for variant in before["variants"]} - set(kept)
        writes = [ReplaceOne({"_id": sku}, {"_id": sku, **retired}, upsert=True) for sku in sorted(dropped)]
        if writes:
            self.retired.bulk_write(writes, ordered=False, session=session)


def check_retired(product: ProductWrite, owners: Mapping[str, str | None], vendor_id: str | None) -> None:
    """Raises `Conflict` for a SKU that is retired and was another seller's. `owners`: of the retired SKUs."""
    for index, variant in enumerate(product.variants):
        if owners.get(variant.sku, vendor_id) != vendor_id:
            message = f"the SKU {variant.sku} was another seller's"
            raise Conflict(message, [{"field": f"variants.{index}.sku", "message": message, "sku": variant.sku}])
