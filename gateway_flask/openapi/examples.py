"""Example request bodies, with SKUs of the demo catalogue and tokens of the payment sandbox."""

from typing import Any, Final

from gateway_flask.openapi.samples import ID, SKU

ADDRESS: Final = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "New York",
    "region": "NY",
    "postal_code": "10001",
    "country": "US",
}
TOKEN: Final = "token-of-the-mailed-link"
CREDENTIALS: Final = {"email": "ada@example.com", "password": "correct horse battery"}

BODIES: Final[dict[str, dict[str, Any]]] = {
    "register": {**CREDENTIALS, "first_name": "Ada", "last_name": "Lovelace"},
    "login": CREDENTIALS,
    "put_role": {"permissions": ["orders.read_any", "payments.refund"], "reason": "The support team refunds now"},
    "confirm_totp": {"code": "123456"},
    "remove_totp": {"password": "correct horse battery", "code": "123456"},
    "renew_recovery_codes": {"code": "123456"},
    "two_factor_login": {"challenge": "challenge-of-the-error", "code": "123456"},
    "exchange_oauth_code": {"code": "code-of-the-return-address"},
    "create_api_key": {"name": "Export to the warehouse", "scopes": ["orders.read"]},
    "update_user": {"status": "disabled"},
    "erase_user": {"reason": "Request by letter of 2 November"},
    "set_user_roles": {"roles": ["CUSTOMER", "SUPPORT"]},
    "put_group": {"title": "Wholesale"},
    "update_profile": {"first_name": "Ada", "last_name": "Lovelace", "phone": "+1 555 0100", "language": "en"},
    "put_user_preferences": {"language": "en", "currency": "USD", "time_zone": "Europe/Berlin", "marketing": False},
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
    "add_variant": {"sku": "MUG-GREEN", "options": {"Colour": "Green"}, "price": {"amount": 1399, "currency": "USD"}},
    "patch_variant": {"price": {"amount": 1199, "currency": "USD"}},
    "put_options": {"options": [{"name": "Colour", "values": ["Red", "Blue", "Green"]}]},
    "add_image": {"file_id": ID, "alt": "A red mug beside a tent", "position": 0},
    "create_category": {"name": "Kitchen"},
    "put_tax_rate": {"country": "DE", "tax_class": "standard", "rate_bp": 1900, "name": "MwSt."},
    "set_stock_threshold": {"low_stock_threshold": 10},
    "adjust_stock": {"delta": 25, "reason": "delivery"},
    "add_item": {"sku": SKU, "quantity": 2},
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
    "refresh": {"refresh_token": "the-refresh-token-of-the-login"},
    "logout": {"refresh_token": "the-refresh-token-of-the-login"},
    "verify_email": {"token": TOKEN},
    "forgot_password": {"email": "ada@example.com"},
    "reset_password": {"token": TOKEN, "password": "another horse battery"},
    "change_password": {"current_password": "correct horse battery", "new_password": "another horse battery"},
    "erase_account": {"password": "correct horse battery"},
    "import_products": {
        "products": [
            {
                "external_id": "erp-1001",
                "title": "Enamel plate",
                "status": "active",
                "variants": [{"sku": "PLATE-WHITE", "price": {"amount": 899, "currency": "USD"}}],
            }
        ]
    },
    "update_product": {
        "title": "Enamel mug",
        "status": "active",
        "variants": [{"sku": "MUG-RED", "price": {"amount": 1399, "currency": "USD"}, "weight_g": 380}],
    },
    "update_category": {"name": "Kitchen", "position": 1},
    "put_warehouse": {"name": "Central warehouse", "priority": 1, "country": "US"},
    "create_shipment": {"order_id": ID, "carrier": "UltraPost", "items": [{"sku": SKU, "quantity": 1}]},
    "add_shipment_event": {"status": "in_transit", "location": "Newark, NJ", "message": "Left the sorting centre"},
    "put_preferences": {
        "kinds": {"back_in_stock": {"email": True, "push": False}},
        "quiet_hours": {"from": "22:00", "to": "07:00", "time_zone": "America/New_York"},
    },
    "add_device": {
        "endpoint": "https://push.example.com/send/42",
        "keys": {
            "p256dh": "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM",
            "auth": "tBHItJI5svbpez7KI4CCXg",
        },
    },
    "remove_device": {"endpoint": "https://push.example.com/send/42"},
    "wait_for_stock": {"sku": SKU, "email": "ada@example.com"},
    "put_template": {"locale": "en", "text": {"subject": "Your parcel is on its way"}, "version": 0},
    "preview_template": {"locale": "en", "text": {"subject": "Your parcel is on its way"}},
    "test_template": {"to": "ada@example.com", "locale": "en"},
    "submit_review": {"rating": 5, "title": "Sturdy", "text": "Holds six mugs and does not tip over."},
    "import_reviews": {
        "reviews": [
            {
                "product_id": ID,
                "author": "Ada",
                "author_key": "shop-42",
                "rating": 5,
                "title": "Sturdy",
                "text": "Holds six mugs and does not tip over.",
                "created_at": "2026-01-31T12:00:00Z",
            }
        ]
    },
    "put_review_rules": {"auto_approve": True, "no_links": True, "blocked_words": ["casino"], "hide_after_reports": 5},
    "edit_review": {"rating": 4, "text": "Holds six mugs; the foot is a bit small."},
    "vote_on_review": {"helpful": True},
    "report_review": {"reason": "Advertises another shop"},
    "reply_to_review": {"text": "Thank you. A larger foot is available."},
    "moderate_review": {"status": "rejected", "reason": "Advertises another shop"},
    "link_file": {"expires_in": 3600},
    "put_flag": {
        "enabled": True,
        "default": False,
        "rules": [{"countries": ["US"], "serve": True}],
        "rollout": 50,
    },
    "put_setting": {"value": 5, "version": 0, "reason": "More suggestions"},
    "roll_setting_back": {"version": 1, "reason": "Fewer suggestions again"},
    "update_report": {
        "name": "Net by week",
        "measures": ["orders", "net"],
        "dimensions": ["week"],
        "schedule": "weekly",
    },
    "create_webhook": {
        "url": "https://erp.example.com/hooks/ultramarket",
        "events": ["order_confirmed", "order_cancelled"],
    },
    "update_webhook": {"active": True},
    "refund_payment": {"amount": {"amount": 500, "currency": "USD"}, "reason": "Scratched"},
}
