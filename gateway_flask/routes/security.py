"""The caller's sessions, second factor and API keys."""

from flask import Response, request

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller, current_request
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath
from gateway_flask.rpc.calls import call
from schemas.api.auth import SignedIn
from schemas.api.sessions import (
    ApiKeyEntry,
    ApiKeyRequest,
    ConfirmTotp,
    ConfirmTotpRequest,
    CreateApiKey,
    DeleteApiKey,
    EndSession,
    NewApiKey,
    RecoveryCodes,
    RemoveTotp,
    RemoveTotpRequest,
    RenewRecoveryCodes,
    SessionEntry,
    TotpSetup,
    TwoFactorLogin,
    TwoFactorLoginRequest,
    TwoFactorState,
)
from schemas.rpc.auth import AuthRpc

api = Api("security", "Account security", "Sessions, second factor and API keys of the caller.", "/auth")


@api.get("/sessions", reply=SessionEntry, many=True)
def list_sessions() -> Response:
    """List the open sessions of this account."""
    return ok(call(AuthRpc.sessions, caller=caller(), current=current_request().session_id), "Open sessions")


@api.delete("/sessions/<string:id>", reply=None)
def end_session(path: IdPath) -> Response:
    """End a session of this account. Its access token is refused within a second."""
    call(AuthRpc.end_session, EndSession(session_id=path.id, caller=caller()))
    return ok(None, "The session was ended")


@api.get("/2fa", reply=TwoFactorState)
def two_factor_state() -> Response:
    """Get whether a second factor is in use, and how many recovery codes are left."""
    return ok(call(AuthRpc.two_factor_state, caller=caller()), "State of the second factor")


@api.post("/2fa/totp", reply=TotpSetup, limit="sign_in")
def set_up_totp() -> Response:
    """Create a TOTP secret. It is in use once it is confirmed with a code."""
    return ok(call(AuthRpc.set_up_totp, caller=caller()), "Add it to an authenticator app, then confirm with a code")


@api.post("/2fa/totp/confirm", reply=RecoveryCodes, limit="sign_in")
def confirm_totp(body: ConfirmTotpRequest) -> Response:
    """Put the second factor in use. The reply has ten recovery codes, this once."""
    command = ConfirmTotp(**body.given(), caller=caller(), session_id=current_request().session_id)
    return ok(call(AuthRpc.confirm_totp, command), "The second factor is in use; keep the recovery codes safe")


@api.delete("/2fa/totp", reply=None, limit="sign_in")
def remove_totp(body: RemoveTotpRequest) -> Response:
    """Remove the second factor, with password and a code; without a password, with a code."""
    call(AuthRpc.remove_totp, RemoveTotp(**body.given(), caller=caller()))
    return ok(None, "The second factor was removed")


@api.post("/2fa/recovery-codes", reply=RecoveryCodes, limit="sign_in")
def renew_recovery_codes(body: ConfirmTotpRequest) -> Response:
    """Replace the recovery codes, with a code."""
    return ok(
        call(AuthRpc.renew_recovery_codes, RenewRecoveryCodes(**body.given(), caller=caller())),
        "Recovery codes replaced",
    )


@api.post("/2fa/login", reply=SignedIn, limit="sign_in")
def two_factor_login(body: TwoFactorLoginRequest) -> Response:
    """Answer the challenge of a `TWO_FACTOR_REQUIRED` error with a code; each code is valid once."""
    user_agent = (request.headers.get("User-Agent") or "")[:500] or None
    command = TwoFactorLogin(**body.given(), user_agent=user_agent, address=request.remote_addr)
    return ok(call(AuthRpc.two_factor_login, command), "Signed in")


@api.post("/api-keys", reply=NewApiKey, statuses=(201,))
def create_api_key(body: ApiKeyRequest) -> Response:
    """Create an API key, sent as `X-API-Key`. The reply has the key itself, this once."""
    return ok(call(AuthRpc.create_api_key, CreateApiKey(**body.given(), caller=caller())), "Key created", 201)


@api.get("/api-keys", reply=ApiKeyEntry, many=True)
def list_api_keys() -> Response:
    """List the API keys of this account."""
    return ok(call(AuthRpc.api_keys, caller=caller()), "API keys")


@api.delete("/api-keys/<string:id>", reply=None)
def delete_api_key(path: IdPath) -> Response:
    """Delete an API key; it is refused within two seconds."""
    call(AuthRpc.delete_api_key, DeleteApiKey(key_id=path.id, caller=caller()))
    return ok(None, "The key was deleted")
