"""Access tokens, as auth issues and gateways check them."""

from typing import Final

ISSUER: Final = "ultramarket"
"""Claim `iss`."""
AUDIENCE: Final = "ultramarket-api"
"""Claim `aud`: tokens for other uses, signed with the same key, are refused."""
