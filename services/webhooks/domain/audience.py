"""Audience of events: the subscriptions that may name a type, and the permission that each needs."""

from collections.abc import Iterable

from schemas.api.webhooks import Scope
from schemas.caller import Caller
from schemas.events.public import PUBLIC, PublicEvent
from schemas.permissions.permission import Permission
from schemas.permissions.roles import permissions_of
from services.chassis.common.errors import ValidationFailed

MAX_OF_OWNER = 20
"""Subscriptions that one owner may have."""
NEEDED = {"shop": Permission.WEBHOOKS_MANAGE, "vendor": Permission.WEBHOOKS_WRITE}
"""The permission that the owner of a subscription must have for each delivery."""


def scope_of(caller: Caller) -> Scope:
    """The scope of the subscriptions that a caller creates."""
    return "shop" if caller.may(Permission.WEBHOOKS_MANAGE) else "vendor"


def types_for(scope: Scope) -> list[PublicEvent]:
    """The events that a subscription of this scope can name."""
    return [public for public in PUBLIC.values() if public.vendors or scope == "shop"]


def check_types(types: Iterable[str], scope: Scope) -> None:
    """Raises `ValidationFailed` for a type that vendors can't subscribe to."""
    allowed = {public.event.type for public in types_for(scope)}
    for index, name in enumerate(types):
        if name not in allowed:
            raise ValidationFailed.of(f"events.{index}", f"{name} is not an event type for vendors")


def may_get(scope: Scope, roles: Iterable[str]) -> bool:
    """Whether an owner with these roles still has the permission that a subscription needs."""
    return NEEDED[scope] in permissions_of(roles)
