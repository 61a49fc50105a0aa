"""The request context: request id, user, trace and deadline, carried from call to call and into events.

Nameko carries a worker's context in message headers; inside a worker the same values are in a context variable
(each greenthread has its own), where logs and the outbox find them.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

import structlog

CARRIED = ("request_id", "user_id", "session_id", "traceparent", "actor")
"""The values passed on from the gateway to the last service. `actor` (who is asking and from where, as JSON, for the
audit trail) only with requests that may change something."""

_current: ContextVar[dict[str, Any]] = ContextVar("request_context")
_EMPTY: dict[str, Any] = {}


def current() -> dict[str, Any]:
    """The context of the current request or event; empty outside of one."""
    return _current.get(_EMPTY)


def enter(data: dict[str, Any]) -> None:
    """Make `data` the current context of this greenthread or thread."""
    _current.set(data)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**{key: data[key] for key in ("request_id", "user_id") if data.get(key)})


def carried() -> dict[str, Any]:
    """The part of the current context that an event carries."""
    context = current()
    return {key: context[key] for key in CARRIED if context.get(key)}


def remaining(limit: float) -> float:
    """Seconds left until the current deadline (on this process's monotonic clock), at most `limit`."""
    deadline = current().get("deadline")
    return limit if deadline is None else min(limit, float(deadline) - time.monotonic())


@contextmanager
def having(**values: Any) -> Iterator[None]:
    """Override values of the context within the block."""
    token = _current.set(current() | values)
    try:
        yield
    finally:
        _current.reset(token)


def caused_by(request_id: str | None, user_id: str | None = None) -> AbstractContextManager[None]:
    """Let the events that are written within the block carry this request and user: for events handled in batches."""
    return having(request_id=request_id, user_id=user_id)


def within(seconds: float) -> AbstractContextManager[None]:
    """Limit the deadline to `seconds` from now within the block."""
    return having(deadline=time.monotonic() + remaining(seconds))


def new_traceparent() -> str:
    """The start of a new trace (W3C Trace Context, version 00, sampled)."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def deadline_headers(seconds: float) -> dict[str, float]:
    """The headers of a request that may take so long. Processes of an earlier version read the wall clock's time."""
    return {"nameko.remaining": seconds, "nameko.deadline": time.time() + seconds}


def local_deadline(data: dict[str, Any], received_at: float) -> float | None:
    """The deadline on this process's monotonic clock of a request that was received then, from its headers' values.

    The remaining time counts, for two machines' wall clocks differ; the time in the queue is limited by the message's
    expiration. A caller of an earlier version sends only the wall clock's time.
    """
    remaining_seconds = data.get("remaining")
    if remaining_seconds is not None:
        return received_at + float(remaining_seconds)
    deadline = data.get("deadline")
    return None if deadline is None else time.monotonic() + float(deadline) - time.time()
