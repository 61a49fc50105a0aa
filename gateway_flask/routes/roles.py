"""Roles and permissions."""

from flask import Response

from gateway_flask.http import etag
from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import RolePath
from gateway_flask.rpc.calls import call
from schemas.api.roles import PermissionEntry, PutRole, ResetRole, RoleReset, RoleState, RoleWrite
from schemas.permissions.permission import DESCRIPTIONS, IMPLIED, NOT_FOR_KEYS, SECOND_FACTOR, Permission
from schemas.rpc.config import ConfigRpc

api = Api("roles", "Roles", "Roles are named sets of permissions.", "/auth")


@api.get("/roles", reply=RoleState, many=True)
def list_roles() -> Response:
    """List the roles with their permissions."""
    return ok(call(ConfigRpc.roles, caller=caller()), "Roles")


@api.get("/roles/<string:name>", reply=RoleState)
def get_role(path: RolePath) -> Response:
    """Get a role with its permissions."""
    return etag.versioned(call(ConfigRpc.role, name=path.name, caller=caller()), "Role")


@api.put("/roles/<string:name>", reply=RoleState, headers=("If-Match",))
def put_role(path: RolePath, body: RoleWrite) -> Response:
    """Create or change a role; in force within a second. One can only grant permissions that one has."""
    expected = etag.expected_version()
    command = PutRole(**body.given(), name=path.name, caller=caller(), expected_version=expected)
    return etag.versioned(call(ConfigRpc.put_role, command), "Role saved")


@api.delete("/roles/<string:name>", reply=None, headers=("If-Match",))
def reset_role(path: RolePath, query: RoleReset) -> Response:
    """Delete a role, or restore a preset."""
    expected = etag.expected_version()
    command = ResetRole(reason=query.reason, name=path.name, caller=caller(), expected_version=expected)
    call(ConfigRpc.reset_role, command)
    return ok(None, "Role removed")


@api.get("/permissions", reply=PermissionEntry, many=True)
def list_permissions() -> Response:
    """List the permissions, for editing roles and choosing the scopes of API keys."""
    return ok([_entry(permission) for permission in Permission], "Permissions")


def _entry(permission: Permission) -> dict[str, object]:
    return {
        "name": permission.value,
        "description": DESCRIPTIONS[permission],
        "implies": sorted(IMPLIED.get(permission, ())),
        "api_key": permission not in NOT_FOR_KEYS,
        "second_factor": permission in SECOND_FACTOR,
    }
