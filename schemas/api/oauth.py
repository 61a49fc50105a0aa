"""Login by other identity providers (OpenID Connect, OAuth 2)."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from schemas.api.auth import Token
from schemas.base import Id, Moment, Request, Schema
from schemas.caller import Caller

ProviderName = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")]
ReturnAddress = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
CodeChallenge = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""The SHA-256 of a verifier in base64url (RFC 7636, method S256)."""
ProviderCode = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
CodeVerifier = Annotated[str, StringConstraints(min_length=43, max_length=128, pattern=r"^[A-Za-z0-9._~-]+$")]


class ProviderEntry(Schema):
    """A provider that one can sign in with."""

    provider: str
    title: str


class StartQuery(Schema):
    """Begin a login: where the browser returns to, one of the allowed addresses."""

    return_to: ReturnAddress
    code_challenge: CodeChallenge | None = None
    """With it, the code is exchanged by the `code_verifier` only: it binds the login to the page that began it."""


class StartOauth(StartQuery):
    """Begin a login at a provider."""

    provider: ProviderName


class OauthStart(Schema):
    """The provider's page, the login's state, and a secret for the browser's cookie."""

    url: str
    state: Annotated[str, Field(repr=False)]
    browser: Annotated[str, Field(repr=False)]


class CallbackQuery(Schema):
    """The provider's reply (RFC 6749, 4.1.2; RFC 9207). Providers add parameters of their own."""

    model_config = ConfigDict(extra="ignore")

    state: Annotated[str, Field(min_length=1, max_length=200)]
    code: ProviderCode | None = Field(default=None, repr=False)
    error: Annotated[str, Field(max_length=200)] | None = None
    iss: Annotated[str, Field(max_length=500)] | None = None


class FinishOauth(Schema):
    """Finish a login with the provider's reply, in the browser that began it."""

    provider: ProviderName
    state: Annotated[str, Field(min_length=1, max_length=200)]
    browser: Annotated[str, Field(max_length=200, repr=False)]
    code: ProviderCode | None = Field(default=None, repr=False)
    error: Annotated[str, Field(max_length=200)] | None = None
    iss: Annotated[str, Field(max_length=500)] | None = None


class OauthReturn(Schema):
    """Where the browser is sent: the return address with `code`, or with `error`."""

    url: Annotated[str, Field(repr=False)]


class ExchangeRequest(Request):
    """The code that the browser returned with; valid once, for 60 seconds."""

    code: Annotated[Token, Field(repr=False)]
    code_verifier: CodeVerifier | None = Field(default=None, repr=False)
    """The verifier of the `code_challenge`, if the login began with one."""


class ExchangeCode(ExchangeRequest):
    """Open a session by a code."""

    user_agent: Annotated[str, Field(max_length=500)] | None = None
    address: Annotated[str, Field(max_length=64)] | None = None


class IdentityEntry(Schema):
    """An account at a provider that one signs in with."""

    id: str
    provider: str
    title: str
    email: str
    """The address at the provider when it was linked."""
    created_at: Moment
    last_used_at: Moment


class RemoveIdentity(Schema):
    """Remove an identity of the caller."""

    identity_id: Id
    caller: Caller
