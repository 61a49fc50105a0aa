"""Typed calls: an RPC interface's method and its arguments as a request, and the JSON reply as the declared type."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, get_type_hints

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python

from services.chassis.messaging.signatures import command_of

P = ParamSpec("P")
R = TypeVar("R")

Method = Callable[Concatenate[Any, P], R]
"""A method of an RPC interface, as an attribute of its class: `OrdersRpc.get_order`."""


class Reply(Generic[R]):
    """An RPC reply: `json` as it came over the wire, `value` as the type that the interface declares."""

    __slots__ = ("_method", "json")

    def __init__(self, method: Callable[..., R], json: Any) -> None:
        self._method, self.json = method, json

    @property
    def value(self) -> R:
        """The reply as its declared type; parsed at each access."""
        return parse_reply(self._method, self.json)


def service_of(interface: type[Any]) -> str:
    """The service whose interface this is: `schemas.rpc.orders` has that of `orders`."""
    return interface.__module__.rpartition(".")[2]


@cache
def address(method: Callable[..., Any]) -> tuple[str, str]:
    """Service and method name: `OrdersRpc.get_order` in `schemas/rpc/orders.py` is `("orders", "get_order")`."""
    return method.__module__.rpartition(".")[2], method.__name__


def request_arguments(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments as they go over the wire.

    A method whose only parameter is a model takes the model's fields as its keywords (see `signatures.Signature`).
    Only the fields that were set are sent, so a partial change stays partial.
    """
    names, takes_command = _parameters(method)
    arguments = {**dict(zip(names, args, strict=False)), **kwargs}
    if takes_command and isinstance(command := arguments.get(names[0]), BaseModel):
        return command.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {name: to_wire(value) for name, value in arguments.items()}


def to_wire(value: Any) -> Any:
    """An argument as JSON values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, list | tuple):
        return [to_wire(item) for item in value]
    return to_jsonable_python(value)


def parse_reply(method: Callable[..., R], json: Any) -> R:
    """A JSON reply as the declared type. Fields that a newer service added are ignored."""
    value: R = reply_type(method).validate_python(json, strict=False, extra="ignore")
    return value


@cache
def reply_type(method: Callable[..., Any]) -> TypeAdapter[Any]:
    """The type that the method's return annotation declares."""
    return TypeAdapter(get_type_hints(method, include_extras=True)["return"])


@cache
def _parameters(method: Callable[..., Any]) -> tuple[list[str], bool]:
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    return names, command_of(method) is not None


class TypedService:
    """One service behind its RPC interface: `service.price_skus(skus=[…])` sends the request and parses the reply.

    `send(method, arguments)` takes the method's name and JSON arguments and returns the JSON reply.
    """

    def __init__(self, interface: type[Any], send: Callable[[str, dict[str, Any]], Any]) -> None:
        self._interface, self._send = interface, send

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self._interface, name)
        return lambda *args, **kwargs: parse_reply(method, self._send(name, request_arguments(method, args, kwargs)))
