"""Complete replies of the products service, for fakes."""

from typing import Any

MONEY = {"amount": 1000, "currency": "USD"}


def product_detail(product_id: str, **changes: Any) -> dict[str, Any]:
    """A product as `products.get_product` returns it."""
    detail = {
        "id": product_id, "slug": "a-mug", "title": "A mug", "brand": None, "category": None, "price": MONEY,
        "thumbnail": None, "rating": {"average": 0.0, "count": 0}, "in_stock": True, "description": "",
        "images": [], "tags": [], "options": [], "variants": [], "attributes": {},
        "seo": {"title": "", "description": ""}, "status": "active", "tax_class": "standard", "vendor_id": None,
        "created_at": "2026-05-04T12:00:00Z", "updated_at": "2026-05-04T12:00:00Z", "version": 1,
    }  # fmt: skip
    return detail | changes
