"""ID tokens: only one for this login, of this provider, signed with one of its keys."""

import base64
import hmac
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from services.auth.id_tokens import InvalidIdToken, UnknownKey, claims_of

ISSUER, CLIENT, NONCE = "https://provider.example", "shop", "a nonce"
KEY = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
KEYS = {"keys": [KEY.as_dict(private=False)]}


def id_token(key: Any = KEY, algorithm: str = "RS256", **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": CLIENT, "sub": "42", "nonce": NONCE, "iat": now, "exp": now + 300} | changes
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": algorithm, "kid": "1"}, given, key, algorithms=[algorithm])


def read(token: Any, keys: dict[str, Any] = KEYS) -> dict[str, Any]:
    return claims_of(token, keys, ISSUER, CLIENT, NONCE)


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_valid_token_gives_its_claims() -> None:
    assert read(id_token(email="ada@example.com"))["email"] == "ada@example.com"


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["another", CLIENT], "azp": "another"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"iat": 2**33},
        {"sub": None},
        {"sub": ""},
        {"sub": 42},
    ],
    ids=str,
)
def test_token_of_another_login_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidIdToken):
        read(id_token(**changes))


def test_unsigned_token_is_refused() -> None:
    _, payload, _ = id_token().split(".")

    for algorithm in ("none", "None", "NONE"):
        with pytest.raises(InvalidIdToken):
            read(f"{encoded({'alg': algorithm})}.{payload}.")


def test_public_key_is_no_hmac_secret() -> None:
    _, payload, _ = id_token().split(".")
    signed = f"{encoded({'alg': 'HS256', 'kid': '1'})}.{payload}"
    mac = hmac.digest(KEY.as_pem(private=False), signed.encode(), "sha256")

    with pytest.raises(InvalidIdToken):
        read(f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}")


def test_tampered_token_is_refused() -> None:
    header, payload, signature = id_token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))

    with pytest.raises(InvalidIdToken):
        read(f"{header}.{encoded(claims | {'sub': '1'})}.{signature}")


def test_token_of_another_key_is_refused() -> None:
    with pytest.raises(InvalidIdToken):
        read(id_token(RSAKey.generate_key(2048, {"kid": "1"})))


def test_unknown_key_is_told_apart() -> None:
    other = RSAKey.generate_key(2048, {"kid": "2"}).as_dict(private=False)

    with pytest.raises(UnknownKey):
        read(id_token(), {"keys": [other, RSAKey.generate_key(2048, {"kid": "3"}).as_dict(private=False)]})


@pytest.mark.parametrize("text", [None, 1, "", "a.b", "a.b.c", "...."])
def test_text_that_is_no_token_is_refused(text: Any) -> None:
    with pytest.raises(InvalidIdToken):
        read(text)
