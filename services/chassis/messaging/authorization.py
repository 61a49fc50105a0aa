"""The check of `schemas.permissions` at the start of an RPC method: permissions of the caller against the access."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from schemas.caller import Caller
from schemas.permissions.access import Access, Kind
from schemas.permissions.permission import OWN, SECOND_FACTOR, UNVERIFIED
from services.chassis.common.errors import EmailNotVerified, Forbidden, TwoFactorRequired, Unauthenticated

NEEDS_CALLER: Final = frozenset({Kind.GUEST, Kind.PERMISSION})


def check(access: Access, caller: Caller) -> None:
    """Raises `Unauthenticated` for an anonymous caller where a permission is needed, `Forbidden` without it.

    `EmailNotVerified` where it would count with a verified address, `TwoFactorRequired` where the account has a second
    factor that was not used recently, or lacks one that its role needs.
    """
    permission = access.permission
    if caller.user_id is None:
        if access.kind is Kind.PERMISSION:
            raise Unauthenticated
        return
    if permission is None:
        return
    if permission not in caller.permissions:
        raise Forbidden
    if not caller.email_verified and permission not in UNVERIFIED:
        raise EmailNotVerified
    if caller.second_factor == "due" and permission in SECOND_FACTOR:
        raise TwoFactorRequired
    if caller.second_factor == "missing" and permission not in OWN:
        raise TwoFactorRequired("Your role needs a second factor: set one up with POST /auth/2fa/totp")


def guarded(method: Callable[..., Any], access: Access) -> Callable[..., Any]:
    """The method with the check in front. Its caller is the argument `caller`, or that of its one `command`."""
    if access.kind not in NEEDS_CALLER:
        return method
    signature = inspect.signature(method)
    name = next((name for name in ("caller", "command") if name in signature.parameters), None)
    if name is None:
        raise TypeError(f"{method.__qualname__} needs a `caller`: its access is {access}")

    @wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        argument = signature.bind_partial(*args, **kwargs).arguments.get(name)
        caller = argument if isinstance(argument, Caller) or argument is None else argument.caller
        check(access, caller or Caller())
        return method(*args, **kwargs)

    return checked
