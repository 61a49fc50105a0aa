"""Command permissions: the table of routes, GraphQL fields and RPC methods by role."""

import re
from typing import Annotated, Any, Final

import typer
from rich.table import Column, Table

from ultramarket.commands.context import AsJson, console, print_json

GUESTS: Final = "GUEST"


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket permissions --role SUPPORT")(permissions)


def permissions(
    role: Annotated[str | None, typer.Option(help="Only what this role may use.")] = None,
    search: Annotated[str, typer.Option("--search", help="Only lines that contain this text.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print which permission each route, GraphQL field and RPC method needs, and which preset roles have it.

    Administrators can change roles (`GET /api/v1/auth/roles`); this table shows the presets.
    """
    from schemas.permissions.roles import PRESETS

    rows = [row for row in _rows() if search in " ".join((row["method"], row["name"], row["permission"]))]
    if role is not None:
        if role.upper() not in (GUESTS, *PRESETS):
            raise typer.BadParameter(f"there is no preset {role}: one of {', '.join((GUESTS, *PRESETS))}")
        rows = [row for row in rows if role.upper() in row["roles"]]
    if as_json:
        print_json(rows)
        return
    console.print(_table(rows))


def _rows() -> list[dict[str, Any]]:
    """All routes, then the root fields of GraphQL, then all RPC methods, with permission and roles."""
    from gateway_flask import routes  # noqa: F401 - declares the endpoints
    from gateway_flask.openapi.endpoints import ENDPOINTS
    from schemas.permissions.graphql_fields import FIELDS
    from schemas.permissions.rpc_methods import RPC

    rows = [
        {"method": endpoint.method, "name": _path(endpoint.rule), **_access(endpoint.access)}
        for endpoint in ENDPOINTS.values()
    ]
    rows += [{"method": "GraphQL", "name": field, **_access(access)} for field, access in FIELDS.items()]
    for service, methods in RPC.items():
        rows += [
            {"method": "RPC", "name": f"{service}.{method}", **_access(access)} for method, access in methods.items()
        ]
    return rows


def _path(rule: str) -> str:
    """`/users/{id}`, without the prefix that all routes share."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.removeprefix("/api/v1"))


def _access(access: Any) -> dict[str, Any]:
    from schemas.permissions.access import Kind
    from schemas.permissions.roles import PRESETS, permissions_of

    needed = access.permission
    roles = [role for role in PRESETS if needed is None or needed in permissions_of([role])]
    if access.kind is Kind.INTERNAL:
        roles = []
    elif access.kind is not Kind.PERMISSION:
        roles.insert(0, GUESTS)
    return {"permission": str(access), "roles": roles}


def _table(rows: list[dict[str, Any]]) -> Table:
    columns = (Column("", no_wrap=True), Column("route, field or RPC method", overflow="fold"), "permission", "roles")
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(row["method"], row["name"], row["permission"], _summary(row["roles"]))
    return table


def _summary(roles: list[str]) -> str:
    """The roles in words: most lines are of everybody, of every role, or of a few."""
    from schemas.permissions.roles import PRESETS

    if not roles:
        return "internal"
    if GUESTS in roles:
        return "anyone"
    return "every role" if len(roles) == len(PRESETS) else " ".join(roles)
