"""Sessions, second factors and API keys of an account."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from schemas.api.auth import AnyPassword, Token
from schemas.base import GivenMoment, Id, Line, Moment, Request, Schema
from schemas.caller import Caller
from schemas.permissions.permission import Permission


class SessionEntry(Schema):
    """An open session."""

    id: str
    created_at: Moment
    last_used_at: Moment
    """When it was opened or its tokens were refreshed last."""
    ip: str | None
    user_agent: str | None
    current: bool
    """Whether it is the session of this request."""


class EndSession(Schema):
    """The command to end one of the caller's sessions."""

    session_id: Id
    caller: Caller


Code = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=6, max_length=20, pattern=r"^[0-9A-Za-z\- ]+$"),
    Field(examples=["123456"], repr=False),
]
"""Six digits of an authenticator app, or a recovery code."""


class TotpSetup(Schema):
    """A new TOTP secret (RFC 6238), not in use before it is confirmed."""

    secret: str
    """Base32, to be typed into an authenticator app."""
    otpauth_url: str
    """The same for a QR code."""


class ConfirmTotpRequest(Request):
    """A code of the new second factor."""

    code: Code


class ConfirmTotp(ConfirmTotpRequest):
    """Put the second factor in use; the session `session_id` counts as confirmed by it."""

    caller: Caller
    session_id: Id | None = None


class RemoveTotpRequest(Request):
    """Password and code, to remove the second factor. An account without a password needs the code only."""

    password: AnyPassword | None = Field(default=None, repr=False)
    code: Code


class RemoveTotp(RemoveTotpRequest):
    """Remove the caller's second factor."""

    caller: Caller


class RenewRecoveryCodes(ConfirmTotpRequest):
    """Replace the caller's recovery codes."""

    caller: Caller


class RecoveryCodes(Schema):
    """Ten recovery codes, each valid once. They are shown this once."""

    recovery_codes: list[str]


class TwoFactorState(Schema):
    """The state of the caller's second factor."""

    enabled: bool
    recovery_codes_left: int


class TwoFactorLoginRequest(Request):
    """The challenge of the error `TWO_FACTOR_REQUIRED`, and a code."""

    challenge: Annotated[Token, Field(repr=False)]
    code: Code


class TwoFactorLogin(TwoFactorLoginRequest):
    """Answer a challenge: open a session, or confirm the one that the challenge is for."""

    user_agent: Annotated[str, Field(max_length=500)] | None = None
    address: Annotated[str, Field(max_length=64)] | None = None


class ApiKeyRequest(Request):
    """A new API key: its scopes are permissions that the creator has."""

    name: Line
    scopes: Annotated[list[Annotated[Permission, Field(strict=False)]], Field(min_length=1, max_length=len(Permission))]
    expires_at: GivenMoment | None = None
    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """A limit of its own; None: that of the gateway for API keys."""
    service_account: bool = False
    """The key belongs to no person: it stays valid when its creator loses roles or the account."""


class CreateApiKey(ApiKeyRequest):
    """Create an API key."""

    caller: Caller


class DeleteApiKey(Schema):
    """Delete an API key of the caller, or of a service account."""

    key_id: Id
    caller: Caller


class ApiKeyEntry(Schema):
    """An API key, without the key itself."""

    id: str
    name: str
    prefix: str
    """The key's first characters, to recognise it by."""
    scopes: list[str]
    expires_at: Moment | None
    created_at: Moment
    last_used_at: Moment | None
    """To the minute."""
    requests_per_minute: int | None
    service_account: bool


class NewApiKey(ApiKeyEntry):
    """An API key, with the key itself this once."""

    key: Annotated[str, Field(repr=False)]


class IdentifiedKey(Schema):
    """The caller that an API key stands for."""

    key_id: str
    caller: dict[str, Any]
    requests_per_minute: int | None


class Revoked(Schema):
    """Sessions whose access tokens are refused: id → Unix time at which the last of them expires."""

    sessions: dict[str, int]
