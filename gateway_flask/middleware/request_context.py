"""The request context: request id, caller, session, idempotency key."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from flask import g, request

from gateway_flask.middleware.api_keys import IdentifiedKey
from schemas.base import Idempotency
from schemas.caller import Caller
from services.chassis.common import ids
from services.chassis.common.context import new_traceparent
from services.chassis.common.errors import ValidationFailed
from services.chassis.observability import audit_records

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_CART_ID: Final = re.compile(r"[A-Za-z0-9_\-]{16,64}")
_ORDER_KEY: Final = re.compile(r"[A-Za-z0-9_\-]{8,200}")

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
NOBODY: Final = Caller()


class RequestContext:
    """The context of one request."""

    __slots__ = (
        "api_key",
        "caller",
        "expires_at",
        "idempotency",
        "is_guest",
        "json",
        "name",
        "reads",
        "request_id",
        "session_id",
        "started",
        "traceparent",
    )

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.request_id = request_id_of(request.environ)
        trace = request.environ.get("HTTP_TRACEPARENT", "")
        self.traceparent: str = trace if _TRACEPARENT.fullmatch(trace) else new_traceparent()
        self.caller: Caller = NOBODY
        self.is_guest = False
        """Whether the reply is computed for everybody, whoever has sent the request."""
        self.api_key: IdentifiedKey | None = None
        """The API key that was sent instead of a token."""
        self.session_id: str | None = None
        self.expires_at: float | None = None
        """Unix time at which the token expires."""
        self.name: str | None = None
        """The caller's name, from the token."""
        self.idempotency: Idempotency | None = None
        """The command's identity, as the services take it."""
        self.json: Any = None
        """The parsed body."""
        self.reads = request.environ["REQUEST_METHOD"] in _READING
        """Whether it changes nothing; GraphQL's queries are POSTed."""

    @contextmanager
    def as_guest(self) -> Iterator[None]:
        """Compute a reply for everybody: there is no caller meanwhile, no cart and no key of an order."""
        sender, self.caller, self.is_guest = self.caller, NOBODY, True
        try:
            yield
        finally:
            self.caller, self.is_guest = sender, False

    def context(self) -> dict[str, Any]:
        """The values passed on with every RPC of the request."""
        carried: dict[str, Any] = {
            "request_id": self.request_id,
            "user_id": self.caller.user_id,
            "session_id": self.session_id,
            "traceparent": self.traceparent,
        }
        reading = self.reads and not request.path.endswith("/export")
        if not reading:  # what may change something is audited, and what takes much along
            agent = request.environ.get("HTTP_USER_AGENT")
            carried["actor"] = audit_records.actor_context(
                self.caller.email,
                self.caller.roles,
                request.remote_addr,
                agent,
                self.api_key.id if self.api_key else None,
            )
        return carried


def request_id_of(environ: dict[str, Any]) -> str:
    """The request's id: the client's, from `X-Request-Id`, or a new one when that is missing or malformed."""
    sent: str = environ.get("HTTP_X_REQUEST_ID", "")
    return sent if _SANE_ID.fullmatch(sent) else ids.new_id()


def begin() -> None:
    """Start the context of a request; runs first."""
    g.request_context = RequestContext()


def current_request() -> RequestContext:
    """The context of the current request."""
    context: RequestContext = g.request_context
    return context


def caller() -> Caller:
    """The caller of the current request, with a guest's `X-Order-Key`, as the services take it."""
    context = current_request()
    identified, key = context.caller, None if context.is_guest else order_key()
    return identified if key is None else identified.model_copy(update={"order_key": key})


def idempotency() -> Idempotency | None:
    """The command's identity, where the client sent an `Idempotency-Key`."""
    return current_request().idempotency


def cart_id() -> str | None:
    """The guest's cart id, from the header `X-Cart-Id`."""
    _check_personal()
    return _header("HTTP_X_CART_ID", "X-Cart-Id", _CART_ID)


def valid_cart_id() -> str | None:
    """The guest's cart, or None if the header is missing or malformed: for routes that do without a cart."""
    _check_personal()
    sent = request.environ.get("HTTP_X_CART_ID")
    return sent if sent and _CART_ID.fullmatch(sent) else None


def order_key() -> str | None:
    """The guest's access key to an order, from the header `X-Order-Key`; a malformed one is ignored."""
    sent = request.environ.get("HTTP_X_ORDER_KEY")
    return sent if sent and _ORDER_KEY.fullmatch(sent) else None


def _check_personal() -> None:
    if current_request().is_guest:
        raise RuntimeError("a reply for everybody depends on a cart")


def _header(key: str, name: str, shape: re.Pattern[str]) -> str | None:
    sent: str | None = request.environ.get(key)
    if not sent:
        return None
    if not shape.fullmatch(sent):
        raise ValidationFailed.of(name, "is not an id of ours")
    return sent
