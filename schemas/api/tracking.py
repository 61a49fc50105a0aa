"""Behaviour tracking: events of visitors, as clients report them and as the gateway observes them."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from schemas.api.analytics import DayOrMoment
from schemas.base import Request, Schema

SESSION_ID_PATTERN: Final = r"^[A-Za-z0-9_.:\-]{1,128}$"
SessionId = Annotated[str, StringConstraints(pattern=SESSION_ID_PATTERN)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class TrackedEvent(Schema):
    """An action of a visitor. `product_view` requires `product_id`, `search` `query`, `custom` `name`;
    `add_to_cart` and `click` require a product or a SKU.
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
    """Events of one session. Each is validated by itself."""

    session_id: SessionId
    anonymous_id: SessionId | None = None
    consent: bool | None = None
    """False: the events are counted without session and identity."""
    sent_at: DayOrMoment | None = None
    """The client's clock at sending; the difference to the server's clock corrects the events' times."""
    events: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100)]


class RejectedEvent(Schema):
    """The index of an invalid event in the request, and why it was rejected."""

    index: int
    message: str


class Tracked(Schema):
    """The number of accepted events (in the figures within seconds) and the rejected ones."""

    accepted: int
    rejected: list[RejectedEvent]


class ObservedEvent(Schema):
    """An event that the gateway has observed itself: a search, a sign-in, the exposure of a flag.

    `fields` are those of the event's model in `schemas.events.behaviour`. Without session it is counted anonymously.
    """

    type: Literal["search_performed", "session_identified", "flag_exposed"]
    session_id: str | None = None
    user_id: str | None = None
    at: datetime | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
