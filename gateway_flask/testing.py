"""Test doubles: the gateway in front of fake services, and an issuer of access tokens."""

import time
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from gateway_flask.settings import GatewaySettings
from schemas.access_tokens import AUDIENCE, ISSUER

USER = "0197b1c8-7a5e-7cc0-9f00-3f5b6d0c1a2b"
SESSION = "0197b1c8-7a5e-7cc0-9f00-5e5510000001"


SIGNED_IN: dict[str, Any] = {
    "user": {
        "id": USER, "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace",
        "roles": ["CUSTOMER"], "email_verified": False,
    },
    "access_token": "access", "refresh_token": "refresh", "token_type": "Bearer", "expires_in": 900,
}  # fmt: skip
"""The reply of `auth.login` and `auth.register`."""


class FakeServices:
    """Fake services with `RpcClient`'s interface: arguments must be JSON, an unexpected call is an error."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.context: dict[str, Any] | None = None
        self.deadline = 0.0

    def answer(self, method: str, answer: Any) -> None:
        """Set what `service.method` replies, raises, or computes from its arguments."""
        self.answers[method] = answer

    def call(
        self,
        service: str,
        method: str,
        /,
        *,
        deadline: float = 5.0,
        context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        name = f"{service}.{method}"
        arguments = orjson.loads(orjson.dumps(kwargs))
        self.calls.append((name, arguments))
        self.context, self.deadline = context, deadline
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer(**arguments) if callable(answer) else answer

    def cast(self, service: str, method: str, /, *, context: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self.calls.append((f"{service}.{method}", orjson.loads(orjson.dumps(kwargs))))

    def arguments(self, method: str) -> dict[str, Any]:
        """The arguments of the last call of `method`."""
        return next(arguments for name, arguments in reversed(self.calls) if name == method)


class Issuer:
    """Issues access tokens as auth does."""

    def __init__(self, kid: str = "key-1") -> None:
        self.kid = kid
        self.private = Ed25519PrivateKey.generate()

    def jwks(self) -> dict[str, Any]:
        key = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {"keys": [key | {"kid": self.kid, "alg": "EdDSA", "use": "sig"}]}

    def token(self, *roles: str, expires_in: int = 900, **claims: Any) -> str:
        now = int(time.time())
        claims_ = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": USER,
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "roles": list(roles or ("CUSTOMER",)),
            "sid": SESSION,
            "type": "access",
            "jti": "token-1",
            "iat": now,
            "exp": now + expires_in,
        }
        return jwt.encode(claims_ | claims, self.private, algorithm="EdDSA", headers={"kid": self.kid})

    def bearer(self, *roles: str, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(*roles, **claims)}"}


def settings(**changed: Any) -> GatewaySettings:
    """Gateway settings in which no server is reachable unless a test sets its URL."""
    nowhere: dict[str, Any] = {
        "amqp_url": "amqp://127.0.0.1:1",
        "postgres_url": "postgresql://127.0.0.1:1/x",
        "mongo_url": "mongodb://127.0.0.1:1",
        "redis_url": "redis://127.0.0.1:1",
        "kafka_bootstrap": "127.0.0.1:1",
        "secret_key": "a secret of tests only",
        "rate_limit_storage": "memory://",
    }
    return GatewaySettings(**(nowhere | changed))
