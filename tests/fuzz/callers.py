"""The callers of a run: one account per role, and an API key of a vendor with all permissions that it may have."""

from typing import Final

from schemas.permissions.permission import NOT_FOR_KEYS
from schemas.permissions.roles import PRESETS
from schemas.permissions.routes import access_of
from tests.support.routes import ACCESS, ANONYMOUS, ROLES
from tests.support.shop import Client, Shop

API_KEY: Final = "API_KEY"
ALL_ROLES: Final = (*ROLES, API_KEY)
KEY_OWNER: Final = "VENDOR"
SCOPES: Final = PRESETS[KEY_OWNER] - NOT_FOR_KEYS
ENDS_SESSIONS: Final = {"logout", "logout_all", "change_password", "erase_account", "end_session"}
"""Routes after which the caller has no session: an account is made for each call."""


def may_use(role: str, route: str) -> bool:
    """Whether a role may use a route."""
    if route not in ACCESS:  # the routes of the system
        return True
    if role != API_KEY:
        return role in ACCESS[route]
    return KEY_OWNER in ACCESS[route] and access_of(route).permission in {None, *SCOPES}


class Callers:
    """Clients by role, made when they are needed."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._clients: dict[str, Client] = {}
        self._key: str | None = None

    def client(self, role: str, route: str) -> Client:
        """The role's client; a new one for a route that ends its session."""
        if role in (ANONYMOUS, API_KEY):
            return self._clients.setdefault(role, self.shop.guest())
        if route in ENDS_SESSIONS:
            return self.shop.member(role)
        if role not in self._clients:
            self._clients[role] = self.shop.member(role)
        return self._clients[role]

    def credentials(self, role: str, client: Client) -> dict[str, str]:
        """The headers that say who calls."""
        if role == API_KEY:
            self._key = self._key or self._new_key()
            return {"X-API-Key": self._key}
        return {"Authorization": client.authorization} if client.token else {}

    def _new_key(self) -> str:
        created = self.shop.member(KEY_OWNER)("POST", "/auth/api-keys", {"name": "Fuzz", "scopes": sorted(SCOPES)})
        assert created.status == 201, created
        return str(created.data["key"])
