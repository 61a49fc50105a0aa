"""Orders whose saga does not get on: their list, and decisions on them."""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.api.orders import OrderStatus
from schemas.base import Moment, Request, Schema
from schemas.caller import Caller


class StuckQuery(Schema):
    """Page of the orders whose saga does not get on."""

    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class StuckOrder(Schema):
    """An order whose saga does not get on: suspended until a person decides, or retried again and again."""

    id: str
    number: str
    status: OrderStatus
    step: str | None
    """The step that was refused, or is retried."""
    suspended: bool
    attempts: int
    reason: str | None = None
    created_at: Moment


class ResolveOrder(Request):
    """Resume a stuck order, or settle its refused step (administrators)."""

    order_id: str
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]
    caller: Caller
