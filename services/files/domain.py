"""File rules: accepted types and purposes, quotas, permissions, and the selection of a picture's size and format."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.caller import Caller
from schemas.permissions.permission import Permission
from services.chassis.common.errors import Conflict, Forbidden, UnsupportedMediaType, ValidationFailed

PICTURES: Final = ("image/jpeg", "image/png", "image/webp", "image/gif")
PDF: Final = "application/pdf"
SIZES: Final = {"full": 1600, "card": 400, "thumb": 160}
"""The longer side in pixels, largest first; pictures are never enlarged."""
FORMATS: Final = {"webp": "image/webp", "jpeg": "image/jpeg"}
PURPOSES: Final = ("product", "review", "avatar", "document")
MEGABYTE: Final = 1_000_000


@dataclass(frozen=True)
class StoredObject:
    """One object of a content: a picture in one size and format, or the original document."""

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
    """Check the content type for this purpose. Raises `UnsupportedMediaType`."""
    if content_type in PICTURES:
        return str(content_type)
    if content_type == PDF and purpose == "document":
        return PDF
    also = " or PDF" if purpose == "document" else ""
    details = [{"field": "file", "message": "has another content type"}]
    raise UnsupportedMediaType(f"Send a JPEG, PNG, WebP or GIF picture{also}", details)


def check_purpose(purpose: str | None, caller: Caller) -> str:
    """Check the purpose. Raises `ValidationFailed` for an unknown one, `Forbidden` for customers' product pictures."""
    if purpose not in PURPOSES:
        raise ValidationFailed.of("purpose", f"must be one of {', '.join(PURPOSES)}")
    if purpose == "product" and not caller.may(Permission.PRODUCTS_WRITE):
        raise Forbidden("Only vendors and administrators may upload product pictures")
    return purpose


def is_private(value: str | None, purpose: str) -> bool:
    """Whether the file is private: by the form's field, otherwise by the purpose. Raises `ValidationFailed`."""
    if value in (None, ""):
        return purpose == "document"
    if value not in ("true", "false"):
        raise ValidationFailed.of("private", "must be true or false")
    return value == "true"


def quota_of(caller: Caller, customer_mb: int, vendor_mb: int) -> int | None:
    """The caller's quota in bytes; None without limit."""
    if caller.may(Permission.FILES_MANAGE):
        return None
    return (vendor_mb if caller.may(Permission.PRODUCTS_WRITE) else customer_mb) * MEGABYTE or None


def quota_exceeded(quota: int) -> Conflict:
    """The error for a file beyond the quota."""
    message = f"The quota of {quota // MEGABYTE} MB is exceeded: delete files first"
    return Conflict(message, [{"field": "file", "message": message, "quota_bytes": quota}])


def may_read(caller: Caller, owner_id: str, private: bool, linked: bool) -> bool:
    """Whether the caller may read a file: public, own, by link, or as an administrator."""
    return (
        not private
        or linked
        or caller.may(Permission.FILES_MANAGE)
        or (caller.user_id is not None and caller.user_id == owner_id)
    )


def may_change(caller: Caller, owner_id: str) -> bool:
    """Whether the caller may delete a file or create links to it."""
    return caller.may(Permission.FILES_MANAGE) or (caller.user_id is not None and caller.user_id == owner_id)


def select_object(objects: Sequence[StoredObject], size: str, format_: str | None, accept: str) -> StoredObject:
    """The object to reply: by size, and by the requested format or the `Accept` header."""
    image_format = format_ or ("webp" if "image/webp" in accept else "jpeg")
    return next((object_ for object_ in objects if (object_.size, object_.format) == (size, image_format)), objects[0])


def to_api(row: dict[str, Any], path: str) -> dict[str, Any]:
    """The file as `schemas.api.files.StoredFile`; `path` is the URL path of files."""
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
