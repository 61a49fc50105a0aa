"""Base of all events: a CloudEvents 1.0 envelope around a model that only gains fields."""

import re
from datetime import datetime
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr

TOPICS: Final = {
    "orders": "order-events",
    "payments": "payment-events",
    "notifications": "notification-events",
}
OTHER_TOPIC: Final = "analytics-events"

SEQUENCE_DIGITS: Final = 12
"""Digits of `sequence` in an envelope."""

EVENTS: dict[tuple[str, str], type["Event"]] = {}
"""All event classes by (source, type)."""


class UnknownVersion(ValueError):
    """The event's version is above the one that this process can read: a newer release has published it."""


def version_of(envelope: dict[str, Any]) -> int:
    """The version that an envelope's `dataschema` names; 1 without one. Raises `ValueError` if it names none."""
    dataschema = envelope.get("dataschema")
    return int(str(dataschema).rpartition("/v")[2]) if dataschema else 1


def sequence_text(sequence: int) -> str:
    """A sequence as the attribute of an envelope: CloudEvents wants a string whose order is that of its characters.

    https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/sequence.md
    """
    return f"{sequence:0{SEQUENCE_DIGITS}d}"


def sequence_of(envelope: dict[str, Any]) -> int | None:
    """The sequence that an envelope names, also as a number, which earlier releases wrote. Raises `ValueError`."""
    sequence = envelope.get("sequence")
    return None if sequence is None else int(sequence)


class EventMeta(BaseModel):
    """Attributes of an event's envelope."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    sequence: int | None = None
    """The aggregate's version after this event, if it has versions."""
    request_id: str | None = None
    user_id: str | None = None
    actor: str | None = None
    """The vendor or administrator who requested the change, as JSON."""


class Event(BaseModel):
    """An event of an aggregate. Subclasses name their source, subject and version:

    `class OrderConfirmed(Event, source="orders", subject="order_id", version=1)` is of type `order_confirmed`,
    is published on `orders.events` and ends on the topic of its source. A field may be added with a default; one
    may never be removed or change its meaning: that would be a new version, or a new event.
    Unknown fields are ignored, so that consumers accept what later releases add within the version; a version above
    theirs they refuse (ADR 0042).
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    source: ClassVar[str] = ""
    type: ClassVar[str] = ""
    version: ClassVar[int] = 1
    subject_field: ClassVar[str] = ""

    _meta: EventMeta | None = PrivateAttr(default=None)

    def __init_subclass__(cls, source: str = "", subject: str = "", version: int = 1, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not source:
            return
        cls.source = source
        cls.type = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        cls.version = version
        cls.subject_field = subject
        EVENTS[source, cls.type] = cls

    @property
    def subject(self) -> str:
        """The id of the event's aggregate: the Kafka record's key."""
        return str(getattr(self, self.subject_field))

    @property
    def meta(self) -> EventMeta:
        """The envelope that the event was read from; an event to be published has none."""
        if self._meta is None:
            raise AttributeError(f"{self.type} has not been published yet")
        return self._meta

    @classmethod
    def topic(cls) -> str:
        return TOPICS.get(cls.source, OTHER_TOPIC)

    @classmethod
    def dataschema(cls) -> str:
        """The path of the JSON Schema of its data; an envelope has the URL."""
        return f"/schemas/events/{cls.source}/{cls.type}/v{cls.version}"

    @classmethod
    def from_envelope(cls, envelope: dict[str, Any]) -> Self:
        """Read an event from its CloudEvents envelope (structured JSON). Raises `UnknownVersion`, and whatever reading
        a malformed envelope raises.
        """
        if (version := version_of(envelope)) > cls.version:
            raise UnknownVersion(f"unknown version {version} of {cls.type}, the newest known one is {cls.version}")
        event = cls.model_validate(envelope["data"])
        event._meta = EventMeta(
            id=envelope["id"],
            source=cls.source,
            type=envelope["type"],
            subject=envelope["subject"],
            time=envelope["time"],
            sequence=sequence_of(envelope),
            request_id=envelope.get("requestid"),
            user_id=envelope.get("userid"),
            actor=envelope.get("actor"),
        )
        return event


class LineItem(BaseModel):
    """A quantity of one SKU at one price (minor units of the order's currency)."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    sku: str
    product_id: str
    title: str
    quantity: int
    unit_price: int
    line_total: int
