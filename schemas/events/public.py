"""The events that webhooks deliver, in one table: all others are internal and never leave the system."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.events import auth, inventory, orders, payments, products, reviews, shipping
from schemas.events.base import Event


@dataclass(frozen=True)
class PublicEvent:
    """An event for integrators. `hidden`: fields of its data that nobody is shown."""

    event: type[Event]
    vendors: bool = False
    """Whether vendors may subscribe to it; they get what concerns their own products and order lines."""
    hidden: frozenset[str] = field(default=frozenset())
    hidden_from_vendors: frozenset[str] = field(default=frozenset())

    @property
    def description(self) -> str:
        return " ".join((self.event.__doc__ or "").split())


CART: Final = frozenset({"cart_id", "cart_version"})
"""A guest's cart id is the only key to the cart."""


def _of_vendors(*events: type[Event], **fields: frozenset[str]) -> Iterator[PublicEvent]:
    return (PublicEvent(event, vendors=True, **fields) for event in events)


_EVENTS: Final = (
    *_of_vendors(orders.OrderPlaced, orders.OrderConfirmed, hidden=CART),
    *_of_vendors(
        orders.OrderFailed,
        orders.OrderCancelled,
        orders.OrderLinesCancelled,
        orders.OrderProcessing,
        orders.OrderShipmentCreated,
        orders.OrderShipmentMoved,
        orders.OrderShipped,
        orders.OrderDelivered,
        orders.OrderReturned,
    ),
    PublicEvent(orders.OrderPaymentCaptured),
    PublicEvent(orders.OrderPaymentRefunded),
    PublicEvent(orders.OrderPaymentDisputed),
    PublicEvent(payments.PaymentAuthorized),
    PublicEvent(payments.PaymentCaptured),
    PublicEvent(payments.PaymentDeclined),
    PublicEvent(payments.PaymentVoided),
    PublicEvent(payments.PaymentRefunded),
    PublicEvent(payments.PaymentRefundFailed),
    PublicEvent(payments.PaymentDisputeOpened),
    PublicEvent(payments.PaymentDisputeClosed),
    PublicEvent(shipping.ShipmentCreated),
    PublicEvent(shipping.ShipmentMoved),
    *_of_vendors(products.ProductCreated, products.ProductUpdated, products.ProductArchived),
    PublicEvent(products.CategoryChanged),
    *_of_vendors(inventory.StockChanged, hidden_from_vendors=frozenset({"note"})),
    *_of_vendors(inventory.StockCommitted, inventory.LowStock, inventory.BackInStock),
    PublicEvent(reviews.ReviewSubmitted),
    PublicEvent(reviews.ReviewPublished, hidden=frozenset({"email"})),
    PublicEvent(reviews.ReviewRejected),
    PublicEvent(auth.UserRegistered),
)
PUBLIC: Final[dict[str, PublicEvent]] = {public.event.type: public for public in _EVENTS}
"""The public events by type. Types are unique over all sources here: a subscription names a type only."""

CLOUD_EVENT_ATTRIBUTES: Final = (
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "sequence",
)
"""Attributes of the envelope that integrators get; the request's id, its user and its actor are internal."""


def public_envelope(envelope: dict[str, Any], data: dict[str, Any] | None = None) -> dict[str, Any]:
    """The envelope that integrators get of a public event: without internal attributes and hidden fields.

    `data` replaces the event's data, for a receiver who gets a part of it.
    """
    hidden = PUBLIC[envelope["type"]].hidden
    content = envelope["data"] if data is None else data
    attributes = {name: envelope[name] for name in CLOUD_EVENT_ATTRIBUTES if name in envelope}
    return attributes | {"data": {name: value for name, value in content.items() if name not in hidden}}
