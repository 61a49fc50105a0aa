"""Method signatures: keyword arguments of a request become typed values, replies become plain JSON values."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import to_jsonable_python

from services.chassis.common.errors import ValidationFailed
from services.chassis.common.validation_messages import validation_message

_PLAIN = (dict, list, str, int, float, bool, type(None))


def command_of(method: Callable[..., Any]) -> type[BaseModel] | None:
    """The model that is the method's only parameter: its fields are the keywords of a call. A `caller` is none."""
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    only = get_type_hints(method).get(names[0]) if len(names) == 1 and names != ["caller"] else None
    return only if isinstance(only, type) and issubclass(only, BaseModel) else None


class Signature:
    """The parameters of a method, read once from its annotations."""

    def __init__(self, method: Callable[..., Any]) -> None:
        parameters = [p for p in inspect.signature(method).parameters.values() if p.name != "self"]
        hints = get_type_hints(method, include_extras=True)
        self._command = command_of(method)
        self._names = [p.name for p in parameters]
        self._model: type[BaseModel] = self._command or create_model(
            f"{method.__name__}_arguments",
            __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True),
            **{
                p.name: (hints.get(p.name, Any), ... if p.default is inspect.Parameter.empty else p.default)
                for p in parameters
            },  # type: ignore[call-overload]
        )

    def arguments(self, args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The positional arguments to call the method with. Raises `ValidationFailed` naming each wrong field."""
        if len(args) > len(self._names):
            raise ValidationFailed(f"takes at most {len(self._names)} arguments")
        if self._command and args:
            given = args[0] if isinstance(args[0], dict) else dict.fromkeys(self._names, args[0])
        else:
            given = {**dict(zip(self._names, args, strict=False)), **kwargs}
        try:
            values = self._model.model_validate(given, strict=False)
        except ValidationError as invalid:
            raise refused(invalid) from None
        return [values] if self._command else [getattr(values, name) for name in self._names]


def refused(invalid: ValidationError) -> ValidationFailed:
    """A pydantic error as `ValidationFailed`: each wrong field by its path, without its value."""
    details = [
        {"field": ".".join(str(part) for part in error["loc"]) or "body", "message": validation_message(error)}
        for error in invalid.errors(include_url=False, include_input=False)
    ]
    return ValidationFailed(f"{details[0]['field']}: {details[0]['message']}", details)


def jsonable(reply: Any) -> Any:
    """A reply as plain JSON values. Plain dicts and lists pass unchecked: hot reads build them as JSON."""
    if isinstance(reply, BaseModel):
        return reply.model_dump(mode="json")
    if isinstance(reply, list) and reply and isinstance(reply[0], BaseModel):
        return [item.model_dump(mode="json") for item in reply]
    return reply if isinstance(reply, _PLAIN) else to_jsonable_python(reply)
