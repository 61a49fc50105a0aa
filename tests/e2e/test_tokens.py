"""Access tokens over HTTP: expired, forged and malformed tokens are refused on every route."""

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.auth.signing_keys import read_keys
from tests.support.shop import Client, Shop

PATHS = ["/auth/me", "/users/me", "/orders", "/cart"]


@pytest.fixture(scope="module")
def key() -> Any:
    """The instance's own private key, to sign tokens that auth would never issue."""
    return read_keys(Path(os.environ["ULTRAMARKET_JWT_PRIVATE_KEY_FILE"]))[-1].private


@pytest.fixture(scope="module")
def customer(shop: Shop) -> Client:
    return shop.customer()


def claims_of(client: Client) -> dict[str, Any]:
    return dict(jwt.decode(str(client.token), options={"verify_signature": False}))


def kid_of(client: Client) -> str:
    return str(jwt.get_unverified_header(str(client.token))["kid"])


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims))
    return ".".join((*parts, ""))


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def refusal_of(shop: Shop, token: str, path: str = "/auth/me") -> tuple[int, str]:
    client = shop.guest()
    client.token = token
    reply = client("GET", path)
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    return reply.status, reply.code


@pytest.mark.parametrize("path", PATHS)
def test_expired_token_is_refused_as_expired(shop: Shop, customer: Client, key: Any, path: str) -> None:
    claims = claims_of(customer) | {"exp": int(time.time()) - 60}
    expired = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid_of(customer)})

    assert refusal_of(shop, expired, path) == (401, "TOKEN_EXPIRED")


def test_token_signed_with_the_own_key_is_accepted(shop: Shop, customer: Client, key: Any) -> None:
    client = shop.guest()
    client.token = jwt.encode(claims_of(customer), key, algorithm="EdDSA", headers={"kid": kid_of(customer)})

    assert client("GET", "/auth/me").status == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "kind",
    ["another key", "no algorithm", "public key as secret", "more roles", "cut", "key in the header", "key by address"],
)
def test_forged_token_is_refused(shop: Shop, customer: Client, key: Any, kind: str, path: str) -> None:
    claims, kid = claims_of(customer) | {"roles": ["ADMIN"]}, kid_of(customer)
    header, payload, signature = str(customer.token).split(".")
    attacker = Ed25519PrivateKey.generate()
    own_key = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": encoded(attacker.public_key().public_bytes_raw())}
    address = "https://evil.example/jwks.json"
    forged = {
        "key in the header": jwt.encode(claims, attacker, algorithm="EdDSA", headers={"kid": kid, "jwk": own_key}),
        "key by address": jwt.encode(
            claims, attacker, algorithm="EdDSA", headers={"kid": kid, "jku": address, "x5u": address}
        ),
        "another key": jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": kid}),
        "no algorithm": unsigned({"alg": "none", "typ": "JWT", "kid": kid}, claims),
        "public key as secret": jwt.encode(
            claims, key.public_key().public_bytes_raw(), algorithm="HS256", headers={"kid": kid}
        ),
        "more roles": ".".join((header, unsigned({}, claims).split(".")[1], signature)),
        "cut": f"{header}.{payload}.{signature[:-4]}",
    }[kind]

    assert refusal_of(shop, forged, path) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "change",
    [
        {"type": "refresh"},
        {"sub": None},
        {"exp": "soon"},
        {"nbf": 2**40},
        {"iss": "another"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
    ],
)
def test_signed_token_with_invalid_claims_is_refused(
    shop: Shop, customer: Client, key: Any, change: dict[str, Any]
) -> None:
    claims = {name: value for name, value in (claims_of(customer) | change).items() if value is not None}
    token = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid_of(customer)})

    assert refusal_of(shop, token) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("kid", ["unknown", "", "../../etc/passwd", "x" * 1000])
def test_token_with_an_unknown_key_id_is_refused(shop: Shop, customer: Client, key: Any, kid: str) -> None:
    token = jwt.encode(claims_of(customer), key, algorithm="EdDSA", headers={"kid": kid})

    assert refusal_of(shop, token) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer a b", "Basic YTpi", "Bearer a.b.c", "Token x", "Bearer " + "x" * 9000]
)
def test_malformed_authorization_header_is_refused(shop: Shop, header: str) -> None:
    reply = shop.guest()("GET", "/auth/me", headers={"Authorization": header})

    assert (reply.status, reply.code) == (401, "UNAUTHENTICATED")


def test_public_keys_are_published(shop: Shop, customer: Client) -> None:
    for path in ("/.well-known/jwks.json",):
        published = shop.guest()("GET", path)

        assert published.status == 200
        assert kid_of(customer) in [key["kid"] for key in published.body["keys"]]
        assert published.body["keys"][0].keys() == {"crv", "kty", "x", "kid", "use", "alg"}
