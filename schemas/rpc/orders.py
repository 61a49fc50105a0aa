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
from schemas.api.stuck_orders import ResolveOrder, StuckOrder, StuckQuery
from schemas.api.webhooks import VendorEvent
from schemas.base import Page, RebuildProgress
from schemas.caller import Caller


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

    def list_uncounted(self, query: OrderQuery, caller: Caller) -> Page[OrderSummary]:
        """List as `list_orders` does, without counting: `total` is 0."""
        ...

    def history(self, order_id: str, caller: Caller) -> list[OrderHistoryEntry]:
        """List the events of the caller's own order, oldest first. Raises `NotFound`."""
        ...

    def vendor_events(self, order_id: str, event_ids: list[str]) -> list[VendorEvent]:
        """List what each vendor of the order sees of these events, as `history` shows it to them.

        Events that don't concern a vendor's lines are not in it. Raises `NotFound`.
        """
        ...

    def cancel(self, command: CancelOrder) -> Order:
        """Cancel what has not been shipped: refund its price, then return its stock. A vendor cancels own lines only.

        Idempotent under `command.idempotency`; an order that is being cancelled is replied as it is. Raises
        `InvalidState`, `NotFound`, `ValidationFailed` on `lines`.
        """
        ...

    def set_status(self, command: SetStatus) -> Order:
        """Advance an order by one step of its fulfilment; `shipped` creates a shipment of all that is left to ship,
        `delivered` marks its shipments as delivered.

        Raises `InvalidState` for a step that the order can't take, `Forbidden`, `NotFound`.
        """
        ...

    def create_shipment(self, command: CreateOrderShipment) -> Shipment:
        """Create a shipment of the caller's lines of an order: the lines named, or all that are left to ship.

        Idempotent under `command.idempotency`. Raises `InvalidState` for more than is left to ship, `NotFound`,
        `Forbidden`, `ValidationFailed`: see `domain.parcels`; `Conflict` for a tracking number that is taken.
        """
        ...

    def stuck(self, query: StuckQuery, caller: Caller) -> Page[StuckOrder]:
        """List orders whose saga does not get on, oldest first: suspended ones, and those retried again and again."""
        ...

    def resume(self, command: ResolveOrder) -> Order:
        """Try the refused step of a suspended order again. Raises `InvalidState`, `NotFound`."""
        ...

    def end(self, command: ResolveOrder) -> Order:
        """Settle the refused step of a suspended order, which a person has done outside of the system; it continues
        after it. Raises `InvalidState`, `NotFound`.
        """
        ...

    def rebuild_read_model(self, cursor: str | None = None) -> RebuildProgress:
        """Rebuild the next batch of the read model from the events."""
        ...
