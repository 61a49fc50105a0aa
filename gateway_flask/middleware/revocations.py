"""Revoked sessions: the list in Redis, followed by each gateway process, so that no request costs a call.

The process subscribes to additions, then reads the list. While Redis is away, or has lost the list, it asks auth once
a second; while auth is away too, what it knows stays in force.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

import orjson
import redis
import structlog
from flask import Flask

from gateway_flask.rpc import calls
from gateway_flask.settings import GatewaySettings
from schemas.revocation_list import CHANNEL, COMPLETE, REVOKED
from schemas.rpc.auth import AuthRpc

RETRY_SECONDS: Final = 0.5
READ_SECONDS: Final = 60.0
"""The whole list is read again this often, and expired entries are dropped."""

log = structlog.get_logger()


class Revocations:
    """Ids of revoked sessions. Read by all threads; a change replaces the dict."""

    def __init__(self) -> None:
        self._expiries: dict[str, float] = {}
        self.current = threading.Event()
        """Set after the first complete read."""

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._expiries

    def add(self, expiries: dict[str, float]) -> None:
        """Add sessions with the Unix times of their expiry, and drop those that have expired."""
        now = time.time()
        merged = {**self._expiries, **expiries}
        self._expiries = {session_id: expiry for session_id, expiry in merged.items() if expiry > now}


class Follower:
    """Keeps the revocations of this process current, from a thread of its own."""

    def __init__(self, revocations: Revocations, url: str, ask_auth: Callable[[], dict[str, float]]) -> None:
        self.revocations, self._url, self._ask_auth = revocations, url, ask_auth

    def start(self) -> None:
        threading.Thread(target=self.run, name="revocations", daemon=True).start()

    def run(self) -> None:
        """Follow until the process ends."""
        while True:
            try:
                self._follow()
            except Exception as error:  # an unreadable message as well: this thread must not end
                log.warning("revocations_not_followed", error=f"{type(error).__name__}: {error}"[:200])
                self._read_from_auth()
                time.sleep(RETRY_SECONDS)

    def _follow(self) -> None:
        client = redis.Redis.from_url(self._url, socket_timeout=5, socket_connect_timeout=2)
        with client, client.pubsub(ignore_subscribe_messages=True) as additions:
            additions.subscribe(CHANNEL)
            additions.get_message(timeout=2.0)  # the confirmation: later additions are received
            read_at = 0.0
            while True:
                if time.monotonic() - read_at > READ_SECONDS:
                    read_at = time.monotonic() if self._read(client) else 0.0
                message = additions.get_message(timeout=RETRY_SECONDS if read_at == 0.0 else 2.0)
                if message is not None:
                    self.revocations.add(orjson.loads(message["data"]))

    def _read(self, client: "redis.Redis") -> bool:
        """Read the whole list; False while Redis has none, so that auth is asked."""
        with client.pipeline() as pipe:
            pipe.exists(COMPLETE)
            pipe.zrange(REVOKED, 0, -1, withscores=True)
            is_complete, rows = pipe.execute()
        self.revocations.add({session_id.decode(): expiry for session_id, expiry in rows})
        if not is_complete:
            self._read_from_auth()
            return False
        self.revocations.current.set()
        return True

    def _read_from_auth(self) -> None:
        try:
            self.revocations.add(self._ask_auth())
            self.revocations.current.set()
        except Exception as error:  # auth is away, or replies what can't be read: it is asked again
            log.warning("revocations_not_read", error=f"{type(error).__name__}: {error}"[:200])


def install(app: Flask) -> None:
    """Set up the revocations of the app; `follow` keeps them current."""
    app.extensions["revocations"] = Revocations()


def follow(app: Flask, settings: GatewaySettings) -> Revocations:
    """Begin to follow; after the fork, since threads don't survive it."""
    revocations: Revocations = app.extensions["revocations"]

    def ask_auth() -> dict[str, float]:
        with app.app_context():
            return dict(calls.call_within(2.0, AuthRpc.revocations).value.sessions)

    Follower(revocations, settings.redis_url, ask_auth).start()
    return revocations
