"""Roles: named sets of permissions, edited by administrators."""

from typing import Annotated, Final

from pydantic import Field

from schemas.api.config import Reason
from schemas.base import Request, Schema
from schemas.caller import Caller
from schemas.permissions.permission import Permission
from schemas.permissions.roles import RoleName

MAX_ROLES: Final = 100


class RoleState(Schema):
    """A role and its permissions."""

    name: str
    permissions: list[str]
    """Sorted by name; those that others include are not listed."""
    preset: bool
    """Whether the role exists without having been created."""
    changed: bool
    """Whether it was created, or a preset changed, by an administrator."""
    editable: bool
    version: int
    """Of all definitions together: incremented by each change of a role. For `If-Match`."""


class PermissionEntry(Schema):
    """A permission in words."""

    name: str
    description: str
    implies: list[str]
    """The permissions that it includes."""
    api_key: bool
    """Whether an API key can have it."""
    second_factor: bool
    """Whether its use needs a recent second factor of accounts that have one."""


class RoleWrite(Request):
    """The permissions of a role, and why they are changed."""

    permissions: Annotated[list[Annotated[Permission, Field(strict=False)]], Field(max_length=len(Permission))]
    reason: Reason


class RoleReset(Request):
    """Reason for deleting a role, or restoring a preset."""

    reason: Reason


class PutRole(RoleWrite):
    """The command to create or change a role."""

    name: RoleName
    caller: Caller
    expected_version: int | None = None


class ResetRole(RoleReset):
    """The command to delete a role, or to restore a preset."""

    name: RoleName
    caller: Caller
    expected_version: int | None = None
