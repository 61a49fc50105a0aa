"""RPC interface of the orders service."""

from typing import Protocol

from schemas.api.orders import (
    CancelOrder,
    CreateOrderShipment,
    Order,
    OrderHistoryEntry,
    OrderQuery,
    OrderSummary,
    PlaceOrder,
    SetStatus,
)
from schemas.api.shipping import Shipment
from schemas.base import Caller, Page, RebuildProgress


class OrdersRpc(Protocol):
    """Orders: checkout, cancellation, fulfilment, lists."""

    def place_order(self, command: PlaceOrder) -> Order:
        """Place an order for the caller's cart and drive its checkout saga.

        Idempotent under `command.idempotency`. The order is `confirmed`, or `pending`/`awaiting_payment` when the
        outcome is not known within 5 s. Raises `PaymentDeclined`, `PaymentActionRequired` or `OutOfStock` (details:
        `order_id`) when the order failed; `PriceChanged`, `ValidationFailed`, `Forbidden` or `NotFound` before an
        order exists.
        """
        ...

    def get_order(self, order_id: str, caller: Caller) -> Order:
        """Get the caller's own order in its current state. Raises `NotFound`, also for another customer's order."""
        ...

    def list_orders(self, query: OrderQuery, caller: Caller) -> Page[OrderSummary]:
        """List the caller's orders, for an administrator all orders; up to one second behind."""
        ...

    def history(self, order_id: str, caller: Caller) -> list[OrderHistoryEntry]:
        """List the events of the caller's own order, oldest first. Raises `NotFound`."""
        ...

    def cancel(self, command: CancelOrder) -> Order:
        """Cancel an order that has not been shipped: refund the payment, then release the stock.

        Idempotent: a cancelled order is replied as it is. Raises `InvalidState`, `NotFound`.
        """
        ...

    def set_status(self, command: SetStatus) -> Order:
        """Advance an order by one step of its fulfilment; `shipped` creates a shipment with a tracking number.

        Raises `InvalidState` for a step that the order can't take, `Forbidden`, `NotFound`.
        """
        ...

    def create_shipment(self, command: CreateOrderShipment) -> Shipment:
        """Create a shipment of the caller's lines of an order: the lines named, or all that are theirs.

        Raises `NotFound`, `Forbidden`, `InvalidState`, `ValidationFailed`: see `domain.parcels`.
        """
        ...

    def rebuild_read_model(self, cursor: str | None = None) -> RebuildProgress:
        """Rebuild the next batch of the read model from the events."""
        ...
