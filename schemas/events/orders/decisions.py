"""Events of an order that waits for a person's decision."""

from typing import Any

from pydantic import Field

from schemas.events.base import Event


class OrderSuspended(Event, source="orders", subject="order_id", version=1):
    """A compensation was refused for good: a person must decide (`ultramarket orders resume` or `end`)."""

    order_id: str
    step: str
    code: str
    reason: str
    details: list[dict[str, Any]] = Field(default_factory=list)


class OrderResumed(Event, source="orders", subject="order_id", version=1):
    """A suspended order tries its refused step again."""

    order_id: str
    requested_by: str
    reason: str


class OrderStepSettled(Event, source="orders", subject="order_id", version=1):
    """A person has settled the refused step outside of the system; the order continues after it."""

    order_id: str
    step: str
    requested_by: str
    reason: str
