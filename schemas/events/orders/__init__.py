"""Events of orders. `sequence` is the order's version after the event."""

from schemas.events.orders.cancellation import (
    OrderCancellationRequested,
    OrderCancelled,
    OrderLinesCancellationRequested,
    OrderLinesCancelled,
    OrderLinesRefunded,
)
from schemas.events.orders.checkout import (
    OrderConfirmed,
    OrderFailed,
    OrderPlaced,
    OrderRejected,
    OrderStockCommitted,
    OrderStockReleased,
    OrderStockReserved,
)
from schemas.events.orders.decisions import (
    OrderResumed,
    OrderStepSettled,
    OrderSuspended,
)
from schemas.events.orders.fulfilment import (
    OrderDelivered,
    OrderProcessing,
    OrderReturned,
    OrderShipmentCreated,
    OrderShipmentMoved,
    OrderShipmentRejected,
    OrderShipmentRequested,
    OrderShipped,
)
from schemas.events.orders.lines import (
    LineQuantity,
    OrderLine,
    Postal,
    Totals,
)
from schemas.events.orders.payment import (
    OrderPaymentActionRequired,
    OrderPaymentAuthorized,
    OrderPaymentCaptured,
    OrderPaymentDisputed,
    OrderPaymentRefunded,
    OrderPaymentReversed,
)

__all__ = [
    "LineQuantity",
    "OrderCancellationRequested",
    "OrderCancelled",
    "OrderConfirmed",
    "OrderDelivered",
    "OrderFailed",
    "OrderLine",
    "OrderLinesCancellationRequested",
    "OrderLinesCancelled",
    "OrderLinesRefunded",
    "OrderPaymentActionRequired",
    "OrderPaymentAuthorized",
    "OrderPaymentCaptured",
    "OrderPaymentDisputed",
    "OrderPaymentRefunded",
    "OrderPaymentReversed",
    "OrderPlaced",
    "OrderProcessing",
    "OrderRejected",
    "OrderResumed",
    "OrderReturned",
    "OrderShipmentCreated",
    "OrderShipmentMoved",
    "OrderShipmentRejected",
    "OrderShipmentRequested",
    "OrderShipped",
    "OrderStepSettled",
    "OrderStockCommitted",
    "OrderStockReleased",
    "OrderStockReserved",
    "OrderSuspended",
    "Postal",
    "Totals",
]
