"""Verification of ID tokens (OpenID Connect Core 1.0, 3.1.3.7)."""

from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""Asymmetric ones only: neither `none` nor an HMAC with a key that is not secret."""
LEEWAY: Final = 60
"""Seconds that the clocks of the provider and of us may differ."""


class InvalidIdToken(ValueError):
    """The ID token is not one for this login."""


class UnknownKey(InvalidIdToken):
    """The ID token names a key that is not in the key set."""


def claims_of(
    id_token: Any, keys: dict[str, Any], issuer: str, client_id: str, nonce: str, access_token: str | None = None
) -> dict[str, Any]:
    """The claims of a valid ID token. Raises `InvalidIdToken`."""
    if not isinstance(id_token, str):
        raise InvalidIdToken("there is no ID token")
    options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
    parameters = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
    try:
        key_set = KeySet.import_key_set(keys)  # type: ignore[arg-type]
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        token = jwt.decode(id_token, key=key_set, registry=registry)
        claims = CodeIDToken(token.claims, token.header, options, parameters)
        claims.validate(leeway=LEEWAY)
    except InvalidKeyIdError as unknown:
        raise UnknownKey(str(unknown)) from unknown
    except (JoseError, ValueError, TypeError, KeyError) as invalid:
        raise InvalidIdToken(f"{type(invalid).__name__}: {invalid}") from invalid
    if not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255:
        raise InvalidIdToken("the subject is not a text of 255 characters at most")
    return dict(claims)
