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
