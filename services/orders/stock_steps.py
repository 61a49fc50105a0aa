"""Steps of the saga at the inventory service. Each is idempotent under the order's or the cancellation's id.

The stock of a confirmed order is committed by inventory itself, which consumes `order_confirmed`.
"""

from collections.abc import Callable, Sequence

from schemas.api.inventory import ReserveStock, StockLine
from schemas.events import orders as events
from schemas.events.base import Event
from schemas.rpc.inventory import InventoryRpc
from services.orders.domain import cancelling, saga
from services.orders.domain.order import Order
from services.orders.fulfilment import following
from services.orders.store import StoredOrder


class StockSteps:
    """Reserve, release, return cancelled lines: each returns the events for what has happened.

    `close_order` ends an order that another one replaces, so that its stock is free.
    """

    def __init__(self, inventory: InventoryRpc, close_order: Callable[[str], None]) -> None:
        self.inventory = inventory
        self.close_order = close_order

    def reserve(self, stored: StoredOrder) -> Sequence[Event]:
        order = stored.order
        self._close_superseded(order)
        lines = [StockLine(sku=line.sku, quantity=line.quantity) for line in order.placed.items]
        reservation = self.inventory.reserve(ReserveStock(order_id=order.id, lines=lines))
        return [events.OrderStockReserved(order_id=order.id, expires_at=reservation.expires_at)]

    def release(self, stored: StoredOrder) -> Sequence[Event]:
        order = stored.order
        self._close_superseded(order)  # whoever replaces this order finds the stock of both free
        self.inventory.release(order_id=order.id)
        released = events.OrderStockReleased(order_id=order.id)
        return [released, saga.ended(order)]

    def _close_superseded(self, order: Order) -> None:
        if order.placed.supersedes is not None:
            self.close_order(order.placed.supersedes)

    def return_lines(self, stored: StoredOrder) -> Sequence[Event]:
        order = stored.order
        cancellation = cancelling.pending(order, "refunded")
        if cancellation is None:
            return []
        lines = [StockLine(sku=sku, quantity=quantity) for sku, quantity in cancellation.items.items()]
        self.inventory.commit(order_id=order.id)  # `order_confirmed` may not have been consumed yet
        self.inventory.return_lines(order_id=order.id, return_id=cancellation.id, lines=lines)
        placed = order.placed
        done = events.OrderLinesCancelled(
            order_id=order.id,
            cancellation_id=cancellation.id,
            number=order.number,
            user_id=placed.user_id,
            email=placed.email,
            reason=cancellation.reason,
            lines=[events.LineQuantity(sku=sku, quantity=quantity) for sku, quantity in cancellation.items.items()],
            amount=cancellation.amount,
            currency=placed.currency,
        )
        return [done, *following(order, done)]
