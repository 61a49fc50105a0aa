"""Administration of accounts."""

from flask import Response

from gateway_flask.http import etag
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import GroupPath, IdPath
from gateway_flask.rpc.calls import call
from schemas.api.accounts import (
    AccountChange,
    AccountEntry,
    AccountQuery,
    Group,
    GroupWrite,
    PutGroup,
    RolesChange,
    SetRoles,
    UpdateAccount,
)
from schemas.api.privacy import EraseUser, EraseUserRequest, Erasure
from schemas.rpc.auth import AuthRpc

api = Api("accounts", "Accounts", "Administration of accounts, roles and groups.", "/users")


@api.get("", reply=AccountEntry, many=True)
def list_users(query: AccountQuery) -> Response:
    """List accounts, by name, mail address, role, status, group, registration or amount spent."""
    return listing(call(AuthRpc.accounts, query=query, caller=caller()), "Accounts")


@api.get("/groups", reply=Group, many=True)
def list_groups() -> Response:
    """List the groups of customers."""
    return ok(call(AuthRpc.groups, caller=caller()), "Groups")


@api.get("/groups/<string:name>", reply=Group)
def get_group(path: GroupPath) -> Response:
    """Get a group of customers."""
    return etag.versioned(call(AuthRpc.group, name=path.name, caller=caller()), "Group")


@api.put("/groups/<string:name>", reply=None, headers=("If-Match",))
def put_group(path: GroupPath, body: GroupWrite) -> Response:
    """Create or rename a group of customers. `If-Match: "0"`: only a new one."""
    expected = etag.expected_version()
    command = PutGroup(**body.given(), name=path.name, caller=caller(), expected_version=expected)
    return etag.tagged(ok(None, "Group saved"), call(AuthRpc.put_group, command).json)


@api.delete("/groups/<string:name>", reply=None, headers=("If-Match",))
def delete_group(path: GroupPath) -> Response:
    """Delete a group; its members leave it."""
    expected = etag.expected_version()
    call(AuthRpc.delete_group, name=path.name, caller=caller(), expected_version=expected)
    return ok(None, "Group deleted")


@api.get("/<string:id>", reply=AccountEntry)
def get_user(path: IdPath) -> Response:
    """Get an account."""
    return etag.versioned(call(AuthRpc.account, user_id=path.id, caller=caller()), "Account")


@api.patch("/<string:id>", reply=AccountEntry, headers=("If-Match",))
def update_user(path: IdPath, body: AccountChange) -> Response:
    """Change an account's name, status or groups. Disabling ends its sessions within a second."""
    expected = etag.expected_version()
    command = UpdateAccount(**body.given(), user_id=path.id, caller=caller(), expected_version=expected)
    return etag.versioned(call(AuthRpc.update_account, command), "Saved")


@api.put("/<string:id>/roles", reply=AccountEntry, headers=("If-Match",))
def set_user_roles(path: IdPath, body: RolesChange) -> Response:
    """Replace an account's roles; its sessions end, since their tokens carry the former ones."""
    expected = etag.expected_version()
    command = SetRoles(**body.given(), user_id=path.id, caller=caller(), expected_version=expected)
    return etag.versioned(call(AuthRpc.set_roles, command), "Roles saved")


@api.delete("/<string:id>", reply=Erasure, statuses=(202,))
def erase_user(path: IdPath, body: EraseUserRequest) -> Response:
    """Erase the account and the personal data of a person who has requested it otherwise than by the account.

    As `DELETE /users/me`: it can't be undone, sessions end at once, the person gets a last mail. Accounts of staff and
    vendors are erased after their roles were removed. The progress: `GET /users/{id}/erasure`.
    """
    command = EraseUser(**body.given(), user_id=path.id, caller=caller())
    return ok(call(AuthRpc.erase_user, command), "Erasure begun", 202)
