"""Events of products and categories."""

from pydantic import BaseModel

from schemas.events.base import Event


class ProductEvent(Event):
    """A product after a change, with the fields that lists and indexes need; the rest is read by id."""

    product_id: str
    slug: str
    title: str
    status: str
    skus: tuple[str, ...]
    vendor_id: str | None = None
    brand: str | None = None
    category: str | None = None
    category_path: tuple[str, ...] = ()
    """Slugs from the root to `category`."""
    price: int = 0
    """Price of the cheapest variant, in minor units of `currency`."""
    currency: str = ""
    old_slug: str | None = None
    """The former slug if it changed: caches by slug must drop it as well."""


class ProductCreated(ProductEvent, source="products", subject="product_id", version=1):
    """A product was created. Sequence: the product's version."""


class ProductUpdated(ProductEvent, source="products", subject="product_id", version=1):
    """A product was changed. Sequence: the product's version."""


class ProductArchived(ProductEvent, source="products", subject="product_id", version=1):
    """A product was archived or deleted and is not sold any more. Sequence: the product's version."""

    deleted: bool = False
    """Whether it was deleted: its SKUs may be used by another product of its seller, and their stock ends."""


class ImportedStock(BaseModel):
    """The stock that an imported row names for a SKU, in units."""

    sku: str
    on_hand: int
    product_id: str | None = None
    """The product whose SKU it is: stock of another product that had the SKU before has ended."""


class StockImported(Event, source="products", subject="import_id", version=1):
    """A bulk import named the stock of SKUs. It is set for those without a stock record when the event is consumed."""

    import_id: str
    levels: tuple[ImportedStock, ...]


class CategoryChanged(Event, source="products", subject="category_id", version=1):
    """A category was created, renamed, moved or deleted."""

    category_id: str
    slug: str
    name: str
    parent: str | None = None
    deleted: bool = False
