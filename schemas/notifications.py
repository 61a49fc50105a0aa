"""What people were told, and whether it reached them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.base import Moment, Schema

Channel = Literal["email", "sms", "push", "in_app"]
DeliveryStatus = Literal["pending", "sent", "failed"]


class Notification(Schema):
    """Something that a customer was told."""

    id: str
    kind: Annotated[str, Field(examples=["order_confirmed"])]
    title: str
    body: str
    read: bool = False
    data: dict[str, Any] = Field(default_factory=dict)
    created_at: Moment


class Delivery(Schema):
    """One attempt to tell somebody something by one channel."""

    id: str
    kind: str
    channel: Channel
    recipient: str
    subject: str | None = None
    status: DeliveryStatus
    attempts: int = 0
    error: str | None = None
    created_at: Moment
    sent_at: Moment | None = None
