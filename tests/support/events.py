"""Envelopes of any event, for tests of consumers: with valid data, made from the event's JSON Schema."""

from typing import Any

from schemas.events.base import Event
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import envelope

_BY_TYPE: dict[str, Any] = {"integer": 1, "number": 1.0, "string": "some.text", "boolean": True, "array": []}
_BY_FORMAT = {"date-time": "2026-01-31T12:00:00Z", "date": "2026-01-31", "uuid": "019b0000-0000-7000-8000-000000000000"}


def sample(event: type[Event], **fields: Any) -> dict[str, Any]:
    """The envelope of an event with valid data of its required fields, about an aggregate of its own."""
    data = _value(event.model_json_schema(), {}) | {event.subject_field: new_id()}
    return envelope(event.model_validate(data)) | fields


def _value(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """A value that is valid under the schema."""
    definitions = definitions | schema.get("$defs", {})
    if "$ref" in schema:
        return _value(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    for keyword in ("enum", "examples"):
        if keyword in schema:
            return schema[keyword][0]
    if "anyOf" in schema:
        return _value(schema["anyOf"][0], definitions)
    if schema.get("type") == "object" or "properties" in schema:
        return {name: _value(schema["properties"][name], definitions) for name in schema.get("required", ())}
    return _BY_FORMAT.get(schema.get("format", "")) or _BY_TYPE[schema["type"]]
