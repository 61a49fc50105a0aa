"""Example request bodies, with SKUs of the demo catalogue and tokens of the payment sandbox."""

from typing import Any, Final

ADDRESS: Final = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "New York",
    "region": "NY",
    "postal_code": "10001",
    "country": "US",
}
CREDENTIALS: Final = {"email": "ada@example.com", "password": "correct horse battery"}

BODIES: Final[dict[str, dict[str, Any]]] = {
    "register": {**CREDENTIALS, "first_name": "Ada", "last_name": "Lovelace"},
    "login": CREDENTIALS,
    "put_role": {"permissions": ["orders.read_any", "payments.refund"], "reason": "The support team refunds now"},
    "confirm_totp": {"code": "123456"},
    "remove_totp": {"password": "correct horse battery", "code": "123456"},
    "renew_recovery_codes": {"code": "123456"},
    "two_factor_login": {"challenge": "challenge-of-the-error", "code": "123456"},
    "create_api_key": {"name": "Export to the warehouse", "scopes": ["orders.read"]},
    "update_user": {"status": "disabled"},
    "set_user_roles": {"roles": ["CUSTOMER", "SUPPORT"]},
    "put_group": {"title": "Wholesale"},
    "update_profile": {"first_name": "Ada", "last_name": "Lovelace", "phone": "+1 555 0100", "language": "en"},
    "add_address": {**ADDRESS, "label": "Home", "is_default_shipping": True},
    "update_address": {**ADDRESS, "label": "Home"},
    "create_product": {
        "title": "Enamel mug",
        "description": "Holds tea. Survives camping.",
        "status": "active",
        "options": [{"name": "Colour", "values": ["Red", "Blue"]}],
        "variants": [
            {
                "sku": "MUG-RED",
                "options": {"Colour": "Red"},
                "price": {"amount": 1299, "currency": "USD"},
                "weight_g": 380,
            },
            {
                "sku": "MUG-BLUE",
                "options": {"Colour": "Blue"},
                "price": {"amount": 1299, "currency": "USD"},
                "weight_g": 380,
            },
        ],
        "tags": ["kitchen"],
    },
    "patch_product": {"status": "archived"},
    "create_category": {"name": "Kitchen"},
    "put_tax_rate": {"country": "DE", "tax_class": "standard", "rate_bp": 1900, "name": "MwSt."},
    "adjust_stock": {"delta": 25, "reason": "delivery"},
    "add_item": {"sku": "MUG-RED", "quantity": 2},
    "set_quantity": {"quantity": 3},
    "shipping_rates": {"address": {"country": "US", "region": "NY", "postal_code": "10001"}},
    "place_order": {
        "email": "ada@example.com",
        "shipping_address": ADDRESS,
        "shipping_method": "standard",
        "payment_method": {"provider": "sandbox", "token": "pm_card_visa"},
    },
    "cancel_order": {"reason": "Ordered twice"},
    "set_order_status": {"status": "shipped", "carrier": "UltraPost", "tracking_number": "UP0000000042"},
    "capture_payment": {"amount": {"amount": 1299, "currency": "USD"}},
    "set_tuning": {
        "synonyms": ["couch, sofa", "tv => television"],
        "pinned": [{"query": "mug", "product_ids": ["0197b1c8-7a5e-7cc0-9f00-000000000001"]}],
        "buried": [],
        "boosts": {"in_stock": 0.2, "rating": 0.15, "sales": 0.15, "margin": 0.0},
        "version": 0,
    },
    "preview_tuning": {"q": "couch", "tuning": {"synonyms": ["couch, sofa"]}},
    "track_events": {
        "session_id": "visit-42",
        "events": [{"type": "product_view", "at": "2026-01-31T12:00:00Z", "product_id": "an id"}],
    },
    "create_report": {"name": "Net by day", "measures": ["orders", "net"], "dimensions": ["day"]},
    "refund_payment": {"amount": {"amount": 500, "currency": "USD"}, "reason": "Scratched"},
}
