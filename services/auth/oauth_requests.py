"""Logins under way at providers, and codes that browsers return with: in Redis, each used once."""

import hashlib
import secrets
from dataclasses import asdict, dataclass
from typing import Final

import orjson

from services.chassis.stores.redis import RedisStore

STATE: Final = "auth:oauth:state:"
CODE: Final = "auth:oauth:code:"
STATE_SECONDS: Final = 600
CODE_SECONDS: Final = 60


@dataclass(frozen=True)
class PendingLogin:
    """A login that a browser began. `challenge` is that of the shop's page, if it sent one."""

    provider: str
    return_to: str
    nonce: str
    verifier: str
    challenge: str | None = None


@dataclass(frozen=True)
class ExchangeableLogin:
    """A login that a provider has confirmed."""

    user_id: str
    identity_id: str
    challenge: str | None = None


class OauthRequests(RedisStore):
    """A state is stored under a digest of itself and of the browser's secret: without the cookie there is none."""

    def add(self, login: PendingLogin) -> tuple[str, str]:
        """Store a login; returns its state and the browser's secret."""
        state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.redis.set(STATE + _digest(state, browser), orjson.dumps(asdict(login)), ex=STATE_SECONDS)
        return state, browser

    def take(self, state: str, browser: str) -> PendingLogin | None:
        """Take a login out: one of several concurrent calls gets it."""
        stored = self.redis.getdel(STATE + _digest(state, browser))
        return PendingLogin(**orjson.loads(stored)) if stored else None  # type: ignore[arg-type]

    def add_code(self, login: ExchangeableLogin) -> str:
        """Store a confirmed login; returns its code."""
        code = secrets.token_urlsafe(32)
        self.redis.set(CODE + _digest(code), orjson.dumps(asdict(login)), ex=CODE_SECONDS)
        return code

    def take_code(self, code: str) -> ExchangeableLogin | None:
        """Take a confirmed login out, once."""
        stored = self.redis.getdel(CODE + _digest(code))
        return ExchangeableLogin(**orjson.loads(stored)) if stored else None  # type: ignore[arg-type]


def _digest(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()
