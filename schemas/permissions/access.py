"""Access of an RPC method or route: the callers whom it serves."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from schemas.permissions.permission import Permission


class Kind(Enum):
    """The kinds of access."""

    PUBLIC = "anyone"
    """The reply is the same for everybody, or the arguments carry the proof (a token, a guest's cart id)."""
    GUEST = "anyone, for their own things"
    """Takes `caller`, who may be anonymous; the method decides by what the caller owns or has the key to."""
    PERMISSION = "signed-in callers with the permission"
    INTERNAL = "services and operators on the message broker"
    """Never called by the gateway; whoever reaches the broker is trusted."""


@dataclass(frozen=True)
class Access:
    """The callers of a method: a kind, and the permission that a signed-in caller needs."""

    kind: Kind
    permission: Permission | None = None

    def __str__(self) -> str:
        """`orders.read`, `anyone`, `internal`, or `anyone; signed in: orders.read`."""
        if self.kind is Kind.INTERNAL:
            return "internal"
        if self.kind is Kind.PERMISSION:
            return str(self.permission)
        return f"anyone; signed in: {self.permission}" if self.permission else self.kind.value


PUBLIC: Final = Access(Kind.PUBLIC)
INTERNAL: Final = Access(Kind.INTERNAL)
GUEST: Final = Access(Kind.GUEST)


def needs(permission: Permission) -> Access:
    """Access of signed-in callers with this permission."""
    return Access(Kind.PERMISSION, permission)


def guest(permission: Permission) -> Access:
    """Access of guests, and of signed-in callers with this permission: an API key is bound to its scopes here too."""
    return Access(Kind.GUEST, permission)
