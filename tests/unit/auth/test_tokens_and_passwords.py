"""Access tokens, refresh tokens and passwords: signatures, states, hashing."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bcrypt
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.access_tokens import AUDIENCE
from services.auth import hash_worker, tokens
from services.auth.domain import RefreshToken, TokenState, normalised, refresh_token_state
from services.auth.passwords import Passwords
from services.auth.tokens import SecondFactorClaims, Signer

SAME_PROCESS: Any = SimpleNamespace(request=hash_worker.serve)
"""Computes hashes here, instead of in the pool's processes."""
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TOKEN = RefreshToken("session", "user", NOW + timedelta(days=30), None, None)
USER = {"id": "user", "email": "ada@example.com", "first_name": "Ada", "last_name": "Byron", "roles": ["VENDOR"]}
USER |= {"email_verified": True}


def key_file(folder: Path, key: Any) -> Path:
    path = folder / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(key_file(tmp_path, ed25519.Ed25519PrivateKey.generate()), timedelta(minutes=15))


@pytest.mark.parametrize(
    ("token", "state"),
    [
        (TOKEN, TokenState.VALID),
        (replace(TOKEN, expires_at=NOW), TokenState.ENDED),
        (replace(TOKEN, used_at=NOW), TokenState.REUSED),
        (replace(TOKEN, used_at=NOW, expires_at=NOW - timedelta(days=1)), TokenState.REUSED),
        (replace(TOKEN, used_at=NOW, used_by="request"), TokenState.REPEATED),
        (replace(TOKEN, used_at=NOW, used_by="another"), TokenState.REUSED),
        (replace(TOKEN, used_at=NOW, used_by="request", is_successor_used=True), TokenState.REUSED),
        (replace(TOKEN, used_by="request", used_at=NOW, session_ended_at=NOW), TokenState.ENDED),
        (replace(TOKEN, session_ended_at=NOW), TokenState.ENDED),
        (replace(TOKEN, session_ended_at=NOW, used_at=NOW), TokenState.ENDED),
    ],
)
def test_refresh_token_state(token: RefreshToken, state: TokenState) -> None:
    assert refresh_token_state(token, NOW, "request") is state
    assert refresh_token_state(replace(token, used_by=None), NOW) is not TokenState.REPEATED


def test_access_token_is_verified_with_the_published_keys(signer: Signer) -> None:
    issued_at = datetime.now(UTC)
    token = signer.access_token(USER, "session", issued_at, SecondFactorClaims())

    keys = jwt.PyJWKSet.from_dict(signer.jwks())
    claims = jwt.decode(token, keys[jwt.get_unverified_header(token)["kid"]], algorithms=["EdDSA"], audience=AUDIENCE)

    assert (claims["sub"], claims["sid"], claims["type"]) == ("user", "session", "access")
    assert (claims["email"], claims["name"], claims["roles"]) == ("ada@example.com", "Ada Byron", ["VENDOR"])
    assert claims["exp"] == int(issued_at.timestamp()) + 900


def test_access_token_is_valid_where_clocks_are_behind(signer: Signer) -> None:
    token = signer.access_token(USER, "session", datetime.now(UTC) + timedelta(minutes=10), SecondFactorClaims())

    claims = jwt.decode(
        token, jwt.PyJWKSet.from_dict(signer.jwks())[signer.key_id], algorithms=["EdDSA"], audience=AUDIENCE
    )

    assert claims["sub"] == "user"


def test_changed_token_has_an_invalid_signature(signer: Signer) -> None:
    token = signer.access_token(USER, "session", datetime.now(UTC), SecondFactorClaims())
    head, claims, signature = token.split(".")
    forged_claims = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"roles": ["ADMIN"]}
    claims = base64.urlsafe_b64encode(json.dumps(forged_claims).encode()).decode().rstrip("=")
    key = jwt.PyJWKSet.from_dict(signer.jwks())[signer.key_id]

    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(f"{head}.{claims}.{signature}", key, algorithms=["EdDSA"], audience=AUDIENCE)


def test_key_id_is_stable(tmp_path: Path) -> None:
    path = key_file(tmp_path, ed25519.Ed25519PrivateKey.generate())
    assert Signer(path, timedelta(1)).jwks() == Signer(path, timedelta(1)).jwks()
    assert "d" not in Signer(path, timedelta(1)).jwks()["keys"][0]


def test_key_of_another_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not hold an Ed25519 key"):
        Signer(key_file(tmp_path, ec.generate_private_key(ec.SECP256R1())), timedelta(1))


def test_refresh_tokens_are_random_and_stored_as_digests() -> None:
    refresh_tokens = {tokens.new_refresh_token() for _ in range(100)}
    assert len(refresh_tokens) == 100
    assert min(map(len, refresh_tokens)) >= 43
    assert not refresh_tokens & {tokens.digest(token) for token in refresh_tokens}


@settings(max_examples=30, deadline=None)
@given(password=st.text(min_size=1, max_size=128), other=st.text(min_size=1, max_size=128))
def test_password_matches_its_own_hash_only(password: str, other: str) -> None:
    passwords = Passwords(4, SAME_PROCESS)
    hashed = passwords.hash(password)
    assert passwords.matches(password, hashed)
    assert passwords.matches(other, hashed) == (other == password)


@pytest.mark.parametrize("end", ["x", "y" * 40, "\x00z"])
def test_password_is_compared_beyond_72_bytes(end: str) -> None:
    passwords = Passwords(4, SAME_PROCESS)
    assert not passwords.matches("ü" * 40 + end, passwords.hash("ü" * 40))


@pytest.fixture
def bcrypt_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls to bcrypt, each with its work factor."""
    calls: list[str] = []

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counting(password: bytes, salt: bytes) -> Any:
            calls.append(f"{name} {salt[4:6].decode()}")
            return function(password, salt)

        return counting

    for name in ("hashpw", "checkpw"):
        monkeypatch.setattr(bcrypt, name, counted(name, getattr(bcrypt, name)))
    return calls


def test_unknown_account_costs_the_same_bcrypt_work(bcrypt_calls: list[str]) -> None:
    passwords = Passwords(5, SAME_PROCESS)
    hashed = passwords.hash("right")
    bcrypt_calls.clear()

    assert not passwords.matches("wrong", hashed)
    assert not passwords.matches("wrong", None)

    assert bcrypt_calls == ["checkpw 05", "checkpw 05"]


def test_email_is_compared_without_case() -> None:
    assert normalised(" Ada@Example.COM ") == "ada@example.com"
