"""Credentials in, tokens out."""

import structlog
from flask import Response, request

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller, cart_id, current_request, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.rpc.calls import call, call_within
from gateway_flask.tracking import behaviour
from schemas.api.auth import (
    ChangePassword,
    ChangePasswordRequest,
    ForgotRequest,
    Login,
    LoginRequest,
    LogoutRequest,
    Refresh,
    RefreshRequest,
    Register,
    RegisterRequest,
    ResetRequest,
    SignedIn,
    TokenPair,
    User,
    VerifyRequest,
)
from schemas.caller import Caller
from schemas.rpc.auth import AuthRpc
from schemas.rpc.cart import CartRpc
from services.chassis.common.errors import DomainError

log = structlog.get_logger()

api = Api("auth", "Auth", "Accounts, sessions and tokens.", "/auth")


@api.post(
    "/register",
    reply=SignedIn,
    statuses=(201,),
    key="may",
    limit="sign_in",
    headers=("X-Cart-Id", "X-Session-Id"),
)
def register(body: RegisterRequest) -> Response:
    """Register an account. The guest's cart that `X-Cart-Id` names becomes the customer's."""
    command = Register(**body.given(), idempotency=idempotency(), user_agent=_user_agent(), address=request.remote_addr)
    signed_in = call(AuthRpc.register, command)
    merge_guest_data(signed_in.value)
    return ok(signed_in, "Account registered", 201)


@api.post("/login", reply=SignedIn, limit="sign_in", headers=("X-Cart-Id", "X-Session-Id"))
def login(body: LoginRequest) -> Response:
    """Log in. The guest's cart that `X-Cart-Id` names is merged into the customer's."""
    command = Login(**body.given(), user_agent=_user_agent(), address=request.remote_addr)
    signed_in = call(AuthRpc.login, command)
    merge_guest_data(signed_in.value)
    return ok(signed_in, "Signed in")


@api.post("/refresh", reply=TokenPair, key="may", limit="sign_in")
def refresh(body: RefreshRequest) -> Response:
    """Exchange a refresh token for the next pair. Each is valid once; a second use ends the session.

    A client that got no reply repeats the request with the same `Idempotency-Key`: that is not a second use.
    """
    return ok(call(AuthRpc.refresh, Refresh(**body.given(), idempotency=idempotency())), "Refreshed")


@api.post("/logout", reply=None)
def logout(body: LogoutRequest) -> Response:
    """Log out: end the session of the refresh token sent, else that of the access token."""
    if body.refresh_token is not None:
        call(AuthRpc.logout, refresh_token=body.refresh_token)
    else:
        call(AuthRpc.logout, session_id=current_request().session_id)
    return ok(None, "Signed out")


@api.post("/logout-all", reply=None)
def logout_all() -> Response:
    """End all sessions of this account."""
    call(AuthRpc.logout_all, caller=caller())
    return ok(None, "Signed out everywhere")


@api.post("/verify-email", reply=User, limit="sign_in")
def verify_email(body: VerifyRequest) -> Response:
    """Verify a mail address by the token of the mailed link. Idempotent."""
    return ok(call(AuthRpc.verify_email, body), "Your address is verified")


@api.post("/verify-email/resend", reply=None, statuses=(202,), limit="sign_in")
def resend_verification() -> Response:
    """Mail another verification link: at most one a minute, five a day. Earlier links stay valid."""
    call(AuthRpc.resend_verification, caller=caller())
    return ok(None, "A mail is on its way", 202)


@api.post("/password/forgot", reply=None, statuses=(202,), limit="sign_in")
def forgot_password(body: ForgotRequest) -> Response:
    """Request a password reset by mail. The reply is the same whether or not there is an account."""
    call(AuthRpc.forgot_password, body)
    return ok(None, "If there is an account with this address, a mail is on its way", 202)


@api.post("/password/reset", reply=None, limit="sign_in")
def reset_password(body: ResetRequest) -> Response:
    """Reset the password by the token of the mailed link, which is valid once; all sessions end."""
    call(AuthRpc.reset_password, body)
    return ok(None, "Your password is changed; sign in with it")


@api.post("/password/change", reply=SignedIn, limit="sign_in")
def change_password(body: ChangePasswordRequest) -> Response:
    """Change the password. All sessions end, this one too; the reply has the tokens of a new one."""
    command = ChangePassword(
        **body.given(),
        caller=caller(),
        session_id=str(current_request().session_id),
        user_agent=_user_agent(),
        address=request.remote_addr,
    )
    changed = call(AuthRpc.change_password, command)
    return ok(changed, "Your password is changed")


@api.get("/me", reply=User)
def me() -> Response:
    """Get the account of the caller."""
    return ok(call(AuthRpc.me, caller=caller()), "Account")


def _user_agent() -> str | None:
    return (request.headers.get("User-Agent") or "")[:500] or None


def merge_guest_data(signed_in: SignedIn) -> None:
    """Attach the tracked session and the guest's cart to the account; a failure does not fail the sign-in."""
    user = signed_in.user
    behaviour.identify_session(user.id)
    cart = cart_id()
    if cart is None:
        return
    try:
        call_within(2.0, CartRpc.merge, cart_id=cart, caller=Caller(user_id=user.id, roles=list(user.roles)))
    except DomainError as error:
        log.warning("cart_not_merged", code=error.code)
