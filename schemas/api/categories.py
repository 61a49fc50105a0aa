"""The category tree: requests and resources."""

from typing import Annotated

from pydantic import Field

from schemas.base import Id, Line, Request, Schema, Slug


class CategoryWrite(Request):
    """Create or replace a category; another parent moves its whole subtree."""

    name: Line
    slug: Slug | None = Field(None, description="Unique. Default: derived from the name")
    parent: Slug | None = Field(None, description="Slug of the parent category; null for a root")
    position: Annotated[int, Field(ge=0, le=10_000)] = Field(0, description="Sort position among its siblings")


class CategoryRef(Schema):
    """The category of a product in a list."""

    id: Id
    slug: Slug
    name: str


class Category(Schema):
    """A category."""

    id: Id
    slug: Slug
    name: str
    parent: Slug | None = None
    ancestors: list[Slug] = Field([], description="Slugs from the root to the parent")
    position: int = 0
    version: int = Field(1, description="Incremented by each change; for `If-Match`")


class CategoryNode(Category):
    """A category with its descendants."""

    children: list["CategoryNode"] = Field(default=[])
