"""Access tokens: JWTs signed with Ed25519 (RFC 8037), public keys as JWKS. Refresh tokens: random, stored hashed."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt

from schemas.access_tokens import AUDIENCE, ISSUER
from services.auth.signing_keys import SigningKeys
from services.chassis.common import clock
from services.chassis.common.ids import new_id

ALGORITHM = "EdDSA"


@dataclass(frozen=True)
class SecondFactorClaims:
    """The second factor in a token: whether there is one, whether the role needs one, when a code was last given."""

    enabled: bool = False
    missing: bool = False
    given_at: datetime | None = None

    def claims(self) -> dict[str, Any]:
        """The claims, those that say something only."""
        claims: dict[str, Any] = {"2fa": "missing"} if self.missing else {}
        if self.enabled:
            claims = {"2fa": "enabled", "2fa_at": int(self.given_at.timestamp()) if self.given_at else 0}
        return claims


class Signer:
    """Signs access tokens and publishes the public keys."""

    def __init__(self, keys: Path, lifetime: timedelta) -> None:
        self.keys = SigningKeys(keys, lifetime)
        self.lifetime = lifetime

    @property
    def key_id(self) -> str:
        """The id of the key that signs now."""
        return self.keys.current(clock.now()).id

    def jwks(self) -> dict[str, Any]:
        """The key set (RFC 7517)."""
        keys = self.keys.published(clock.now())
        return {"keys": [key.jwk | {"kid": key.id, "use": "sig", "alg": ALGORITHM} for key in keys]}

    def access_token(
        self, user: dict[str, Any], session_id: str, now: datetime, second_factor: SecondFactorClaims
    ) -> str:
        """A JWT with user, roles, session and second factor, in flask-jwt-extended's form.

        Without `iat` and `nbf`: a gateway whose clock is behind ours would refuse the token as not yet valid.
        """
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user["id"],
            "email": user["email"],
            "name": f"{user['first_name']} {user['last_name']}",
            "roles": user["roles"],
            "email_verified": user["email_verified"],
            **second_factor.claims(),
            "sid": session_id,
            "jti": new_id(),
            "type": "access",
            "fresh": False,
            "exp": now + self.lifetime,
        }
        key = self.keys.current(now)
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.id})


def new_refresh_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """The stored digest of a refresh token, which can't be used as one."""
    return hashlib.sha256(token.encode()).hexdigest()
