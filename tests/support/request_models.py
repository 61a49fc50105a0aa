"""The models of requests: those of each route, those of each RPC method, and their fields, nested ones included."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.permissions.rpc_methods import RPC
from services.chassis.messaging.signatures import Signature
from tests.support.routes import ENDPOINTS

Model = type[BaseModel]


def of_routes(*kinds: str) -> dict[str, Model]:
    """The models of these kinds (`path`, `query`, `body`) by route and kind: `place_order body`."""
    return {
        f"{name} {kind}": endpoint.models[kind]
        for name, endpoint in ENDPOINTS.items()
        for kind in kinds
        if kind in endpoint.models
    }


def of_methods() -> dict[str, Model]:
    """The model of each RPC method's arguments, by service and method."""
    return {
        f"{service}.{name}": Signature(getattr(interface, name))._model
        for service in RPC
        for interface in [_interface(service)]
        for name in RPC[service]
    }


def _interface(service: str) -> type[Any]:
    module = importlib.import_module(f"schemas.rpc.{service}")
    [interface] = [value for name, value in vars(module).items() if inspect.isclass(value) and name.endswith("Rpc")]
    return interface


def reachable(model: Model) -> set[Model]:
    """A model and all models in its fields."""
    models = {model}
    pending = [model]
    while pending:
        for field in pending.pop().model_fields.values():
            new = {inner for inner in models_in(field.annotation) if inner not in models}
            models |= new
            pending.extend(new)
    return models


def fields(model: Model, at: str = "", within: tuple[Model, ...] = ()) -> Iterator[tuple[str, FieldInfo]]:
    """All fields by their paths as a client writes them: `shipping_address.postal_code`."""
    for name, field in model.model_fields.items():
        path = f"{at}{field.validation_alias or field.alias or name}"
        yield path, field
        for inner in models_in(field.annotation):
            if inner not in within:
                yield from fields(inner, f"{path}.", (*within, inner))


def models_in(annotation: Any) -> Iterator[Model]:
    """The models in an annotation such as `list[Line] | None`."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)
