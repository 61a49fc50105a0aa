"""Authentication: access tokens (JWT, EdDSA) are checked with the public keys of auth, without a call per request."""

import threading
import time
from typing import Any, Final

import structlog
from flask import Flask, current_app, request
from flask_jwt_extended import JWTManager, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError
from jwt import ExpiredSignatureError, PyJWK, PyJWTError

from gateway_flask.middleware.request_context import current_request
from gateway_flask.rpc import calls
from schemas.access_tokens import AUDIENCE, ISSUER
from schemas.caller import Caller
from schemas.permissions.access import Access, Kind
from schemas.rpc.auth import AuthRpc
from services.chassis.common.errors import DomainError, TokenExpired, Unauthenticated
from services.chassis.messaging.authorization import check

log = structlog.get_logger()

ALGORITHM: Final = "EdDSA"
STEP_UP_SECONDS: Final = 600
"""Seconds for which a code of the second factor counts as recent."""
REFRESH_SECONDS: Final = 5.0
"""Seconds between fetches of the keys, whatever key ids clients invent."""


KEEP_SECONDS: Final = 60.0
"""Age of the keys after which they are fetched again, so that tokens of a retired key are refused."""


class Keys:
    """Public keys by id. An unknown id triggers a fetch, so that a rotated key works at once."""

    def __init__(self) -> None:
        self._keys: dict[str, Any] = {}
        self._fetched_at = -REFRESH_SECONDS
        self._lock = threading.Lock()

    def find(self, header: dict[str, Any]) -> Any:
        """The key that a token names in its header."""
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise Unauthenticated("The token does not say which key it is signed with")
        if kid not in self._keys:
            self._refresh()
        elif time.monotonic() - self._fetched_at >= KEEP_SECONDS:
            self._refresh_while_others_go_on()
        if kid not in self._keys:
            raise Unauthenticated("The token is signed with an unknown key")
        return self._keys[kid]

    def _refresh(self) -> None:
        with self._lock:
            if time.monotonic() - self._fetched_at >= REFRESH_SECONDS:
                self._fetch()

    def _refresh_while_others_go_on(self) -> None:
        """Fetch in one thread; while auth can't be reached the present keys stay, and 5 s pass between attempts."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._fetch()
        except DomainError as unavailable:
            log.warning("keys_not_fetched", error=str(unavailable))
            self._fetched_at = time.monotonic() - KEEP_SECONDS + REFRESH_SECONDS
        finally:
            self._lock.release()

    def _fetch(self) -> None:
        jwks = calls.call_within(2.0, AuthRpc.jwks).value
        self._keys = {key["kid"]: PyJWK.from_dict(key).key for key in jwks.keys}
        self._fetched_at = time.monotonic()


def install(app: Flask) -> None:
    """Set up flask-jwt-extended: EdDSA, auth's keys, the Authorization header only."""
    app.config.update(
        JWT_ALGORITHM=ALGORITHM,
        JWT_DECODE_ALGORITHMS=[ALGORITHM],
        JWT_TOKEN_LOCATION=["headers"],
        JWT_DECODE_LEEWAY=5,
        JWT_DECODE_ISSUER=ISSUER,
        JWT_DECODE_AUDIENCE=AUDIENCE,
    )
    manager = JWTManager(app)
    keys = Keys()

    @manager.decode_key_loader
    def key_of(header: dict[str, Any], _claims: dict[str, Any]) -> Any:
        return keys.find(header)


def identify(access: Access) -> None:
    """Set the request's caller. Raises `Unauthenticated` or `Forbidden` for one who may not use the route.

    Public routes ignore credentials: an expired token doesn't prevent a new login.
    """
    if access.kind is Kind.PUBLIC:
        return
    here = current_request()
    if "HTTP_AUTHORIZATION" in request.environ:
        claims = _claims()
        here.session_id, here.name, here.expires_at = claims.get("sid"), claims.get("name"), claims.get("exp")
        if here.session_id in current_app.extensions["revocations"]:
            raise Unauthenticated("The session has ended: log in again")
        here.caller = _caller(claims)
    elif "HTTP_X_API_KEY" in request.environ:
        key = current_app.extensions["api_keys"].identify(request.environ["HTTP_X_API_KEY"])
        here.api_key, here.caller = key, key.caller
    check(access, here.caller)


def _caller(claims: dict[str, Any]) -> Caller:
    """The caller of a verified token. Only what differs from the defaults is set, and goes over the wire."""
    caller = {"user_id": claims["sub"], "roles": claims.get("roles") or [], "email": claims.get("email")}
    if not claims.get("email_verified", True):
        caller["email_verified"] = False
    if claims.get("2fa") == "missing":
        caller["second_factor"] = "missing"
    elif claims.get("2fa") == "enabled" and claims.get("2fa_at", 0) < time.time() - STEP_UP_SECONDS:
        caller["second_factor"] = "due"
    return Caller.model_construct(**caller)


def _claims() -> dict[str, Any]:
    try:
        verified = verify_jwt_in_request()
    except ExpiredSignatureError:
        raise TokenExpired from None
    except NoAuthorizationError:
        raise Unauthenticated("Send the access token as `Authorization: Bearer …`") from None
    except (PyJWTError, JWTExtendedException, ValueError) as error:
        raise Unauthenticated("The access token is not one of ours") from error
    assert verified is not None
    return verified[1]
