"""Limits of every PostgreSQL connection: how long a dead server is waited for, and how long a dead client is served.

TCP alone gives up after a quarter of an hour. Here the kernel gives up on a peer that acknowledges nothing for 5 s
(`tcp_user_timeout`, keepalives on idle connections), and `wait_for_reply` on one that acknowledges and says nothing:
a frozen server, or a proxy without its network. It waits no longer than the request that it serves may take.
"""

import select
from typing import Any, Final

import psycopg2
from psycopg2 import extensions

from services.chassis.common import context

STATEMENT_MS: Final = 8_000
LOCK_MS: Final = 6_000
IDLE_IN_TRANSACTION_MS: Final = 10_000
"""The server ends a transaction that sends nothing for so long: its process is frozen or gone, its locks are not."""
CONNECT_SECONDS: Final = 3
REPLY_SECONDS: Final = STATEMENT_MS / 1000 + 1
"""Longer than the server lets a statement run: its own error comes first."""
LEAST_SECONDS: Final = 0.5
"""For the end of a request whose time is over: its transaction must still be rolled back."""
PEER_MS: Final = 5_000

CLIENT_LIMITS: Final[dict[str, Any]] = {
    "connect_timeout": str(CONNECT_SECONDS),
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "2",
    "tcp_user_timeout": str(PEER_MS),
}
"""Parameters of libpq: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS."""


def session_options(schema: str, role: str | None = None, **settings: int | str) -> str:
    """The parameter `options` of a connection that works in `schema`, as `role`, with further `settings`."""
    values: dict[str, int | str] = {
        "search_path": schema,
        "statement_timeout": STATEMENT_MS,
        "lock_timeout": LOCK_MS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_MS,
        "tcp_user_timeout": PEER_MS,
        **settings,
    }
    if role is not None:
        values["role"] = role
    return " ".join(f"-c{name}={value}" for name, value in values.items())


def wait_for_reply(connection: Any) -> None:
    """psycopg2's wait callback: waits for the server in this greenthread or thread.

    Raises `psycopg2.OperationalError`, on which psycopg2 closes the connection, when the server has sent nothing for
    `REPLY_SECONDS` or until the request's deadline, or is not connected within `CONNECT_SECONDS`: libpq's own limit
    does not count with a callback.
    """
    limit = CONNECT_SECONDS if connection.status == extensions.STATUS_SETUP else REPLY_SECONDS
    seconds = max(context.remaining(limit), min(LEAST_SECONDS, limit))
    while (state := connection.poll()) != extensions.POLL_OK:
        if state not in (extensions.POLL_READ, extensions.POLL_WRITE):
            raise psycopg2.OperationalError(f"unexpected state of the connection: {state!r}")
        if not _is_ready(connection.fileno(), state == extensions.POLL_WRITE, seconds):
            raise psycopg2.OperationalError("the database server does not reply")


def _is_ready(descriptor: int, write: bool, seconds: float) -> bool:
    """Whether the socket became readable, or writable, in time."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT if write else select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    from eventlet.hubs import trampoline  # it has removed `poll`: this process is monkey-patched

    try:
        trampoline(descriptor, read=not write, write=write, timeout=seconds, timeout_exc=_NotReady)
    except _NotReady:
        return False
    return True


class _NotReady(Exception):
    """The socket did not become ready in time."""


extensions.set_wait_callback(wait_for_reply)
