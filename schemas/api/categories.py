"""The category tree: what clients send and what we reply."""

from typing import Annotated

from pydantic import Field

from schemas.base import Id, Line, Request, Schema, Slug


class CategoryWrite(Request):
    """A node of the category tree, as it is created or replaced; another parent moves its whole subtree."""

    name: Line
    slug: Slug | None = Field(None, description="Made from the name when left out; unique")
    parent: Slug | None = Field(None, description="The slug of the category above; none: a root")
    position: Annotated[int, Field(ge=0, le=10_000)] = Field(0, description="Order among its siblings")


class CategoryRef(Schema):
    """The category of a product, as much as a list shows."""

    id: Id
    slug: Slug
    name: str


class Category(Schema):
    """A node of the category tree."""

    id: Id
    slug: Slug
    name: str
    parent: Slug | None = None
    ancestors: list[Slug] = Field([], description="From the root down to the parent")
    position: int = 0


class CategoryNode(Category):
    """A category with everything below it."""

    children: list["CategoryNode"] = Field(default=[])
