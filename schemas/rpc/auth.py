"""RPC interface of the auth service."""

from typing import Protocol

from schemas.api.auth import (
    ChangePassword,
    CreateUser,
    ForgotRequest,
    Jwks,
    Login,
    RefreshRequest,
    Register,
    ResetRequest,
    SignedIn,
    Token,
    TokenPair,
    User,
    VerifyRequest,
)
from schemas.base import Caller, Id


class AuthRpc(Protocol):
    """Accounts, sessions and tokens."""

    def register(self, command: Register) -> SignedIn:
        """Create a customer's account and open a session.

        Idempotent under `command.idempotency`. Raises `Conflict` for an address that has an account.
        """
        ...

    def create_user(self, command: CreateUser) -> User:
        """Create an account with the given roles. Raises `Conflict` for an address that has an account."""
        ...

    def login(self, command: Login) -> SignedIn:
        """Open a session. Raises `InvalidCredentials`, in the same time whether or not the account exists."""
        ...

    def refresh(self, command: RefreshRequest) -> TokenPair:
        """Exchange a refresh token for the next pair. Raises `Unauthenticated`; a reused token ends its session."""
        ...

    def logout(self, refresh_token: Token | None = None, session_id: Id | None = None) -> None:
        """End the session of a refresh token, or the session named. Idempotent."""
        ...

    def logout_all(self, caller: Caller) -> None:
        """End all sessions of the caller."""
        ...

    def me(self, caller: Caller) -> User:
        """Get the caller's account. Raises `NotFound`."""
        ...

    def get_account(self, user_id: Id) -> User:
        """Get an account by id. Raises `NotFound`."""
        ...

    def verify_email(self, command: VerifyRequest) -> User:
        """Verify the mail address that a mailed link belongs to. Idempotent. Raises `ValidationFailed`."""
        ...

    def resend_verification(self, caller: Caller) -> None:
        """Mail another link for verifying the address. Raises `RateLimited` beyond one a minute or five a day."""
        ...

    def forgot_password(self, command: ForgotRequest) -> None:
        """Request a password reset; nothing in the reply or its time shows whether the account exists."""
        ...

    def reset_password(self, command: ResetRequest) -> None:
        """Set a new password by a mailed link and end all sessions. Raises `ValidationFailed` for a used link."""
        ...

    def change_password(self, command: ChangePassword) -> None:
        """Change the caller's password; all other sessions end. Raises `ValidationFailed` on `current_password`."""
        ...

    def jwks(self) -> Jwks:
        """Get the public keys of access tokens (RFC 7517)."""
        ...
