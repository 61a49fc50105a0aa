"""Events of accounts and sessions."""

from schemas.events.base import Event


class UserRegistered(Event, source="auth", subject="user_id", version=1):
    """An account was created."""

    user_id: str
    email: str
    first_name: str
    last_name: str
    roles: list[str]


class UserLoggedIn(Event, source="auth", subject="user_id", version=1):
    """A user signed in, with this user agent from this address."""

    user_id: str
    session_id: str
    user_agent: str | None = None
    address: str | None = None


class UserLoggedOut(Event, source="auth", subject="user_id", version=1):
    """A user ended one session or all."""

    user_id: str
    session_id: str | None = None


class RefreshTokenReused(Event, source="auth", subject="user_id", version=1):
    """A refresh token was used a second time and may be stolen; its session was ended."""

    user_id: str
    session_id: str


class EmailVerificationRequested(Event, source="auth", subject="user_id", version=1):
    """A verification link must be mailed. The link's token is derived from `ticket` and the instance's secret."""

    user_id: str
    email: str
    ticket: str


class EmailVerified(Event, source="auth", subject="user_id", version=1):
    """The account's mail address was verified."""

    user_id: str


class PasswordResetRequested(Event, source="auth", subject="user_id", version=1):
    """A password reset link must be mailed. The link's token is derived from `ticket` and the instance's secret."""

    user_id: str
    email: str
    ticket: str


class PasswordChanged(Event, source="auth", subject="user_id", version=1):
    """The account's password was changed and sessions were ended."""

    user_id: str


class SecondFactorChanged(Event, source="auth", subject="user_id", version=1):
    """The account's second factor was put in use, or removed."""

    user_id: str
    enabled: bool


class RolesAssigned(Event, source="auth", subject="user_id", version=1):
    """The account has other roles; all its sessions were ended."""

    user_id: str
    roles: list[str]


class AccountDisabled(Event, source="auth", subject="user_id", version=1):
    """An administrator disabled the account; all its sessions were ended."""

    user_id: str


class AccountEnabled(Event, source="auth", subject="user_id", version=1):
    """An administrator enabled the account again."""

    user_id: str


class AccountRenamed(Event, source="auth", subject="user_id", version=1):
    """An administrator changed the account's name."""

    user_id: str
    first_name: str
    last_name: str


class RegistrationAttempted(Event, source="auth", subject="user_id", version=1):
    """Somebody tried to register an address that has an account; its owner is told by mail."""

    user_id: str
    email: str


class IdentityLinked(Event, source="auth", subject="user_id", version=1):
    """An account can be signed in to by a provider's account; `email` is where its owner is told."""

    user_id: str
    identity_id: str
    provider: str
    title: str
    email: str


class IdentityRemoved(Event, source="auth", subject="user_id", version=1):
    """An account can't be signed in to by a provider's account any more."""

    user_id: str
    identity_id: str
    provider: str


class AccountErased(Event, source="auth", subject="user_id", version=1):
    """A person had the account erased; its sessions were ended, and the other services erase the person's data."""

    user_id: str
    erasure_id: str
    email: str
    email_verified: bool
