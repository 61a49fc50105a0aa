"""The rules of files: what is taken for which purpose and of whom, who may read it, and which form is replied."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.base import Caller
from services.chassis.common.errors import Conflict, Forbidden, UnsupportedMediaType, ValidationFailed

PICTURES: Final = ("image/jpeg", "image/png", "image/webp", "image/gif")
PDF: Final = "application/pdf"
SIZES: Final = {"full": 1600, "card": 400, "thumb": 160}
"""The longer side in pixels, the largest first; nothing is made larger than it came."""
FORMATS: Final = {"webp": "image/webp", "jpeg": "image/jpeg"}
PURPOSES: Final = ("product", "review", "avatar", "document")
MEGABYTE: Final = 1_000_000


@dataclass(frozen=True)
class Kept:
    """One object of a content in the store: a size of a picture in a format, or a document as it came."""

    size: str
    format: str
    bytes: int
    width: int | None = None
    height: int | None = None

    @property
    def content_type(self) -> str:
        return FORMATS.get(self.format, PDF)

    @property
    def name(self) -> str:
        return f"{self.size}.{self.format}"


def check_type(content_type: str | None, purpose: str) -> str:
    """The type that is taken for this purpose. Raises `UnsupportedMediaType`: what is no picture is no picture."""
    if content_type in PICTURES:
        return str(content_type)
    if content_type == PDF and purpose == "document":
        return PDF
    also = " or PDF" if purpose == "document" else ""
    details = [{"field": "file", "message": "is none of these by its content"}]
    raise UnsupportedMediaType(f"Send a JPEG, PNG, WebP or GIF picture{also}", details)


def check_purpose(purpose: str | None, caller: Caller) -> str:
    """Raises `ValidationFailed` for an unknown purpose, `Forbidden` for a customer's picture of a product."""
    if purpose not in PURPOSES:
        raise ValidationFailed.of("purpose", f"must be one of {', '.join(PURPOSES)}")
    if purpose == "product" and not (caller.is_admin or caller.is_vendor):
        raise Forbidden("Pictures of products are their vendors' to bring")
    return purpose


def is_private(said: str | None, purpose: str) -> bool:
    """What the form says, else by the purpose. Raises `ValidationFailed` for anything but true and false."""
    if said in (None, ""):
        return purpose == "document"
    if said not in ("true", "false"):
        raise ValidationFailed.of("private", "must be true or false")
    return said == "true"


def quota_of(caller: Caller, customer_mb: int, vendor_mb: int) -> int | None:
    """How many bytes the caller may keep; None: as many as they like."""
    if caller.is_admin:
        return None
    return (vendor_mb if caller.is_vendor else customer_mb) * MEGABYTE or None


def quota_exceeded(quota: int) -> Conflict:
    """The refusal of what doesn't fit any more."""
    message = f"You may keep {quota // MEGABYTE} MB: delete something first"
    return Conflict(message, [{"field": "file", "message": message, "quota_bytes": quota}])


def may_read(caller: Caller, owner_id: str, private: bool, linked: bool) -> bool:
    """Public files are everybody's; private ones their owner's, an administrator's and whoever's has a link."""
    return not private or linked or caller.is_admin or (caller.user_id is not None and caller.user_id == owner_id)


def may_change(caller: Caller, owner_id: str) -> bool:
    """Who may delete a file or give links to it."""
    return caller.is_admin or (caller.user_id is not None and caller.user_id == owner_id)


def choose(objects: Sequence[Kept], size: str, wanted: str | None, accept: str) -> Kept:
    """The object to reply: of this size, in the format that was asked for, else in one that `Accept` names."""
    image_format = wanted or ("webp" if "image/webp" in accept else "jpeg")
    return next((kept for kept in objects if (kept.size, kept.format) == (size, image_format)), objects[0])


def byte_range(header: str | None, total: int) -> tuple[int, int] | None:
    """First byte and length of a single range (RFC 9110, 14.2); None: the whole, as for anything not understood.

    Raises `ValueError` for a range that is not in the content (416).
    """
    if not header or not header.startswith("bytes=") or "," in header:
        return None
    first, dash, last = header[6:].strip().partition("-")
    if not dash or not (first or last) or not all(part.isdecimal() for part in (first, last) if part):
        return None
    if not first:
        length = min(int(last), total)
        if length == 0:
            raise ValueError(header)
        return total - length, length
    start, end = int(first), min(int(last), total - 1) if last else total - 1
    if last and int(last) < start:
        return None
    if start >= total:
        raise ValueError(header)
    return start, end - start + 1


def shown(row: dict[str, Any], path: str) -> dict[str, Any]:
    """A file as the API says it; `path` is where files are read."""
    url = f"{path}/{row['id']}"
    picture = row["content_type"] != PDF
    return {
        "id": row["id"],
        "url": url,
        "name": row["name"],
        "purpose": row["purpose"],
        "content_type": row["content_type"],
        "bytes": row["bytes"],
        "sha256": row["sha256"],
        "width": row["width"],
        "height": row["height"],
        "variants": {size: f"{url}?size={size}" for size in reversed(SIZES)} if picture else {},
        "private": row["private"],
        "owner_id": row["owner_id"],
        "created_at": row["created_at"],
    }
