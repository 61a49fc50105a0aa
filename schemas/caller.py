"""The caller of a method, by whom the owning service decides what is allowed."""

from typing import Final, Literal

from pydantic import Field

from schemas.base import Schema
from schemas.permissions.permission import UNVERIFIED, Permission
from schemas.permissions.roles import permissions_of


class Caller(Schema):
    """The caller of a method: the signed-in user with their roles, or the key of a guest.

    Made by the gateway from a verified token or API key; a service decides with it what is this caller's own.
    """

    user_id: str | None = None
    roles: list[str] = Field(default_factory=list)
    email: str | None = None
    order_key: str | None = None
    scopes: list[str] | None = None
    """The permissions of the API key that was sent; None for a session."""
    email_verified: bool = True
    second_factor: Literal["due", "missing"] | None = None
    """`due`: the account has one that was not used recently in this session; `missing`: its role needs one."""

    @property
    def permissions(self) -> frozenset[Permission]:
        """The permissions of the caller's roles, within the scopes of an API key."""
        permissions = permissions_of(self.roles)
        return permissions if self.scopes is None else permissions.intersection(self.scopes)

    def may(self, permission: Permission) -> bool:
        """Whether the caller has this permission. Before the mail address is verified, only a customer's count."""
        return permission in self.permissions and (self.email_verified or permission in UNVERIFIED)


ANONYMOUS: Final = Caller()
"""An anonymous caller."""
OPERATOR: Final = Caller(roles=["ADMIN"], user_id="00000000-0000-7000-8000-000000000000")
"""The command line and other tools on the message broker, which act with all permissions."""
