"""Every RPC method checks its caller as the table of permissions requires, and no method is open by omission."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gateway_flask
from schemas.caller import Caller
from schemas.permissions.access import INTERNAL, Access, Kind, guest, needs
from schemas.permissions.permission import DESCRIPTIONS, OWN, Permission
from schemas.permissions.roles import PRESETS, permissions_of
from schemas.permissions.routes import ROUTES
from schemas.permissions.rpc_methods import RPC
from services.chassis.common.errors import EmailNotVerified, Forbidden, TwoFactorRequired, Unauthenticated
from services.chassis.common.ids import new_id
from services.chassis.messaging.authorization import check, guarded

CALLERS = {role: Caller(user_id=new_id() if role else None, roles=[role] if role else []) for role in ("", *PRESETS)}
"""An anonymous caller, and one of each role."""


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


@pytest.mark.parametrize(("service", "name"), [pair for pair in methods() if RPC[pair[0]][pair[1]].permission])
def test_method_accepts_the_roles_with_its_permission(service: str, name: str) -> None:
    declared, access = getattr(interface_of(service), name), RPC[service][name]
    parameter = "caller" if "caller" in inspect.signature(declared).parameters else "command"

    accepted = {role for role, caller in CALLERS.items() if _reaches(declared, access, parameter, caller)}

    guests = {""} if access.kind is Kind.GUEST else set()
    assert accepted == guests | {role for role in PRESETS if access.permission in permissions_of([role])}


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
        if access == INTERNAL
    }
    called = {
        (node.value.id, node.attr)
        for path in Path(gateway_flask.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id.endswith("Rpc")
    }

    assert called & internal == set()
    assert len(called) > 50


@pytest.mark.parametrize(
    ("caller", "refusal"),
    [
        (Caller(user_id="a", roles=["ADMIN"], scopes=["orders.read"]), Forbidden),
        (Caller(user_id="a", roles=["CUSTOMER"], scopes=["payments.refund"]), Forbidden),
        (Caller(user_id="a", roles=["ADMIN"], email_verified=False), EmailNotVerified),
        (Caller(user_id="a", roles=["ADMIN"], second_factor="due"), TwoFactorRequired),
        (Caller(user_id="a", roles=["ADMIN"], second_factor="missing"), TwoFactorRequired),
        (Caller(user_id="a", roles=["NO_SUCH_ROLE"]), Forbidden),
        (Caller(), Unauthenticated),
    ],
)
def test_refund_is_refused(caller: Caller, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        check(needs(Permission.PAYMENTS_REFUND), caller)


@pytest.mark.parametrize("method", ["erase_account", "erase_user", "set_roles", "create_api_key"])
def test_methods_of_auth_need_a_recent_second_factor(method: str) -> None:
    with pytest.raises(TwoFactorRequired):
        check(RPC["auth"][method], Caller(user_id="a", roles=["ADMIN"], second_factor="due"))


def test_unverified_customer_has_all_but_api_keys() -> None:
    caller = Caller(user_id="a", roles=["CUSTOMER"], email_verified=False)

    open_to_them = {permission for permission in Permission if _is_open(permission, caller)}

    assert open_to_them == OWN - {Permission.API_KEYS}


def _is_open(permission: Permission, caller: Caller) -> bool:
    try:
        check(needs(permission), caller)
    except (Forbidden, EmailNotVerified):
        return False
    return True


def test_api_key_is_bound_to_its_scopes_on_guests_methods() -> None:
    with pytest.raises(Forbidden):
        check(guest(Permission.ORDERS_READ), Caller(user_id="a", roles=["CUSTOMER"], scopes=["reviews.write"]))


def test_every_permission_is_described_and_used() -> None:
    used = {access.permission for entries in RPC.values() for access in entries.values()}
    used |= {access.permission for access in ROUTES.values()}
    conditions = {Permission.PRODUCTS_MANAGE, Permission.INVENTORY_MANAGE, Permission.ORDERS_READ_ANY}
    conditions |= {Permission.PAYMENTS_READ_ANY, Permission.SHIPMENTS_MANAGE, Permission.FILES_MANAGE}

    assert set(DESCRIPTIONS) == set(Permission)
    conditions |= {Permission.SERVICE_ACCOUNTS, Permission.WEBHOOKS_MANAGE}
    assert {permission for permission in Permission if permission not in used} == conditions
