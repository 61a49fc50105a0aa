"""Second factors: time-based one-time passwords (RFC 6238) and recovery codes. Pure rules."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

import pyotp

ISSUER: Final = "UltraMarket"
STEP_SECONDS: Final = 30
TOLERANCE: Final = 1
"""Steps before and after the present one whose codes are accepted (RFC 6238, 5.2)."""
RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10


def new_secret() -> str:
    """160 random bits in base32 (RFC 4226, 4)."""
    return pyotp.random_base32()


def otpauth_url(secret: str, email: str) -> str:
    """The secret as the URL that authenticator apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step that the code belongs to, or None. All steps are compared, each in constant time."""
    present = int(now.timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    matching = None
    for step in range(present - TOLERANCE, present + TOLERANCE + 1):
        if hmac.compare_digest(totp.at(step * STEP_SECONDS), code):
            matching = step
    return matching


def new_recovery_codes() -> list[str]:
    """Ten codes of 80 random bits, like `k3vd-7q2m-x4ab-c5ty`."""
    return [
        _grouped(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()) for _ in range(RECOVERY_CODES)
    ]


def recovery_digest(code: str) -> str:
    """The stored digest of a recovery code, however it was typed. 80 random bits need no slow hash."""
    plain = "".join(char for char in code.lower() if char.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


def is_totp_code(code: str) -> bool:
    """Whether the code has the form of an authenticator app's, not of a recovery code."""
    return len(code) == 6 and code.isdigit()


def _grouped(text: str) -> str:
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))
