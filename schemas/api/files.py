"""Files: upload form, metadata, download parameters, links."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.base import Cursor, Id, Moment, OneLine, Request, Schema
from schemas.caller import Caller

Purpose = Literal["product", "review", "avatar", "document"]
Size = Literal["thumb", "card", "full"]
Format = Literal["webp", "jpeg"]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), OneLine]


class Upload(Schema):
    """The parts of the upload form (`multipart/form-data`)."""

    file: Annotated[str, Field(json_schema_extra={"format": "binary"})]
    """JPEG, PNG, WebP or GIF; PDF where the purpose is `document`. The type is detected by content."""
    purpose: Purpose
    private: bool | None = None
    """Default: documents are private, pictures public."""


class Variants(Schema):
    """URLs of a picture's sizes: the longer side is at most 160, 400 and 1600 pixels."""

    thumb: str | None = None
    card: str | None = None
    full: str | None = None


class StoredFile(Schema):
    """A stored file. `bytes`, `sha256`, `width` and `height` are those of the upload."""

    id: Id
    url: Annotated[str, Field(examples=["/api/v1/files/0197b1c8-7a5e-7cc0-9f00-000000000001"])]
    name: str
    purpose: Purpose
    content_type: Annotated[str, Field(examples=["image/jpeg"])]
    bytes: int
    sha256: Sha256
    width: int | None = None
    height: int | None = None
    variants: Variants
    private: bool
    owner_id: str
    created_at: Moment


class FileContentQuery(Schema):
    """Size and format of a picture, and the signature of a link."""

    size: Size = Field("full", description="Size of a picture")
    format: Format | None = Field(None, description="Format of a picture; default by `Accept`, else JPEG")
    expires: Annotated[int, Field(ge=0, le=10**11)] | None = Field(None, description="Expiry of a link, from its URL")
    signature: Annotated[str, StringConstraints(min_length=20, max_length=100)] | None = Field(
        None, description="Signature of a link, from its URL"
    )


class FilesQuery(Schema):
    """Filters of the caller's files; administrators may name another owner."""

    purpose: Purpose | None = None
    sha256: Sha256 | None = None
    owner: Id | None = Field(None, description="Administrators only")
    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None


class LinkRequest(Request):
    """The validity of a link to a file."""

    expires_in: Annotated[int, Field(ge=1, le=604_800, description="Seconds, at most a week", examples=[3600])] = 3600


class LinkFile(LinkRequest):
    """The command to create a link to a file."""

    file_id: str
    caller: Caller


class Link(Schema):
    """A link to a file."""

    url: str
    expires_at: Moment
