"""Login by other identity providers. Browsers follow `start` and `callback`; scripts exchange the code."""

import hashlib

from flask import Response, request

from gateway_flask.http.envelope import PRIVATE, ok
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import PREFIX, Api
from gateway_flask.routes.auth import _merge_guest_data
from gateway_flask.routes.paths import IdPath, OauthPath
from gateway_flask.rpc.calls import call, call_within
from schemas.api.auth import SignedIn
from schemas.api.oauth import (
    CallbackQuery,
    ExchangeCode,
    ExchangeRequest,
    FinishOauth,
    IdentityEntry,
    ProviderEntry,
    RemoveIdentity,
    StartOauth,
    StartQuery,
)
from schemas.rpc.auth import AuthRpc

PROVIDER_SECONDS = 12.0
"""Up to four requests to the provider."""

api = Api("oauth", "Login by providers", "Login by OpenID Connect providers and GitHub.", "/auth")


@api.get("/oauth", reply=ProviderEntry, many=True)
def list_oauth_providers() -> Response:
    """List the providers that one can sign in with."""
    return ok(call(AuthRpc.oauth_providers), "Providers")


@api.get("/oauth/<string:provider>/start", reply=None, statuses=(302,), limit="sign_in")
def start_oauth(path: OauthPath, query: StartQuery) -> Response:
    """Begin a login: redirect the browser to the provider. `return_to` must be one of the allowed addresses."""
    command = StartOauth(provider=path.provider, **query.model_dump())
    started = call_within(PROVIDER_SECONDS, AuthRpc.start_oauth, command).value
    response = _redirect(started.url)
    response.set_cookie(
        _cookie(started.state),
        started.browser,
        max_age=600,
        path=f"{PREFIX}/auth/oauth/{path.provider}/",
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


@api.get("/oauth/<string:provider>/callback", reply=None, statuses=(302,), limit="sign_in")
def finish_oauth(path: OauthPath, query: CallbackQuery) -> Response:
    """Finish a login with the provider's reply: redirect to `return_to?code=`, or to `return_to?error=`.

    Errors are `EMAIL_NOT_VERIFIED` (at the provider), `UNAUTHENTICATED` (refused there, or a reply that is not valid)
    and `FORBIDDEN` (a disabled account).
    """
    cookie = _cookie(query.state)
    command = FinishOauth(provider=path.provider, browser=request.cookies.get(cookie, "")[:200], **query.model_dump())
    response = _redirect(call_within(PROVIDER_SECONDS, AuthRpc.finish_oauth, command).value.url)
    response.delete_cookie(cookie, path=f"{PREFIX}/auth/oauth/{path.provider}/")
    return response


@api.post("/oauth/exchange", reply=SignedIn, limit="sign_in", headers=("X-Cart-Id", "X-Session-Id"))
def exchange_oauth_code(body: ExchangeRequest) -> Response:
    """Exchange the code of `return_to` for tokens: once, within 60 seconds.

    A second factor is asked for as at a login by password. Begin with a `code_challenge` and send its `code_verifier`
    here, so that nobody can make your page exchange another login's code.
    """
    user_agent = (request.headers.get("User-Agent") or "")[:500] or None
    signed_in = call(
        AuthRpc.exchange_oauth_code, ExchangeCode(**body.given(), user_agent=user_agent, address=request.remote_addr)
    )
    _merge_guest_data(signed_in.value)
    return ok(signed_in, "Signed in")


@api.get("/identities", reply=IdentityEntry, many=True)
def list_identities() -> Response:
    """List the accounts at providers that this account is signed in with."""
    return ok(call(AuthRpc.identities, caller=caller()), "Identities")


@api.delete("/identities/<string:id>", reply=None)
def remove_identity(path: IdPath) -> Response:
    """Remove an identity, unless it is the only way to sign in."""
    call(AuthRpc.remove_identity, RemoveIdentity(identity_id=path.id, caller=caller()))
    return ok(None, "The identity was removed")


def _redirect(url: str) -> Response:
    return Response(status=302, headers={"Location": url, "Cache-Control": PRIVATE, "Referrer-Policy": "no-referrer"})


def _cookie(state: str) -> str:
    """The cookie of a login: one for each, so that two tabs don't disturb each other."""
    return f"oauth_{hashlib.sha256(state.encode()).hexdigest()[:16]}"
