"""RPC interface of the auth service."""

from typing import Protocol

from schemas.api.accounts import AccountEntry, AccountQuery, Group, PutGroup, SetRoles, UpdateAccount
from schemas.api.auth import (
    ChangePassword,
    CreateUser,
    ForgotRequest,
    Jwks,
    Login,
    Refresh,
    Register,
    ResetRequest,
    SignedIn,
    Token,
    TokenPair,
    User,
    VerifyRequest,
)
from schemas.api.oauth import (
    ExchangeCode,
    FinishOauth,
    IdentityEntry,
    OauthReturn,
    OauthStart,
    ProviderEntry,
    RemoveIdentity,
    StartOauth,
)
from schemas.api.privacy import EraseAccount, EraseUser, Erasure
from schemas.api.sessions import (
    ApiKeyEntry,
    ConfirmTotp,
    CreateApiKey,
    DeleteApiKey,
    EndSession,
    IdentifiedKey,
    NewApiKey,
    RecoveryCodes,
    RemoveTotp,
    RenewRecoveryCodes,
    Revoked,
    SessionEntry,
    TotpSetup,
    TwoFactorLogin,
    TwoFactorState,
)
from schemas.base import Id, Page, Slug
from schemas.caller import Caller


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

    def refresh(self, command: Refresh) -> TokenPair:
        """Exchange a refresh token for the next pair. Raises `Unauthenticated`; a reused token ends its session.

        Repeated by the same request, or with the same idempotency key, it replies another pair while the first one is
        unused.
        """
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

    def change_password(self, command: ChangePassword) -> SignedIn:
        """Change the caller's password: all sessions end; returns the tokens of a new one in place of `session_id`.

        Raises `ValidationFailed` on `current_password`, `InvalidState` for an account without a password,
        `Unauthenticated` when the session has ended.
        """
        ...

    def sessions(self, caller: Caller, current: Id | None = None) -> list[SessionEntry]:
        """List the caller's open sessions; `current` is the session of the request."""
        ...

    def end_session(self, command: EndSession) -> None:
        """End one of the caller's sessions; its access token is refused within a second. Raises `NotFound`."""
        ...

    def revocations(self) -> Revoked:
        """Get the ended sessions whose access tokens haven't expired, for gateways that can't read them in Redis."""
        ...

    def two_factor_state(self, caller: Caller) -> TwoFactorState:
        """Get whether the caller has a second factor, and the number of unused recovery codes."""
        ...

    def set_up_totp(self, caller: Caller) -> TotpSetup:
        """Create a TOTP secret, not in use before it is confirmed. Raises `InvalidState` when there is one in use."""
        ...

    def confirm_totp(self, command: ConfirmTotp) -> RecoveryCodes:
        """Put the second factor in use. Raises `InvalidState`, `ValidationFailed` on `code`, `RateLimited`."""
        ...

    def remove_totp(self, command: RemoveTotp) -> None:
        """Remove the second factor. Raises `ValidationFailed` on `password` or `code`, `RateLimited`."""
        ...

    def renew_recovery_codes(self, command: RenewRecoveryCodes) -> RecoveryCodes:
        """Replace the recovery codes. Raises `ValidationFailed` on `code`, `RateLimited`."""
        ...

    def two_factor_login(self, command: TwoFactorLogin) -> SignedIn:
        """Answer a challenge with a code, which is valid once.

        Raises `Unauthenticated` for a challenge that is not valid any more, `ValidationFailed` on `code`,
        `RateLimited` after ten wrong codes.
        """
        ...

    def oauth_providers(self) -> list[ProviderEntry]:
        """List the identity providers that one can sign in with."""
        ...

    def start_oauth(self, command: StartOauth) -> OauthStart:
        """Begin a login at a provider.

        Raises `NotFound`, `ValidationFailed` on `return_to`, `ServiceUnavailable` when the provider can't be reached.
        """
        ...

    def finish_oauth(self, command: FinishOauth) -> OauthReturn:
        """Finish a login with the provider's reply. A refusal is part of the address.

        Raises `Unauthenticated` for a state that is unknown, used, or another browser's.
        """
        ...

    def exchange_oauth_code(self, command: ExchangeCode) -> SignedIn:
        """Open a session by a code. Raises `Unauthenticated`, `TwoFactorRequired`, `InvalidCredentials`."""
        ...

    def identities(self, caller: Caller) -> list[IdentityEntry]:
        """List the caller's identities at providers."""
        ...

    def remove_identity(self, command: RemoveIdentity) -> None:
        """Remove one of the caller's identities. Raises `NotFound`, `InvalidState` for the last way to sign in."""
        ...

    def create_api_key(self, command: CreateApiKey) -> NewApiKey:
        """Create an API key. Raises `ValidationFailed` on `scopes`, `Forbidden`, `Conflict` beyond 50 keys."""
        ...

    def api_keys(self, caller: Caller) -> list[ApiKeyEntry]:
        """List the caller's API keys; for administrators those of service accounts as well."""
        ...

    def delete_api_key(self, command: DeleteApiKey) -> None:
        """Delete an API key. Raises `NotFound`."""
        ...

    def identify_key(self, key: str) -> IdentifiedKey:
        """Get the caller that an API key stands for. Raises `Unauthenticated`."""
        ...

    def accounts(self, query: AccountQuery, caller: Caller) -> Page[AccountEntry]:
        """List accounts by filters."""
        ...

    def account(self, user_id: Id, caller: Caller) -> AccountEntry:
        """Get an account. Raises `NotFound`."""
        ...

    def update_account(self, command: UpdateAccount) -> AccountEntry:
        """Change names, status or groups; disabling ends all sessions.

        Raises `NotFound`, `Forbidden` for an account with permissions that the caller lacks, `InvalidState`.
        """
        ...

    def set_roles(self, command: SetRoles) -> AccountEntry:
        """Replace the roles of an account; its sessions end. Raises `NotFound`, `Forbidden`, `ValidationFailed`."""
        ...

    def groups(self, caller: Caller) -> list[Group]:
        """List the groups of customers."""
        ...

    def group(self, name: Slug, caller: Caller) -> Group:
        """Get a group. Raises `NotFound`."""
        ...

    def put_group(self, command: PutGroup) -> Group:
        """Create or rename a group. Raises `Conflict` beyond 1,000, `PreconditionFailed`; version 0: none yet."""
        ...

    def delete_group(self, name: Slug, caller: Caller, expected_version: int | None = None) -> None:
        """Delete a group; its members leave it. Raises `NotFound`, `PreconditionFailed`."""
        ...

    def erase_account(self, command: EraseAccount) -> Erasure:
        """Erase the caller's account: its sessions end, and all services erase or pseudonymise the person's data.

        Raises `ValidationFailed` on `password`, `Unauthenticated` for an account without a password whose sign-in is
        older than ten minutes, `InvalidState` for accounts of staff and vendors, `RateLimited`.
        """
        ...

    def erase_user(self, command: EraseUser) -> Erasure:
        """Erase the account of a person who has requested it, as `erase_account` does.

        Raises `NotFound`, `InvalidState` for the own account and for accounts of staff and vendors.
        """
        ...

    def jwks(self) -> Jwks:
        """Get the public keys of access tokens (RFC 7517)."""
        ...
