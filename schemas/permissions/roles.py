"""Roles: named sets of permissions. Presets, and in each process the definitions that administrators have set.

The setting `auth.roles` holds the changed ones; `services.chassis.dynamic_config` keeps each process current.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import StringConstraints

from schemas.permissions.permission import OWN, Permission, expanded

P = Permission
RoleName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{1,30}$")]
ROLES_KEY: Final = "auth.roles"
"""The key of the changed roles among the settings."""
ADMIN: Final = "ADMIN"
"""The role with all permissions. It can't be changed: nobody could undo a mistake."""
PRESETS: Final[dict[str, frozenset[Permission]]] = {
    "CUSTOMER": OWN,
    "VENDOR": OWN
    | {
        P.PRODUCTS_WRITE,
        P.INVENTORY_READ,
        P.INVENTORY_WRITE,
        P.ORDERS_FULFIL,
        P.SHIPMENTS_WRITE,
        P.REVIEWS_REPLY,
        P.ANALYTICS_READ,
        P.REPORTS_WRITE,
        P.WEBHOOKS_WRITE,
    },
    "SUPPORT": OWN
    | {P.ORDERS_MANAGE, P.PAYMENTS_READ_ANY, P.SHIPMENTS_MANAGE, P.REVIEWS_MODERATE, P.USERS_READ, P.INVENTORY_READ},
    "CATALOGUE": OWN
    | {
        P.PRODUCTS_MANAGE,
        P.PRODUCTS_IMPORT,
        P.CATEGORIES_MANAGE,
        P.INVENTORY_MANAGE,
        P.WAREHOUSES_MANAGE,
        P.SEARCH_TUNE,
        P.REVIEWS_MODERATE,
    },
    "FINANCE": OWN
    | {
        P.ORDERS_READ_ANY,
        P.PAYMENTS_READ_ANY,
        P.PAYMENTS_CAPTURE,
        P.PAYMENTS_REFUND,
        P.LEDGER_READ,
        P.TAXES_MANAGE,
        P.ANALYTICS_READ_ANY,
    },
    "ANALYST": OWN | {P.ANALYTICS_READ_ANY},
    ADMIN: frozenset(Permission),
}


class _Definitions:
    """The roles in force in this process. A change replaces the mapping."""

    def __init__(self) -> None:
        self.roles: Mapping[str, frozenset[Permission]] = PRESETS


_process: Final = _Definitions()


def definitions() -> Mapping[str, frozenset[Permission]]:
    """The roles in force, by name."""
    return _process.roles


def merged(changed: Mapping[str, Iterable[str]]) -> dict[str, frozenset[Permission]]:
    """The presets with the changed and added roles. Permissions that this version doesn't know are left out."""
    known_names = frozenset(Permission)
    added = {
        name: frozenset(Permission(permission) for permission in permissions if permission in known_names)
        for name, permissions in changed.items()
    }
    return {**PRESETS, **added, ADMIN: PRESETS[ADMIN]}


def define(changed: Mapping[str, Any] | None) -> None:
    """Put the value of the setting `auth.roles` in force in this process; None restores the presets."""
    _process.roles = merged(changed or {})
    _of.cache_clear()


def may_grant(grantor: frozenset[Permission], permissions: Iterable[str]) -> bool:
    """Whether one with these permissions may give those to others: nobody can grant more than they have."""
    return expanded(frozenset(Permission(permission) for permission in permissions)) <= grantor


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """The permissions of an account with these roles; an unknown role has none."""
    return _of(tuple(roles))


@lru_cache(maxsize=1024)
def _of(roles: tuple[str, ...]) -> frozenset[Permission]:
    return expanded(frozenset().union(*(_process.roles.get(role, frozenset()) for role in roles)))
