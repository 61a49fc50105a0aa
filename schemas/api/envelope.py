"""The envelope of HTTP replies, for the OpenAPI document; the gateway writes the JSON itself."""

from typing import Any, Generic, Literal, TypeVar

from pydantic import Field

from schemas.base import WITHOUT_DOCSTRINGS, Schema

T = TypeVar("T")


class Success(Schema, Generic[T]):
    """The reply to a successful request."""

    model_config = WITHOUT_DOCSTRINGS

    success: Literal[True]
    message: str = Field(description="One sentence for a person.")
    data: T


class Pagination(Schema):
    """Where a page stands in its list."""

    page: int
    limit: int
    total: int
    totalPages: int
    nextCursor: str | None = None
    """Opaque; `?cursor=` with it reads on from here, however deep."""


class Listing(Schema, Generic[T]):
    """One page of a list."""

    model_config = WITHOUT_DOCSTRINGS

    success: Literal[True]
    message: str
    data: list[T]
    pagination: Pagination


class PageWithDetails(Schema, Generic[T]):
    """One page of a list with more to say than its items."""

    model_config = WITHOUT_DOCSTRINGS

    success: Literal[True]
    message: str
    data: T
    pagination: Pagination


class Error(Schema):
    """Why a request was refused."""

    code: str
    """Stable, for programs: `OUT_OF_STOCK`."""
    message: str
    """One sentence for a person."""
    details: list[dict[str, Any]] = Field(default_factory=list)
    """What exactly: `{"field": "items.0.quantity", "message": "…"}` for a field, or what the code promises."""


class Failure(Schema):
    """A request that was refused. It has changed nothing unless its code says otherwise."""

    success: Literal[False]
    error: Error
