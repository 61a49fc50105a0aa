"""The auth service on the real PostgreSQL, called through its RPC contract."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import orjson
import pytest
import redis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from nameko.testing.services import worker_factory
from sqlalchemy import select

from schemas.revocation_list import COMPLETE, REVOKED
from services.auth.auth_store import AuthStore
from services.auth.hash_pool import HashPool
from services.auth.revocations import RevocationList
from services.auth.service import AuthService
from services.auth.tokens import Signer
from services.chassis.common.encryption import Encryption
from services.chassis.common.ids import new_id
from services.chassis.common.key_ring import Key, KeyRing
from services.chassis.messaging.signatures import Signature
from services.chassis.runtime.settings import Settings
from services.chassis.stores.tables import outbox
from services.chassis.testing import connect_postgres

PASSWORD = "correct horse battery"
SECRET = b"a secret of tests only"


class AuthClient:
    """Calls the auth service through its RPC contract, and reads its outbox."""

    def __init__(self, service: AuthService, store: AuthStore) -> None:
        self.service, self.store = service, store

    def call(self, method: str, **kwargs: Any) -> Any:
        contract = Signature(getattr(AuthService, method))
        return getattr(self.service, method)(*contract.arguments([], kwargs))

    def register(self, email: str | None = None, **values: Any) -> dict[str, Any]:
        person = {"email": email or new_email(), "password": PASSWORD, "first_name": "Ada", "last_name": "Byron"}
        return dict(self.call("register", **{**person, **values}))

    def refresh(self, token: str, key: str | None = None) -> str:
        """Exchange a refresh token for the next one, under an idempotency key."""
        idempotency = {"owner": "guest", "key": key, "fingerprint": "f"} if key else None
        return str(self.call("refresh", refresh_token=token, idempotency=idempotency)["refresh_token"])

    def event_types(self, user_id: str) -> list[str]:
        with self.store.transaction() as session:
            bodies = session.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
            events = [orjson.loads(body) for body in bodies]
        return [event["type"] for event in events if event["subject"] == user_id and event["source"] == "/auth"]


def claims(signed_in: dict[str, Any]) -> dict[str, Any]:
    return dict(jwt.decode(signed_in["access_token"], options={"verify_signature": False}))


def new_email() -> str:
    return f"ada-{new_id()}@example.com"


@pytest.fixture(scope="module")
def account_store() -> Iterator[AuthStore]:
    with connect_postgres("auth", AuthStore) as store:
        yield store


@pytest.fixture(scope="session")
def hash_pool() -> Iterator[HashPool]:
    pool = HashPool(2, 4)
    yield pool
    pool.close()


@pytest.fixture
def redis_client() -> Iterator["redis.Redis"]:
    """A client of the instance's Redis, without a list of revoked sessions."""
    client = redis.Redis.from_url(Settings().redis_url, decode_responses=True)
    client.delete(REVOKED, COMPLETE)
    yield client
    client.delete(REVOKED, COMPLETE)
    client.close()


@pytest.fixture
def auth(account_store: AuthStore, redis_client: "redis.Redis", hash_pool: HashPool, tmp_path: Path) -> AuthClient:
    key = tmp_path / "key.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    settings = SimpleNamespace(
        bcrypt_rounds=4,
        refresh_token_lifetime=timedelta(days=7),
        session_lifetime=timedelta(days=30),
        login_failures_by_address=100,
        link_key=SECRET,
    )
    ring = KeyRing((Key.new(),))
    service = worker_factory(
        AuthService,
        store=account_store,
        settings=settings,
        signer=Signer(key, timedelta(minutes=15)),
        encryption=Encryption(lambda: ring),
        revoked=RevocationList(redis_client),
        hashing=hash_pool,
    )
    return AuthClient(service, account_store)
