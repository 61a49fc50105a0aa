"""Access tokens: JWTs signed with Ed25519 (RFC 8037), public keys as JWKS. Refresh tokens: random, stored hashed."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from schemas.access_tokens import AUDIENCE, ISSUER
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
    """Signs access tokens and publishes the public key."""

    def __init__(self, key_file: Path, lifetime: timedelta) -> None:
        key = load_pem_private_key(key_file.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{key_file} does not hold an Ed25519 key")
        self._key = key
        self.lifetime = lifetime
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._jwk = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public)}
        self.key_id = _thumbprint(self._jwk)

    def jwks(self) -> dict[str, Any]:
        """The key set (RFC 7517)."""
        return {"keys": [self._jwk | {"kid": self.key_id, "use": "sig", "alg": ALGORITHM}]}

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
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self.key_id})


def new_refresh_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """The stored digest of a refresh token, which can't be used as one."""
    return hashlib.sha256(token.encode()).hexdigest()


def _thumbprint(jwk: dict[str, str]) -> str:
    """The key's id by RFC 7638: the same key always has the same id."""
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    return _base64url(hashlib.sha256(canonical).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
