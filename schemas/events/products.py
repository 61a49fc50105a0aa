"""What products says: what is on offer, and how the categories stand."""

from schemas.events.base import Event


class ProductEvent(Event):
    """A product after a change, as much as a list or an index needs; the rest is asked for by id."""

    product_id: str
    slug: str
    title: str
    status: str
    skus: tuple[str, ...]
    vendor_id: str | None = None
    brand: str | None = None
    category: str | None = None
    category_path: tuple[str, ...] = ()
    """Slugs from the root down to `category`."""
    price: int = 0
    """Of the cheapest variant, in minor units of `currency`."""
    currency: str = ""
    old_slug: str | None = None
    """What it was called before, when the slug changed: caches by slug forget that one too."""


class ProductCreated(ProductEvent, source="products", subject="product_id", version=1):
    """A product is there. Sequence: the product's version."""


class ProductUpdated(ProductEvent, source="products", subject="product_id", version=1):
    """A product reads differently now. Sequence: the product's version."""


class ProductArchived(ProductEvent, source="products", subject="product_id", version=1):
    """A product is no longer on offer: archived, or deleted. Sequence: the product's version."""

    deleted: bool = False
    """Whether it was deleted: its SKUs may be used by another product, and their stock ends."""


class CategoryChanged(Event, source="products", subject="category_id", version=1):
    """A category was made, renamed, moved or deleted: the tree reads differently now."""

    category_id: str
    slug: str
    name: str
    parent: str | None = None
    deleted: bool = False
