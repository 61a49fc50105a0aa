"""Partial replies: `fields=title,price` keeps these fields of the data, and its `id`.

The reply is made as ever and then trimmed, so caches hold whole replies, and an ETag is that of the whole resource: it
changes whenever the part may have changed.
"""

from typing import Any, Final

import orjson
from flask import Response, request
from pydantic import BaseModel

from gateway_flask.http.envelope import JSON
from services.chassis.common.errors import ValidationFailed

PARAMETER: Final = "fields"
_MENTIONED: Final = b"fields="
SCHEMA: Final[dict[str, Any]] = {
    "name": PARAMETER,
    "in": "query",
    "required": False,
    "description": "Names of the data's fields to reply, comma-separated; `id` always. Default: all",
    "schema": {"type": "string", "maxLength": 1_000, "examples": ["id"]},
}
ALWAYS: Final = "id"


def names_of(model: type[BaseModel]) -> frozenset[str]:
    """The names of a model's fields as JSON has them."""
    return frozenset(field.serialization_alias or field.alias or name for name, field in model.model_fields.items())


def requested(names: frozenset[str]) -> frozenset[str] | None:
    """The fields that the request names; None for all. Raises `ValidationFailed` naming those that there aren't."""
    if _MENTIONED not in request.query_string:
        return None
    values = request.args.getlist(PARAMETER)
    if not values:
        return None
    if len(values) > 1:
        raise ValidationFailed.of(PARAMETER, "was given more than once")
    chosen = [name.strip() for name in values[0].split(",")]
    unknown = [name for name in dict.fromkeys(chosen) if name not in names]
    if unknown:
        faults = [{"field": PARAMETER, "message": f"{name[:60] or 'an empty name'} is not a field"} for name in unknown]
        raise ValidationFailed(f"{PARAMETER}: {faults[0]['message']}", faults[:50])
    return frozenset([ALWAYS, *chosen])


def trimmed(response: Response, names: frozenset[str]) -> Response:
    """The reply with these fields of its data, or of each of its items, only."""
    if response.status_code != 200 or response.mimetype != JSON:
        return response
    body = orjson.loads(response.get_data())
    data = body["data"]
    body["data"] = [_part(item, names) for item in data] if isinstance(data, list) else _part(data, names)
    response.set_data(orjson.dumps(body))
    return response


def _part(item: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name in names}
