"""`Idempotency-Key`: a repeated request is carried out once and gets the same reply, byte for byte.

The guarantee is the services': key, owner and fingerprint travel with the command and are recorded in the transaction
of its effect. What is kept here, for a day, makes the repetition exact and cheap. Without Redis we go on without it.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from flask import Response, current_app, request

from gateway_flask.http import errors
from gateway_flask.middleware.reply_store import ReplyStore, StoredReply, Verdict
from gateway_flask.middleware.request_context import cart_id, current_request, order_key
from schemas.base import Idempotency
from services.chassis.common.errors import (
    IdempotencyInProgress,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    PaymentActionRequired,
    ValidationFailed,
)

log = structlog.get_logger()

HEADER: Final = "Idempotency-Key"
WAIT_SECONDS: Final = 1.0
"""Seconds that a concurrent repetition waits for the first request before it is refused."""
POLL_SECONDS: Final = 0.05
_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")
KEPT_HEADERS: Final = ("Content-Type", "ETag", "Location", "X-Cart-Id", "Cache-Control")


def require_key() -> None:
    """Raise `IdempotencyKeyRequired` before the body is read."""
    if request.headers.get(HEADER) is None:
        raise IdempotencyKeyRequired


@dataclass(frozen=True)
class Command:
    """A request as it is identified: its key, and the method, path and body that it has as a REST request."""

    key: str
    method: str
    path: str
    body: Any


def once(work: Callable[[], Response], command: Command | None = None) -> Response:
    """Do `work`, or replay the reply that was stored under this key: that of the command, else of the header."""
    if command is None:
        key = request.headers.get(HEADER)
        if key is None:
            return work()
        command = Command(key, request.method, request.path, current_request().json)
    key = command.key
    if not _KEY.fullmatch(key):
        raise ValidationFailed.of(HEADER, "must be 1 to 255 printable ASCII characters")
    owner, fingerprint = _owner(), _fingerprint(command)
    current_request().idempotency = Idempotency(owner=owner, key=key, fingerprint=fingerprint)
    replies: ReplyStore = current_app.extensions["replies"]
    name, mark = ReplyStore.name(owner, key), secrets.token_hex(8)
    verdict, stored = _claim(replies, name, fingerprint, mark)
    if stored is not None:
        return _replay(stored)
    response = _settle(work)
    if verdict is Verdict.OURS:
        if _is_final(response):
            kept = {header: response.headers[header] for header in KEPT_HEADERS if header in response.headers}
            replies.keep(name, mark, StoredReply(response.status_code, kept, response.get_data()))
        else:
            replies.forget(name, mark)
    return response


def _claim(replies: ReplyStore, name: str, fingerprint: str, mark: str) -> tuple[Verdict, StoredReply | None]:
    """Claim the key, or get the stored reply. Raises when the first request is in progress, or the key was reused."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        verdict, stored = replies.claim(name, fingerprint, mark)
        if verdict is Verdict.REUSED:
            raise IdempotencyKeyReused
        if verdict is not Verdict.IN_PROGRESS:
            return verdict, stored
        if time.monotonic() >= until:
            raise IdempotencyInProgress
        time.sleep(POLL_SECONDS)


def _settle(work: Callable[[], Response]) -> Response:
    """The reply of `work`; errors are stored and replayed as well."""
    try:
        return work()
    except Exception as error:
        return errors.reply_to(error)


def _is_final(response: Response) -> bool:
    """Whether the outcome is final: not after a failure on the server's side, or while it is undecided."""
    status = response.status_code
    if status >= 500 or status in (202, 429, 401):
        return False
    undecided = {402: PaymentActionRequired.code, 409: IdempotencyInProgress.code}.get(status)
    return undecided is None or undecided.encode() not in response.get_data()


def _replay(stored: StoredReply) -> Response:
    response = Response(stored.body, stored.status, stored.headers)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _owner() -> str:
    """The owner of a key: keys of different owners are independent."""
    if user := current_request().caller.user_id:
        return f"user:{user}"
    cart = cart_id()
    return f"cart:{cart}" if cart else "anonymous"


def _fingerprint(command: Command) -> str:
    """Digest of the request's method, path and body. Keyed, since bodies may hold passwords."""
    request_parts = [
        command.method,
        command.path,
        command.body,
        cart_id(),
        order_key(),
        request.headers.get("If-Match"),
    ]
    secret: bytes = current_app.extensions["secret"]
    return hmac.new(secret, orjson.dumps(request_parts, option=orjson.OPT_SORT_KEYS), hashlib.sha256).hexdigest()
