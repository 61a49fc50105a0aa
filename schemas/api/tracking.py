"""What visitors do, as clients tell it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.api.analytics import DayOrMoment
from schemas.base import Request, Schema

SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:\-]{1,128}$")]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class TrackedEvent(Schema):
    """Something that a visitor did. `product_view` names its product, `search` its query, `custom` its name;
    `add_to_cart` and `click` name a product or a SKU.
    """

    type: Literal["page_view", "product_view", "add_to_cart", "search", "click", "custom"]
    at: Annotated[datetime, Field(json_schema_extra={"format": "date-time"})]
    product_id: Word | None = None
    sku: Word | None = None
    query: Word | None = None
    position: Annotated[int, Field(ge=1, le=10_000)] | None = None
    quantity: Annotated[int, Field(ge=1, le=10_000)] | None = None
    name: Word | None = None
    properties: Annotated[dict[str, str | int | float | bool | None], Field(max_length=30)] | None = None


class TrackRequest(Request):
    """What a visitor did. Each event is judged by itself."""

    session_id: SessionId
    anonymous_id: SessionId | None = None
    consent: bool | None = None
    """False: the events are counted, but belong to nobody and to no visit."""
    sent_at: DayOrMoment | None = None
    """The visitor's clock at sending: how far it is off ours is then known and taken out."""
    events: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100)]


class RejectedEvent(Schema):
    index: int
    message: str


class Tracked(Schema):
    """What was taken; it is counted within seconds."""

    accepted: int
    rejected: list[RejectedEvent]
