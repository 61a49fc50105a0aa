"""All queries of inventory: `levels` hold the stock, `reservations` the decision for each order.

Why they agree, whatever happens at the same time or in between, is written in `reservations`.
"""

from collections.abc import Sequence

from pymongo.client_session import ClientSession
from pymongo.database import Database

from schemas.base import Idempotency
from schemas.events.products import StockImported
from services.chassis.common.versions import check_version
from services.chassis.stores.mongo import MongoStore
from services.inventory.store.counts import Counts
from services.inventory.store.decisions import Decisions
from services.inventory.store.expiry import Expiry
from services.inventory.store.levels import Document, Levels
from services.inventory.store.reservations import Reservations
from services.inventory.store.returns import Returns
from services.inventory.store.warehouses import Warehouses


class InventoryStore(MongoStore):
    """Levels, reservations and warehouses."""

    hot_collections = ("levels",)

    def __init__(self, database: Database[Document]) -> None:
        super().__init__(database)
        self.levels = Levels(database["levels"], self.pending)
        self.counts = Counts(self.levels, self.pending)
        self.decisions = Decisions(database["reservations"])
        self.returns = Returns(self.decisions, self.levels)
        self.reservations = Reservations(self.decisions, self.levels, self.returns)
        self.expiry = Expiry(self.decisions, self.levels, self.emit)
        self.warehouses = Warehouses(self, self.counts)

    def indexes(self) -> None:
        super().indexes()
        self.levels.indexes()
        self.decisions.indexes()
        self.warehouses.indexes()

    def seed(self) -> None:
        self.warehouses.seed()
        self.decisions.seed()

    def adjust(
        self,
        sku: str,
        delta: int,
        note: str,
        warehouse: str | None,
        threshold: int,
        idempotency: Idempotency | None,
        product_id: str | None = None,
    ) -> Document:
        """Change the units on hand, once per idempotency key. `product_id`: see `Counts.adjust`."""
        place = self.warehouses.place(warehouse)

        def work(session: ClientSession) -> Document:
            replay = self.claim(session, idempotency)
            if replay is not None:
                return dict(replay)
            level = self.counts.adjust(sku, delta, note, place, threshold, session, product_id)
            before, after = {"on_hand": level["on_hand"] - delta}, {"on_hand": level["on_hand"], "reason": note}
            self.audit(session, "stock.adjust", ("sku", sku), before, after)
            self.remember(session, idempotency, level)
            return level

        return self.in_transaction(work)

    def set_threshold(self, sku: str, threshold: int, expected_version: int | None = None) -> Document:
        """Set the threshold of a SKU. Raises `NotFound`, `PreconditionFailed`."""

        def work(session: ClientSession) -> Document:
            before, after = self.counts.set_threshold(sku, threshold, session)
            check_version(expected_version, before["version"])  # else the transaction is rolled back
            changed = "low_stock_threshold"
            self.audit(session, "stock.threshold", ("sku", sku), {changed: before[changed]}, {changed: threshold})
            return after

        return self.in_transaction(work)

    def set_imported(self, event: StockImported, threshold: int) -> None:
        """Create missing levels, once for each event: a repeated one must not revive a level that has ended since."""
        counts = [level.model_dump() for level in event.levels]

        def work(session: ClientSession) -> None:
            if self.first_time(session, event):
                self.set_initial(counts, threshold, session)

        self.in_transaction(work)

    def set_initial(self, counts: Sequence[Document], threshold: int, session: ClientSession | None = None) -> int:
        """Create missing levels; returns how many were created."""
        places = {code: self.warehouses.place(code) for code in {count.get("warehouse") for count in counts}}
        return self.counts.set_initial(
            [
                {
                    "sku": count["sku"],
                    "on_hand": count["on_hand"],
                    "warehouse": places[count.get("warehouse")],
                    "product_id": count.get("product_id"),
                    "threshold": threshold
                    if count.get("low_stock_threshold") is None
                    else count["low_stock_threshold"],
                }
                for count in counts
            ],
            session,
        )
