"""What happens to accounts and sessions."""

from schemas.events.base import Event


class UserRegistered(Event, source="auth", subject="user_id", version=1):
    """Somebody has an account."""

    user_id: str
    email: str
    first_name: str
    last_name: str
    roles: list[str]


class UserLoggedIn(Event, source="auth", subject="user_id", version=1):
    """Somebody has signed in, on this device and from there."""

    user_id: str
    session_id: str
    user_agent: str | None = None
    address: str | None = None


class UserLoggedOut(Event, source="auth", subject="user_id", version=1):
    """Sessions were ended by their owner: one, or all."""

    user_id: str
    session_id: str | None = None


class RefreshTokenReused(Event, source="auth", subject="user_id", version=1):
    """A refresh token came a second time: it may be stolen, so its session was ended."""

    user_id: str
    session_id: str


class EmailVerificationRequested(Event, source="auth", subject="user_id", version=1):
    """A link is to be mailed that verifies the address: `ticket` names it, the instance's secret makes it."""

    user_id: str
    email: str
    ticket: str


class EmailVerified(Event, source="auth", subject="user_id", version=1):
    """Mails to the account's address reach its owner."""

    user_id: str


class PasswordResetRequested(Event, source="auth", subject="user_id", version=1):
    """A link is to be mailed that sets a new password: `ticket` names it, the instance's secret makes it."""

    user_id: str
    email: str
    ticket: str


class PasswordChanged(Event, source="auth", subject="user_id", version=1):
    """The account has another password; sessions were ended."""

    user_id: str
