"""CloudEvents 1.0 envelopes (structured JSON) around our events.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md; `sequence` and `traceparent` are its documented
extensions, `requestid`, `userid` and `actor` (the vendor or administrator who requested it, as JSON) ours.
"""

from datetime import datetime
from typing import Any

from schemas.events.base import Event, sequence_text
from services.chassis.common import clock, context, ids
from services.chassis.observability import audit_records
from services.chassis.runtime.settings import shop_url


def envelope(event: Event, sequence: int | None = None, at: datetime | None = None) -> dict[str, Any]:
    """The event's envelope, as stored in an outbox and published: a JSON-able dict with a new id."""
    carried = context.carried()
    wrapped: dict[str, Any] = {
        "specversion": "1.0",
        "id": ids.new_id(),
        "source": f"/{event.source}",
        "type": event.type,
        "subject": event.subject,
        "time": clock.rfc3339(at or clock.now()),
        "datacontenttype": "application/json",
        "dataschema": schema_url(event),
        "data": event.model_dump(mode="json"),
    }
    extensions = {
        "sequence": None if sequence is None else sequence_text(sequence),
        "requestid": carried.get("request_id"),
        "userid": carried.get("user_id"),
        "traceparent": carried.get("traceparent"),
        "actor": audit_records.staff(),
    }
    return wrapped | {key: value for key, value in extensions.items() if value is not None}


def schema_url(event: Event | type[Event]) -> str:
    """The absolute URL of the JSON Schema of the event's data, which the gateway serves."""
    return shop_url() + event.dataschema()


def exchange_of(wrapped: dict[str, Any]) -> str:
    """The exchange that Nameko's event handlers of this source listen to."""
    return f"{wrapped['source'].removeprefix('/')}.events"
