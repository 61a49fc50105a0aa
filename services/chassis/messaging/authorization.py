"""The check of `schemas.permissions` at the start of an RPC method: roles of the caller against the method's access."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from schemas.base import Caller
from schemas.permissions import ROLES, Access
from services.chassis.common.errors import Forbidden, Unauthenticated

NEEDS_CALLER = frozenset({Access.GUEST, *ROLES})


def check(access: Access, caller: Caller) -> None:
    """Raises `Unauthenticated` for an anonymous caller, `Forbidden` for one without any of the roles needed."""
    roles = ROLES.get(access)
    if roles is None:
        return
    if caller.user_id is None:
        raise Unauthenticated
    if roles.isdisjoint(caller.roles):
        raise Forbidden


def guarded(method: Callable[..., Any], access: Access) -> Callable[..., Any]:
    """The method with the check in front. Its caller is the argument `caller`, or that of its one `command`."""
    if access not in NEEDS_CALLER:
        return method
    signature = inspect.signature(method)
    name = next((name for name in ("caller", "command") if name in signature.parameters), None)
    if name is None:
        raise TypeError(f"{method.__qualname__} needs a `caller`: its access is {access.name}")

    @wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        argument = signature.bind_partial(*args, **kwargs).arguments.get(name)
        caller = argument if isinstance(argument, Caller) or argument is None else argument.caller
        check(access, caller or Caller())
        return method(*args, **kwargs)

    return checked
