"""Notifications: in-app messages, deliveries, preferences and push devices."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.base import Cursor, Email, Moment, Request, Schema, Sku
from schemas.codes import TimeZone

Channel = Literal["email", "sms", "push", "in_app"]
DeliveryStatus = Literal["pending", "sent", "failed"]
KindName = Literal[
    "welcome",
    "verify_mail",
    "password_reset",
    "password_changed",
    "registration_attempted",
    "identity_linked",
    "account_erased",
    "webhook_disabled",
    "order_confirmed",
    "payment_failed",
    "order_shipped",
    "order_delivered",
    "order_cancelled",
    "order_refunded",
    "dispute_opened",
    "dispute_evidence_due",
    "dispute_won",
    "dispute_lost",
    "review_published",
    "review_invitation",
    "back_in_stock",
    "low_stock",
    "report_ready",
]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
MessageId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9:._\-]+$")]
_ClockTime = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), Field(examples=["22:00"])]


class PageQuery(Schema):
    """A page of a list."""

    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None


class Notification(Schema):
    """An in-app message."""

    id: str
    kind: Annotated[str, Field(examples=["order_confirmed"])]
    title: str
    body: str
    read: bool = False
    data: dict[str, Any] = Field(default_factory=dict)
    created_at: Moment


class UnreadCount(Schema):
    """The number of unread in-app messages."""

    count: int


class MarkedRead(Schema):
    """The number of messages that were unread before."""

    read: int


class Delivery(Schema):
    """A message to a recipient by one channel, with its delivery status."""

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


class DeliveryQuery(PageQuery):
    """Messages of a recipient: an account id or an e-mail address."""

    recipient: Annotated[str, Field(min_length=1, max_length=254)]


class ByChannel(Request):
    """Whether a kind is sent by each channel; null: default."""

    email: bool | None = None
    sms: bool | None = None
    push: bool | None = None
    in_app: bool | None = None


class QuietHours(Request):
    """Local times between which only transactional messages are sent."""

    from_: _ClockTime = Field(alias="from")
    to: _ClockTime
    time_zone: TimeZone


class PreferencesWrite(Request):
    """Preferences by kind and channel; omitted entries mean the default."""

    kinds: dict[KindName, ByChannel] = Field(default_factory=dict)
    quiet_hours: QuietHours | None = None


class Preferences(Schema):
    """Preferences with every kind and channel."""

    kinds: dict[str, dict[Channel, bool]]
    quiet_hours: QuietHours | None = None


class VersionedPreferences(Preferences):
    """Preferences with their version (RPC only: over HTTP it is the ETag)."""

    version: int


class PushKeys(Request):
    """The keys of a push subscription (RFC 8291)."""

    p256dh: Annotated[str, StringConstraints(min_length=80, max_length=100, pattern=r"^[A-Za-z0-9_\-=]+$")]
    auth: Annotated[str, StringConstraints(min_length=20, max_length=40, pattern=r"^[A-Za-z0-9_\-=]+$")]


class DeviceRequest(Request):
    """A browser's push subscription (`PushSubscription.toJSON`)."""

    endpoint: Annotated[str, StringConstraints(max_length=500, pattern=r"^https://[^\s/]+/\S*$")]
    keys: PushKeys


class DeviceGoneRequest(Request):
    """The push subscription to remove."""

    endpoint: Annotated[str, Field(min_length=1, max_length=500)]


class PushKey(Schema):
    """`applicationServerKey` for browsers; empty while push is disabled."""

    public_key: str


class WaitRequest(Request):
    """A back-in-stock request; `email` is required without an account."""

    sku: Sku
    email: Email | None = None


class UnsubscribeQuery(Schema):
    """The token of a mail's unsubscribe link."""

    token: Annotated[str, Field(min_length=10, max_length=600)]


class Unsubscribed(Schema):
    """The kind of message that is turned off."""

    kind: str


class UnsubscribePage(Unsubscribed):
    """The kind of an unsubscribe link, and the HTML page for browsers."""

    page: str
