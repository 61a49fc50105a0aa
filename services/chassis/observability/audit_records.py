"""Audit records: who did what to which resource, when and from where.

A service writes the record in the transaction of the change itself (`store.audit(…)`), as one more event of its
outbox: an action whose record could be lost does not happen.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Final

import orjson

from schemas.events.audit import Action, ActionRecorded, Actor, Change, Resource
from services.chassis.common import context

MASK: Final = "***"
LONGEST_VALUE: Final = 1_000
"""Characters of JSON that a value may have in a record; a longer one is cut."""
SHORT_TEXT: Final = LONGEST_VALUE // 6
"""Characters of a text that is no longer than `LONGEST_VALUE` in JSON, whatever it contains."""
_SECRET: Final = re.compile(r"password|passwd|secret|token|api_?key|private|credential|card|cvc|iban", re.IGNORECASE)
_CUSTOMER: Final = frozenset({"CUSTOMER"})
_IGNORED: Final[frozenset[str]] = frozenset({"version", "updated_at"})
"""Fields that change with every write and are left out."""


def record(
    action: Action, resource: tuple[str, str], before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> ActionRecorded:
    """The record of `action` (`product.update`) on `resource` (type, id): its fields that differ, before and after.

    `before` is None for a creation, `after` for a deletion. The actor is taken from the request context.
    """
    kind, name = resource
    return ActionRecorded(
        action=action,
        actor=actor(),
        resource=Resource(type=kind, id=name),
        changes=changes(before or {}, after or {}),
        request_id=context.current().get("request_id"),
    )


def actor() -> Actor:
    """The actor of the current request; `system` outside of one (a timer, a resumed saga)."""
    current = context.current()
    user_id, raw = current.get("user_id"), current.get("actor")
    details: dict[str, Any] = orjson.loads(raw) if raw else {}
    if user_id is None and not details:
        return Actor(kind="system")
    return Actor(id=user_id, kind="user" if user_id else "guest", **details)


def staff() -> str | None:
    """The context's `actor` for vendors and staff only: customers' addresses stay out of events."""
    raw: str | None = context.current().get("actor")
    return raw if raw and set(orjson.loads(raw)["roles"]) - _CUSTOMER else None


def done_by(user_id: str, email: str, roles: Iterable[str]) -> AbstractContextManager[None]:
    """Set the actor within the block: at sign-in the gateway does not know the user yet."""
    sent = orjson.loads(context.current().get("actor") or "{}")
    return context.having(user_id=user_id, actor=actor_context(email, roles, sent.get("ip"), sent.get("user_agent")))


def actor_context(
    email: str | None, roles: Iterable[str], ip: str | None, user_agent: str | None, api_key: str | None = None
) -> str:
    """The value of the context's `actor`, as the gateway sends it; `api_key` is the id of the key that was sent."""
    actor = {"email": email, "roles": list(roles), "ip": ip, "user_agent": user_agent[:300] if user_agent else None}
    return orjson.dumps(actor | ({"api_key": api_key} if api_key else {})).decode()


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The fields that differ, in the order of their names; secrets masked, long values cut."""
    return [
        Change(field=field, before=_shown(field, before.get(field)), after=_shown(field, after.get(field)))
        for field in sorted(before.keys() | after.keys())
        if field not in _IGNORED and before.get(field) != after.get(field)
    ]


def _shown(field: str, value: Any) -> Any:
    if value is None:
        return None
    if _is_secret(field):
        return MASK
    if isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= SHORT_TEXT):
        return value  # as most fields are: there is nothing to mask or to cut
    clean = _masked(value)
    raw = orjson.dumps(clean, default=str)
    if len(raw) > LONGEST_VALUE:
        return raw.decode()[:LONGEST_VALUE] + "…"
    return orjson.loads(raw)


@lru_cache(maxsize=4_096)
def _is_secret(field: str) -> bool:
    return _SECRET.search(field) is not None


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: MASK if _is_secret(str(key)) else _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value
