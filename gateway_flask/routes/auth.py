"""Credentials in, tokens out."""

from typing import Any

import structlog
from flask import Response, request

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import cart_id, current_request, idempotency, user_id
from gateway_flask.openapi.endpoints import Api
from gateway_flask.rpc.calls import call
from gateway_flask.tracking import producer
from schemas.api.auth import (
    ChangePasswordRequest,
    ForgotRequest,
    LoginRequest,
    LogoutRequest,
    RefreshRequest,
    RegisterRequest,
    ResetRequest,
    SignedIn,
    TokenPair,
    User,
    VerifyRequest,
)
from services.chassis.common.errors import DomainError

log = structlog.get_logger()

api = Api("auth", "Auth", "Accounts, sessions and tokens.", "/auth")


@api.post(
    "/register",
    reply=SignedIn,
    statuses=(201,),
    who=Who.ANYONE,
    key="may",
    limit="sign_in",
    headers=("X-Cart-Id", "X-Session-Id"),
)
def register(body: RegisterRequest) -> Response:
    """Open an account. The guest's cart that `X-Cart-Id` names goes along."""
    signed_in = call("auth", "register", **body.model_dump(), idempotency=idempotency())
    _take_along(signed_in)
    return ok(signed_in, "Welcome", 201)


@api.post("/login", reply=SignedIn, who=Who.ANYONE, limit="sign_in", headers=("X-Cart-Id", "X-Session-Id"))
def login(body: LoginRequest) -> Response:
    """Sign in. The guest's cart that `X-Cart-Id` names is merged into the customer's."""
    signed_in = call(
        "auth",
        "login",
        **body.model_dump(),
        user_agent=(request.headers.get("User-Agent") or "")[:500] or None,
        address=request.remote_addr,
    )
    _take_along(signed_in)
    return ok(signed_in, "Signed in")


@api.post("/refresh", reply=TokenPair, who=Who.ANYONE, limit="sign_in")
def refresh(body: RefreshRequest) -> Response:
    """Swap a refresh token for the next pair. Each is good once; a second use ends the session."""
    return ok(call("auth", "refresh", **body.model_dump()), "Refreshed")


@api.post("/logout", reply=None, who=Who.SIGNED_IN)
def logout(body: LogoutRequest) -> Response:
    """End this session: the one of the refresh token sent, else the one of the access token."""
    which = body.model_dump(exclude_none=True) or {"session_id": current_request().session_id}
    call("auth", "logout", **which)
    return ok(None, "Signed out")


@api.post("/logout-all", reply=None, who=Who.SIGNED_IN)
def logout_all() -> Response:
    """End every session of this account."""
    call("auth", "logout_all", user_id=user_id())
    return ok(None, "Signed out everywhere")


@api.post("/verify-email", reply=User, who=Who.ANYONE, limit="sign_in")
def verify_email(body: VerifyRequest) -> Response:
    """Where the link of the mail leads: the address is verified. The same link again says the same."""
    return ok(call("auth", "verify_email", **body.model_dump()), "Your address is verified")


@api.post("/verify-email/resend", reply=None, statuses=(202,), who=Who.SIGNED_IN, limit="sign_in")
def resend_verification() -> Response:
    """Mail another link that verifies the address: one a minute, five a day. The links before it stay good."""
    call("auth", "verify_again", user_id=user_id())
    return ok(None, "A mail is on its way", 202)


@api.post("/password/forgot", reply=None, statuses=(202,), who=Who.ANYONE, limit="sign_in")
def forgot_password(body: ForgotRequest) -> Response:
    """Mail a link for a new password. The answer is the same whether or not there is an account."""
    call("auth", "forgot_password", **body.model_dump())
    return ok(None, "If there is an account with this address, a mail is on its way", 202)


@api.post("/password/reset", reply=None, who=Who.ANYONE, limit="sign_in")
def reset_password(body: ResetRequest) -> Response:
    """Set a new password by the link of the mail; it works once, and ends every session."""
    call("auth", "reset_password", **body.model_dump())
    return ok(None, "Your password is changed; sign in with it")


@api.post("/password/change", reply=None, who=Who.SIGNED_IN, limit="sign_in")
def change_password(body: ChangePasswordRequest) -> Response:
    """Set another password; all other sessions end."""
    call("auth", "change_password", **body.model_dump(), user_id=user_id(), session_id=current_request().session_id)
    return ok(None, "Your password is changed")


@api.get("/me", reply=User, who=Who.SIGNED_IN)
def me() -> Response:
    """The account that is signed in."""
    return ok(call("auth", "me", user_id=user_id()), "You")


def _take_along(signed_in: dict[str, Any]) -> None:
    """A convenience: that the cart can't be had now keeps nobody from signing in. So for the visit."""
    producer.identify_session(signed_in["user"]["id"])
    cart = cart_id()
    if cart is None:
        return
    try:
        call("cart", "merge", cart_id=cart, user_id=signed_in["user"]["id"], deadline=2.0)
    except DomainError as error:
        log.warning("cart_not_merged", code=error.code)
