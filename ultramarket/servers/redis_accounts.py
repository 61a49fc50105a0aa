"""Accounts of Redis as an access control list: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/."""

from collections.abc import Mapping
from typing import Final

from services.chassis.runtime.registry import REDIS_KEYS, REDIS_READ
from ultramarket.credentials import ACCOUNTS, password, sha256, user

COMMANDS: Final = "+@all -@admin -@dangerous +info"
"""Of a service: nothing that sees other keys, or changes the server. Libraries read the version from `INFO`."""


def access_list(secret: Mapping[str, str]) -> str:
    """The file of accounts. Passwords are hashed; nobody may do anything without one.

    The default user can't sign in, but keeps its rights: as this user Redis reads its file at start, and drops
    the transactions in it that the user may not do.
    """
    lines = ["user default off ~* &* +@all", _user(secret, None, "~* &* +@all")]
    for service in ACCOUNTS["redis"]:
        keys = " ".join(f"~{prefix}* &{prefix}*" for prefix in REDIS_KEYS.get(service, (f"{service}:",)))
        keys += "".join(f" %R~{prefix}* &{prefix}*" for prefix in REDIS_READ.get(service, ()))
        lines.append(_user(secret, service, f"{keys} {COMMANDS}"))
    return "\n".join([*lines, ""])


def _user(secret: Mapping[str, str], service: str | None, rules: str) -> str:
    hashed = sha256(password("redis", secret, service))
    return f"user {user(service)} on #{hashed} resetkeys resetchannels -@all {rules}"
