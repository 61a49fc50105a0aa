"""Webhook subscriptions and their deliveries: requests, commands and resources."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from schemas.base import Cursor, Id, Idempotency, Moment, OneLine, Request, Schema
from schemas.caller import Caller
from schemas.events.public import PUBLIC

WebhookUrl = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=8, max_length=2_000),
    OneLine,
    Field(json_schema_extra={"format": "uri"}, examples=["https://erp.example.com/hooks/ultramarket"]),
]
Scope = Literal["shop", "vendor"]
"""Whose events a subscription gets: all of the shop, or those about the owner's products and order lines."""
DeliveryStatus = Literal["pending", "delivered", "dropped"]


def _event_type(name: str) -> str:
    if name not in PUBLIC:
        raise ValueError("is not an event type of webhooks: see /webhook-subscriptions/event-types")
    return name


def _unique(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError("contains duplicates")
    return names


EventTypeName = Annotated[
    str, StringConstraints(max_length=100), AfterValidator(_event_type), Field(examples=["order_confirmed"])
]
EventTypes = Annotated[list[EventTypeName], Field(min_length=1, max_length=100), AfterValidator(_unique)]


class WebhookRequest(Request):
    """A new subscription: events of these types are sent to the URL."""

    url: WebhookUrl
    events: EventTypes
    active: bool = True


class CreateWebhook(WebhookRequest):
    """Subscribe to events."""

    caller: Caller
    idempotency: Idempotency | None = None


class WebhookPatch(Request):
    """Changes of a subscription; a field that is left out stays as it is."""

    url: WebhookUrl | None = None
    events: EventTypes | None = None
    active: bool | None = None


class UpdateWebhook(WebhookPatch):
    """Change a subscription."""

    subscription_id: Id
    caller: Caller
    expected_version: int | None = None


class WebhookKey(Schema):
    """A key that deliveries are signed with. One that was rotated out signs beside the new one until it expires."""

    id: Id
    created_at: Moment
    expires_at: Moment | None = None


class WebhookSubscription(Schema):
    """A subscription, without its secret."""

    id: Id
    url: str
    events: list[str]
    active: bool
    scope: Scope
    owner_id: str
    keys: list[WebhookKey]
    """The newest first."""
    disabled_at: Moment | None = None
    disabled_reason: str | None = None
    """The reason why the shop has disabled it; null if its owner has, or if it is active."""
    waiting: int
    """Deliveries that are not delivered yet."""
    created_at: Moment
    updated_at: Moment
    version: int
    """Incremented by each change of URL, event types or state; for `If-Match`."""


class WebhookWithSecret(WebhookSubscription):
    """A subscription with its new secret, which is shown this once."""

    secret: str


class WebhookEventType(Schema):
    """A type of event that subscriptions can name."""

    type: str
    source: str
    description: str
    dataschema: str
    """URL of its JSON Schema."""
    vendors: bool
    """Whether vendors can subscribe to it."""


class DeliveryQuery(Schema):
    """A page of deliveries, the newest first."""

    status: DeliveryStatus | None = None
    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None


class DeliveryHttpRequest(Schema):
    """The request of the last attempt. Its body is null when the person concerned was erased."""

    headers: dict[str, str]
    body: str | None


class DeliveryHttpReply(Schema):
    """The reply to the last attempt."""

    status: int
    body: str
    """The first 2,000 characters."""
    ms: int


class WebhookDelivery(Schema):
    """A delivery of an event with its last attempt."""

    model_config = ConfigDict(json_schema_extra={"title": "WebhookDelivery"})

    id: Id
    subscription_id: Id
    event_id: Id
    type: str
    subject: str
    status: DeliveryStatus
    attempts: int
    replay_of: Id | None = None
    request: DeliveryHttpRequest
    response: DeliveryHttpReply | None = None
    error: str | None = None
    created_at: Moment
    last_attempt_at: Moment | None = None
    delivered_at: Moment | None = None


class VendorEvent(Schema):
    """The part of an order's event that a vendor sees (RPC only)."""

    vendor_id: str
    event_id: Id
    data: dict[str, Any]
