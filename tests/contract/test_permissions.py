"""Every RPC method checks its caller as the table of permissions requires, and no method is open by omission."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gateway_flask
from schemas.base import Caller
from schemas.permissions import ROLES, RPC, Access
from services.chassis.common.errors import Forbidden, Unauthenticated
from services.chassis.common.ids import new_id
from services.chassis.messaging.authorization import guarded

CALLERS = {
    "anonymous": Caller(),
    "customer": Caller(user_id=new_id(), roles=["CUSTOMER"]),
    "vendor": Caller(user_id=new_id(), roles=["VENDOR"]),
    "administrator": Caller(user_id=new_id(), roles=["ADMIN"]),
}
ALLOWED = {
    Access.GUEST: {*CALLERS},
    Access.CUSTOMER: {"customer", "vendor", "administrator"},
    Access.VENDOR: {"vendor", "administrator"},
    Access.ADMIN: {"administrator"},
}


class Reached(Exception):
    """Raised by the body of a method: the permission check let the caller through."""


def interface_of(service: str) -> type[Any]:
    module = importlib.import_module(f"schemas.rpc.{service}")
    [interface] = [value for name, value in vars(module).items() if name == f"{service.capitalize()}Rpc"]
    return interface


def methods() -> Iterator[tuple[str, str]]:
    for service in RPC:
        for name, method in vars(interface_of(service)).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                yield service, name


def test_table_lists_exactly_the_methods_of_the_interfaces() -> None:
    table = {(service, method) for service, entries in RPC.items() for method in entries}

    assert table == set(methods())


@pytest.mark.parametrize(("service", "name"), [pair for pair in methods() if RPC[pair[0]][pair[1]] in ALLOWED])
def test_method_accepts_the_callers_in_the_table(service: str, name: str) -> None:
    declared = getattr(interface_of(service), name)
    parameter = "caller" if "caller" in inspect.signature(declared).parameters else "command"

    accepted = {
        caller_name
        for caller_name, caller in CALLERS.items()
        if _reaches(declared, RPC[service][name], parameter, caller)
    }

    assert accepted == ALLOWED[RPC[service][name]]


def _reaches(declared: Any, access: Access, parameter: str, caller: Caller) -> bool:
    def method(self: object, **arguments: Any) -> None:
        raise Reached

    method.__signature__ = inspect.signature(declared)  # type: ignore[attr-defined]
    argument = caller if parameter == "caller" else type("Command", (), {"caller": caller})()
    refusal = Forbidden if caller.user_id else Unauthenticated
    with pytest.raises((Reached, refusal)) as outcome:
        guarded(method, access)(None, **{parameter: argument})
    return outcome.type is Reached


def test_gateway_calls_no_internal_method() -> None:
    internal = {
        (interface_of(service).__name__, name)
        for service, entries in RPC.items()
        for name, access in entries.items()
        if access is Access.INTERNAL
    }
    called = {
        (node.value.id, node.attr)
        for path in Path(gateway_flask.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id.endswith("Rpc")
    }

    assert called & internal == set()
    assert len(called) > 50


def test_roles_are_named_for_each_role_bound_access() -> None:
    assert set(ROLES) == {Access.CUSTOMER, Access.VENDOR, Access.ADMIN}
