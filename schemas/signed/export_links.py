"""Links to exports of personal data: whoever has the link can download the archive until it expires."""

from schemas.signed.signing import is_signed, sign

PURPOSE = "personal-data-export"
PATH = "/api/v1/users/exports"


def export_url(secret: bytes, export_id: str, expires: int) -> str:
    """The path of an export's archive, valid until `expires` (Unix time in seconds)."""
    signature = sign(secret, PURPOSE, export_id, str(expires))
    return f"{PATH}/{export_id}?expires={expires}&signature={signature}"


def is_valid(secret: bytes, export_id: str, expires: int, signature: str, now: float) -> bool:
    """Whether the signature is ours and the link has not expired at `now` (Unix time in seconds)."""
    return now < expires and is_signed(signature, secret, PURPOSE, export_id, str(expires))
