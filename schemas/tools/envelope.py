"""The JSON Schema of the envelope that every event has: CloudEvents 1.0 with our extensions.

After https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/cloudevents.json, stricter: what all our
events have is required.
"""

from typing import Any, Final

from schemas.events.base import SEQUENCE_DIGITS

PATH: Final = "/schemas/events/envelope"


def _text(description: str, **keywords: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "description": description} | keywords


ENVELOPE: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": PATH,
    "title": "CloudEvent",
    "description": "The envelope of every event: CloudEvents 1.0 in structured JSON.",
    "type": "object",
    "properties": {
        "specversion": {"const": "1.0", "description": "The version of CloudEvents."},
        "id": _text("Unique for each event: ignore one that was handled before.", format="uuid"),
        "source": _text("The service that published it, such as `/orders`.", pattern="^/[a-z_]+$"),
        "type": _text("What happened, such as `order_confirmed`.", pattern="^[a-z0-9_]+$"),
        "subject": _text("The id of the order, product, SKU or the like that it is about."),
        "time": _text("When it happened, in UTC.", format="date-time"),
        "datacontenttype": {"const": "application/json"},
        "dataschema": _text(
            "The URL of the JSON Schema of `data`, which ends with the event's version.",
            format="uri",
            pattern="^https?://.+/schemas/events/[a-z_]+/[a-z0-9_]+/v[0-9]+$",
        ),
        "data": {"type": "object", "description": "What happened: see `dataschema`."},
        "sequence": _text(
            "The subject's version after the event. Versions of a subject are ordered as their characters are.",
            pattern=f"^[0-9]{{{SEQUENCE_DIGITS}}}$",
        ),
        "requestid": _text("The request that caused it (extension)."),
        "userid": _text("The account that requested it (extension)."),
        "traceparent": _text("The trace that it belongs to (W3C Trace Context)."),
        "actor": _text("The vendor or administrator who requested it, as JSON (extension)."),
    },
    "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data"],
    "patternProperties": {"^[a-z0-9]{1,20}$": {}},
    "additionalProperties": False,
}
"""Names of attributes have lower-case letters and digits only (CloudEvents 1.0.2, 3.1)."""
