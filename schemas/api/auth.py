"""Accounts, credentials and tokens."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.base import Clean, Email, Id, Idempotency, Request, Schema
from schemas.caller import Caller
from schemas.names import PersonName
from schemas.permissions.roles import RoleName

Password = Annotated[
    str,
    StringConstraints(min_length=8, max_length=128),
    Clean,
    Field(json_schema_extra={"format": "password"}, examples=["correct horse battery"]),
]
"""Long enough to be worth hashing, short enough not to be an attack on the hash (NIST SP 800-63B, 5.1.1.2)."""

AnyPassword = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    Clean,
    Field(json_schema_extra={"format": "password"}),
]
"""A password to verify: the rules for new passwords don't apply to existing ones."""

Token = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[A-Za-z0-9._~+/=-]+$")]


class RegisterRequest(Request):
    """A new customer's account."""

    email: Email
    password: Annotated[Password, Field(repr=False)]
    first_name: PersonName
    last_name: PersonName


class Register(RegisterRequest):
    """Create a customer's account."""

    user_agent: Annotated[str, Field(max_length=500)] | None = None
    address: Annotated[str, Field(max_length=64)] | None = None
    idempotency: Idempotency | None = None


class LoginRequest(Request):
    """Credentials. The reply and its time are the same whether the account exists or not."""

    email: Email
    password: Annotated[AnyPassword, Field(repr=False)]


class Login(LoginRequest):
    """Open a session; user agent and address are shown in the list of sessions."""

    user_agent: Annotated[str, Field(max_length=500)] | None = None
    address: Annotated[str, Field(max_length=64)] | None = None


class RefreshRequest(Request):
    """A refresh token is valid once; a second use ends the session (RFC 9700, 4.14)."""

    refresh_token: Annotated[Token, Field(repr=False)]


class Refresh(RefreshRequest):
    """Exchange a refresh token; a repetition with the same key is not a second use."""

    idempotency: Idempotency | None = None


class LogoutRequest(Request):
    """End the session of this refresh token; without one, that of the access token."""

    refresh_token: Token | None = Field(default=None, repr=False)


class VerifyRequest(Request):
    """The token of a mailed link."""

    token: Annotated[Token, Field(repr=False)]


class ForgotRequest(Request):
    """Request a password reset."""

    email: Email


class ResetRequest(Request):
    """The token of a mailed link, and the new password."""

    token: Annotated[Token, Field(repr=False)]
    password: Annotated[Password, Field(repr=False)]


class ChangePasswordRequest(Request):
    """The current password and the new one."""

    current_password: Annotated[AnyPassword, Field(repr=False)]
    new_password: Annotated[Password, Field(repr=False)]


class ChangePassword(ChangePasswordRequest):
    """Change the caller's password; a new session takes the place of `session_id`, all others end."""

    caller: Caller
    session_id: Id
    user_agent: Annotated[str, Field(max_length=500)] | None = None
    address: Annotated[str, Field(max_length=64)] | None = None


class CreateUser(Request):
    """Create an account with the given roles (operators only)."""

    email: Email
    password: Annotated[Password, Field(repr=False)]
    first_name: PersonName
    last_name: PersonName
    roles: Annotated[list[RoleName], Field(min_length=1, max_length=20)]


class User(Schema):
    """An account."""

    id: str
    email: str
    first_name: str
    last_name: str
    roles: list[str]
    email_verified: bool


class TokenPair(Schema):
    """A short-lived access token, and a refresh token for the next pair."""

    access_token: Annotated[str, Field(repr=False)]
    """JWT (EdDSA), sent as `Authorization: Bearer …`; its key is in the JWKS."""
    refresh_token: Annotated[str, Field(repr=False)]
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: Annotated[int, Field(examples=[900])]
    """Seconds that the access token is good for."""


class SignedIn(TokenPair):
    """The account and its first pair of tokens."""

    user: User


class Jwks(Schema):
    """The public keys that access tokens are signed with (RFC 7517)."""

    keys: list[dict[str, Any]]
