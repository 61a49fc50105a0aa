"""A valid body for each route that takes one, and generators of invalid variants of it."""

import copy
from collections.abc import Iterator
from typing import Any

from gateway_flask.openapi.examples import BODIES

ID = "0197b1c8-7a5e-7cc0-9f00-000000000001"
VALID_BODIES: dict[str, Any] = BODIES | {
    "refresh": {"refresh_token": "token"},
    "verify_email": {"token": "token"},
    "forgot_password": {"email": "nobody-knows@example.com"},
    "reset_password": {"token": "token", "password": "correct horse battery"},
    "change_password": {"current_password": "not mine", "new_password": "correct horse battery"},
    "logout": {"refresh_token": "token"},
    "update_product": BODIES["create_product"],
    "update_report": BODIES["create_report"],
    "update_category": BODIES["create_category"],
    "import_products": {"products": [BODIES["create_product"]]},
    "put_warehouse": {"name": "Main", "priority": 1},
    "create_shipment": {"order_id": ID, "items": [{"sku": "MUG-RED", "quantity": 1}], "tracking_number": "UP0000042"},
    "put_preferences": {
        "kinds": {"review_published": {"email": False}},
        "quiet_hours": {"from": "22:00", "to": "07:00", "time_zone": "Europe/Berlin"},
    },
    "add_device": {"endpoint": "https://push.example.com/x", "keys": {"p256dh": "B" * 87, "auth": "a" * 22}},
    "remove_device": {"endpoint": "https://push.example.com/x"},
    "wait_for_stock": {"sku": "MUG-RED", "email": "ada@example.com"},
    "put_template": {"locale": "en", "version": 0, "text": {"heading": "Hello {{ number }}"}},
    "preview_template": {"locale": "en"},
    "test_template": {"to": "ada@example.com", "locale": "en"},
    "put_flag": {"enabled": True, "default": False, "rules": [{"roles": ["ADMIN"], "serve": True}], "rollout": 10},
    "put_setting": {"value": 5, "version": 0, "reason": "fewer"},
    "roll_setting_back": {"version": 0, "reason": "as it was"},
    "submit_review": {"rating": 5, "title": "Holds tea", "text": "And survives camping."},
    "edit_review": {"rating": 4},
    "vote_on_review": {"helpful": True},
    "report_review": {"reason": "Advertisement"},
    "reply_to_review": {"text": "Thank you!"},
    "moderate_review": {"status": "rejected", "reason": "Not about the product"},
    "put_review_rules": {"verified_only": False, "blocked_words": ["casino"]},
    "import_reviews": {
        "reviews": [
            {
                "product_id": ID,
                "author": "Ada Lovelace",
                "author_key": "ada@example.com",
                "rating": 5,
                "text": "Holds tea.",
                "created_at": "2026-01-02T03:04:05Z",
            }
        ]
    },
    "link_file": {"expires_in": 3600},
    "add_shipment_event": {"status": "in_transit", "location": "Here"},
}
INVALID_NUMBERS = (1.5, "1", 2**63, -(2**63), 10**30, True, [1])
INVALID_DECIMALS = ("1", "", -1, 1e308, 10**30, True, [1], {"x": 1})
"""Values that are invalid for a decimal number."""
INVALID_TEXTS = (7, True, ["x"], {"x": 1}, "x" * 10_000, "with a \x00 in it")
INVALID_VALUES: dict[type, tuple[Any, ...]] = {int: INVALID_NUMBERS, float: INVALID_DECIMALS}
LONG_FIELDS = {"description", "refresh_token"}
"""Fields that may hold 10,000 characters, or whose length is tested elsewhere."""


def leaves(body: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """All scalar values of a body, each with its path."""
    if isinstance(body, dict | list):
        for step, value in body.items() if isinstance(body, dict) else enumerate(body):
            yield from leaves(value, (*at, step))
    else:
        yield at, body


def with_value(body: Any, at: tuple[Any, ...], value: Any) -> Any:
    """A copy of the body with the value at that path replaced."""
    changed = copy.deepcopy(body)
    inner = changed
    for step in at[:-1]:
        inner = inner[step]
    inner[at[-1]] = value
    return changed


def invalid_bodies(body: Any) -> Iterator[tuple[str, Any]]:
    """Invalid variants of a body, one for each field and each invalid value: (path of the field, body)."""
    for at, value in leaves(body):
        path = ".".join(str(step) for step in at)
        for invalid in INVALID_VALUES.get(type(value), INVALID_TEXTS):
            if type(invalid) is type(value) is bool or (
                at[-1] in LONG_FIELDS and isinstance(invalid, str) and len(invalid) > 100
            ):
                continue
            yield path, with_value(body, at, invalid)
    yield "surprise", {**body, "surprise": 1}
