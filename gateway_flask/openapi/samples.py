"""Example replies, made from the schemas: their own examples, else values by the name, format or pattern of a field."""

from typing import Any, Final

SKU: Final = "KIT-BRD-TRE-067"
ID: Final = "0197b1c8-7a5e-7cc0-9f00-3f5b6d0c1a2b"
PAIR: Final = {"amount": 3198, "currency": "USD"}
NOTHING: Final = {"amount": 0, "currency": "USD"}
BY_NAME: Final[dict[str, Any]] = {
    "sku": SKU,
    "title": "Mug Tree Stand",
    "slug": "mug-tree-stand",
    "name": "Kitchen accessories",
    "category": "kitchen-accessories",
    "parent": "home",
    "brand": "Kitchen Brand",
    "description": "Holds six mugs.",
    "thumbnail": f"/api/v1/files/{ID}",
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "roles": ["CUSTOMER"],
    "phone": "+1 555 0100",
    "line1": "12 St James's Square",
    "city": "New York",
    "region": "NY",
    "postal_code": "10001",
    "country": "US",
    "currency": "USD",
    "currencies": ["EUR", "USD"],
    "language": "en",
    "locale": "en",
    "label": "Home",
    "amount": 1599,
    "quantity": 2,
    "page": 1,
    "limit": 20,
    "total": 1,
    "totalPages": 1,
    "carrier": "UltraPost",
    "tracking_number": "UP0000000042",
    "method": "standard",
    "shipping_method": "standard",
    "provider": "sandbox",
    "average": 4.5,
    "rating": 5,
    "version": 1,
    "text": "Sturdy, and looks good.",
    "url": "https://shop.example.com/",
    "date": "2026-01-31",
    "month": "2026-01",
    "start": "2026-01-31",
    "key": "analytics.suggestion_sessions",
    "warehouse": "main",
    "code": "main",
    "tags": ["kitchen"],
    "permissions": ["orders.read"],
    "scopes": ["orders.read"],
    "time_zone": "UTC",
    "service": "gateway",
    "ip": "203.0.113.7",
    "user_agent": "Mozilla/5.0",
    "access_token": "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl",
    "refresh_token": "the-refresh-token",
    "expires_in": 900,
}
BY_SCHEMA: Final[dict[str, dict[str, Any]]] = {
    "PostalAddress": {"name": "Ada Lovelace"},
    "Address": {"name": "Ada Lovelace"},
    "AddressEntry": {"name": "Ada Lovelace"},
    "CategoryRef": {"slug": "kitchen-accessories"},
    "Category": {"slug": "kitchen-accessories"},
    "CategoryNode": {"slug": "kitchen-accessories", "parent": None, "ancestors": []},
    "Option": {"name": "Colour", "values": ["Black"]},
    "Variant": {"options": {"Colour": "Black"}, "available": 88, "weight_g": 300, "compare_at_price": None},
    "ProductDetail": {"images": [f"/api/v1/files/{ID}"], "status": "active", "compare_at_price": None},
    "ListItem": {"compare_at_price": None},
    "OrderItem": {"line_total": PAIR, "shipped": 0, "cancelled": 0},
    "CartItem": {"line_total": PAIR, "available": 88},
    "Cart": {"item_count": 2, "subtotal": PAIR, "discount_total": NOTHING, "total": PAIR, "warnings": []},
    "Order": {
        "subtotal": PAIR,
        "discount_total": NOTHING,
        "shipping_total": {"amount": 500, "currency": "USD"},
        "tax_total": {"amount": 275, "currency": "USD"},
        "total": {"amount": 3973, "currency": "USD"},
        "shipments": [],
        "tracking_number": None,
        "carrier": None,
        "access_key": None,
    },
    "OrderPayment": {"amount": {"amount": 3973, "currency": "USD"}, "refunded": NOTHING},
    "RoleState": {"name": "SUPPORT", "permissions": ["orders.read_any", "payments.refund"]},
    "Warehouse": {"name": "Central warehouse"},
    "SettingState": {"type": "integer", "default": 5, "minimum": 1, "maximum": 100, "value": 5, "choices": None},
}
"""Values that belong together, or where a name means something else."""
BY_FORMAT: Final = {
    "uuid": ID,
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "email": "ada@example.com",
}
BY_PATTERN: Final = {
    "^[A-Za-z0-9_\\-]+$": "cart_7Hq2mZ0pVbK4xN9s",
    "^[0-9a-f]{64}$": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "^[A-Z]{2}:([A-Z0-9]{1,3}|\\*):[a-z]{1,20}$": "DE:*:standard",
    "^[A-Z0-9]{1,3}$": "NY",
    "^[A-Z]{2}$": "US",
}


def sample(schema: dict[str, Any], schemas: dict[str, Any], name: str = "", outer: tuple[str, ...] = ()) -> Any:
    """An example of a value with this schema. `outer` are the schemas around it: a tree ends at its first level."""
    if "$ref" in schema:
        kind = schema["$ref"].rpartition("/")[2]
        return sample(schemas[kind], schemas, name, (*outer, kind))
    for keyword in ("const", "enum", "examples"):
        if keyword in schema:
            return schema[keyword] if keyword == "const" else schema[keyword][0]
    if "anyOf" in schema:
        return _alternative(schema["anyOf"], schemas, name, outer)
    match schema.get("type"):
        case "object":
            return _object(schema, schemas, outer)
        case "array":
            return _array(schema, schemas, name, outer)
        case "null":
            return None
        case "string" | "integer" | "number" | "boolean" as type_:
            return _scalar(schema, type_, name)
    return {}


def _alternative(kinds: list[dict[str, Any]], schemas: dict[str, Any], name: str, outer: tuple[str, ...]) -> Any:
    """An optional text without a value of its own here is null rather than a placeholder."""
    nameless = kinds[0].get("type") == "string" and not {"examples", "enum", "format", "pattern"} & set(kinds[0])
    if nameless and {"type": "null"} in kinds and name not in BY_NAME and not name.endswith("_id"):
        return None
    return sample(kinds[0], schemas, name, outer)


def _object(schema: dict[str, Any], schemas: dict[str, Any], outer: tuple[str, ...]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    own = BY_SCHEMA.get(outer[-1], {}) if outer else {}
    return {
        field: own[field] if field in own else sample(inner, schemas, field, outer)
        for field, inner in properties.items()
    }


def _array(schema: dict[str, Any], schemas: dict[str, Any], name: str, outer: tuple[str, ...]) -> list[Any]:
    items = schema.get("items", {})
    if items.get("$ref", "").rpartition("/")[2] in outer:
        return []
    if isinstance(BY_NAME.get(name), list):
        return list(BY_NAME[name])
    return [sample(items, schemas, "", outer)]


def _scalar(schema: dict[str, Any], type_: str, name: str) -> Any:
    if type_ == "boolean":
        return True
    if type_ == "string":
        return _text(schema, name)
    value = BY_NAME.get(name, 1)
    if isinstance(value, int | float) and _is_within(value, schema) and (type_ == "number" or isinstance(value, int)):
        return value
    return max(schema.get("minimum", 1), 1) if _is_within(1, schema) else schema.get("minimum", 0)


def _is_within(value: float, schema: dict[str, Any]) -> bool:
    return schema.get("minimum", value) <= value <= schema.get("maximum", value)


def _text(schema: dict[str, Any], name: str) -> str:
    if schema.get("format") in BY_FORMAT:
        return BY_FORMAT[schema["format"]]
    if isinstance(value := BY_NAME.get(name), str):
        return value
    if schema.get("pattern") in BY_PATTERN:
        return BY_PATTERN[schema["pattern"]]
    if name.endswith("_id"):
        return ID
    return name.replace("_", "-") or "text"
