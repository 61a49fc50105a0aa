"""Arguments as the services' models; an error names the argument by its path in the schema."""

from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from gateway_flask.graphql.fields import camel_case, snake_case
from gateway_flask.http.errors import invalid
from services.chassis.common.errors import NotFound, ValidationFailed

M = TypeVar("M", bound=BaseModel)


def model(kind: type[M], values: dict[str, Any], at: str = "", names: dict[str, str] | None = None) -> M:
    """The model of these values. Raises `ValidationFailed`.

    `at` is the argument that holds them, `names` has the arguments of fields that are named otherwise.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise renamed(invalid(error), at, names) from None


def renamed(error: ValidationFailed, at: str = "", names: dict[str, str] | None = None) -> ValidationFailed:
    """The error with its fields as the schema names them: `shipping_address.line1` → `input.shippingAddress.line1`."""
    details = []
    for detail in error.details:
        first, *rest = str(detail.get("field", "")).split(".")
        parts = [(names or {}).get(first) or camel_case(first), *map(camel_case, rest)]
        details.append({**detail, "field": ".".join(part for part in (at, *parts) if part)})
    head = details[0] if details else None
    return ValidationFailed(f"{head['field']}: {head['message']}" if head else error.message, details)


def snake_keys(value: Any) -> Any:
    """An input object with the names of the services; null fields stay."""
    if isinstance(value, dict):
        return {snake_case(name): snake_keys(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [snake_keys(inner) for inner in value]
    return value


def order_id_of(id: str) -> str:
    """The id of an order. Raises `NotFound` for what can't be one."""
    try:
        return str(UUID(id))
    except ValueError:
        raise NotFound("There is no such order") from None
