"""Rotation of the keys that sign access tokens: no token of a live session is refused, retired keys are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from schemas.access_tokens import AUDIENCE
from services.auth.signing_keys import LEEWAY, SigningKeys, file_name
from services.auth.tokens import SecondFactorClaims, Signer
from services.chassis.common import clock
from ultramarket.keys import new_signing_key

USER = {
    "id": "user",
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "Byron",
    "roles": ["CUSTOMER"],
    "email_verified": True,
}
LIFETIME = timedelta(minutes=15)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "first.pem").write_text(new_signing_key())
    return tmp_path


def add_key(folder: Path, signs_from: datetime) -> None:
    (folder / file_name(signs_from)).write_text(new_signing_key())


def access_token(signer: Signer, now: datetime) -> str:
    return signer.access_token(USER, "session", now, SecondFactorClaims())


def key_id(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def is_accepted(token: str, signer: Signer) -> bool:
    keys = {key["kid"]: jwt.PyJWK.from_dict(key) for key in signer.jwks()["keys"]}
    if key_id(token) not in keys:
        return False
    return bool(jwt.decode(token, keys[key_id(token)], algorithms=["EdDSA"], audience=AUDIENCE))


def test_new_key_is_published_before_it_signs(folder: Path) -> None:
    signer, now = Signer(folder, LIFETIME), clock.now()
    old = signer.key_id

    add_key(folder, now + timedelta(minutes=1))

    assert len(signer.jwks()["keys"]) == 2
    assert key_id(access_token(signer, now)) == old
    assert key_id(access_token(signer, now + timedelta(minutes=2))) != old


def test_tokens_of_both_keys_are_accepted_after_a_rotation(folder: Path) -> None:
    signer, now = Signer(folder, LIFETIME), clock.now()
    before = access_token(signer, now)

    add_key(folder, now - timedelta(seconds=5))
    after = access_token(signer, now)

    assert key_id(before) != key_id(after)
    assert is_accepted(before, signer)
    assert is_accepted(after, signer)


def test_token_of_a_retired_key_is_refused(folder: Path) -> None:
    signer, now = Signer(folder, timedelta(days=1)), clock.now()
    stolen = access_token(signer, now)

    add_key(folder, now - LIFETIME - LEEWAY - timedelta(seconds=5))

    assert is_accepted(stolen, signer)
    assert not is_accepted(stolen, Signer(folder, LIFETIME))


def test_key_stays_published_until_its_last_token_expires(folder: Path) -> None:
    rotated_at = datetime(2026, 1, 1, tzinfo=UTC)
    keys = SigningKeys(folder, LIFETIME)

    add_key(folder, rotated_at)

    assert len(keys.published(rotated_at + LIFETIME)) == 2
    assert len(keys.published(rotated_at + LIFETIME + LEEWAY + timedelta(seconds=1))) == 1
