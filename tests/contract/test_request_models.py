"""Mass assignment and ownership: what a request may contain is declared, and every id in it has an owner's test."""

import re
from typing import Any, Final

from tests.support import request_models
from tests.support.request_models import fields, reachable
from tests.support.routes import ACCESS

OPEN: Final = {"CallbackQuery"}
"""Models that ignore unknown fields: the query of a provider's redirect."""
FREE_FORM: Final = {
    "ImportProducts.products",
    "import_products_arguments.products",
    "TrackRequest.events",
    "ObservedEvent.fields",
}
"""Fields of free form, whose values the service validates: rows of imports and tracked events, row by row."""

PRIVILEGES: Final = re.compile(
    r"(^|\.)(roles?|status|id|user_id|owner_id|vendor_id|customer_id|email_verified|\w*_at|version|caller|scopes|"
    r"permissions?|price_override|unit_price|\w*total|balance|actor|idempotency|service_account|verified|purpose)$"
)
GRANTED: Final[dict[str, set[str]]] = {
    "set_user_roles": {"roles"},
    "update_user": {"status"},
    "put_role": {"permissions"},
    "put_flag": {"rules.roles"},
    "put_setting": {"version"},
    "roll_setting_back": {"version"},
    "put_template": {"version"},
    "set_tuning": {"version"},
    "create_product": {"status", "vendor_id"},
    "update_product": {"status", "vendor_id"},
    "patch_product": {"status", "vendor_id"},
    "set_order_status": {"status"},
    "add_shipment_event": {"status"},
    "moderate_review": {"status"},
    "place_order": {"expected_total"},
    "create_api_key": {"scopes", "expires_at", "service_account"},
    "import_reviews": {"reviews.created_at", "reviews.verified"},
    "track_events": {"sent_at"},
}
"""Privileged fields that a route takes on purpose; its service decides whose they may be."""


def test_request_models_refuse_unknown_fields() -> None:
    roots = [*request_models.of_routes("path", "query", "body").values(), *request_models.of_methods().values()]
    models = set().union(*(reachable(root) for root in roots))

    assert len(models) > 300
    assert {model.__name__ for model in models if model.model_config.get("extra") != "forbid"} == OPEN


def test_types_of_bodies_are_strict() -> None:
    models = set().union(*(reachable(root) for root in request_models.of_routes("body").values()))

    assert {model.__name__ for model in models if not model.model_config.get("strict")} == set()


def test_fields_of_free_form_are_known() -> None:
    roots = [*request_models.of_routes("query", "body").values(), *request_models.of_methods().values()]
    free = {
        f"{model.__name__}.{name}"
        for root in roots
        for model in reachable(root)
        for name, field in model.model_fields.items()
        if _holds(field.annotation, Any) or _holds(field.annotation, object)
    }

    assert free == FREE_FORM


def _holds(annotation: Any, kind: Any) -> bool:
    return annotation is kind or any(_holds(part, kind) for part in getattr(annotation, "__args__", ()))


def test_privileged_fields_are_taken_on_purpose_only() -> None:
    taken: dict[str, set[str]] = {}
    for name, model in request_models.of_routes("body").items():
        paths = {path for path, _ in fields(model) if PRIVILEGES.search(path)}
        if paths:
            taken[name.split()[0]] = paths

    assert taken == GRANTED


NAMES: Final = re.compile(
    r"(^|\.)(\w*_ids?|id|ids|to|email|user|users|customers?|vendors?|owner|recipient|orders?|carts?|products?|files?|"
    r"sku|skus|tokens?|\w+_token|endpoint|number|author_key|resource|ticket|signature|challenge|code|state|images|thumbnail)$"
)
"""Names of fields that may identify something of somebody."""
OWNED: Final[dict[str, str]] = {
    "create_shipment body order_id": "test_somebody_elses: another vendor's order",
    "create_shipment body items.sku": "test_ids_in_requests",
    "add_image body file_id": "test_ids_in_requests",
    "create_product body vendor_id": "test_somebody_elses",
    "update_product body vendor_id": "test_ids_in_requests",
    "patch_product body vendor_id": "test_ids_in_requests",
    "create_product body variants.sku": "test_ids_in_requests",
    "update_product body variants.sku": "test_ids_in_requests",
    "patch_product body variants.sku": "test_ids_in_requests",
    "add_variant body sku": "test_ids_in_requests",
    "create_product body external_id": "tests/service/products: external ids are of a seller",
    "update_product body external_id": "tests/service/products: external ids are of a seller",
    "submit_review body images": "test_ids_in_requests",
    "edit_review body images": "test_ids_in_requests",
    "create_report body filters.vendor": "test_ids_in_requests",
    "create_report body filters.product": "test_ids_in_requests",
    "create_report body filters.customer": "test_ids_in_requests",
    "update_report body filters.vendor": "test_ids_in_requests",
    "update_report body filters.product": "test_ids_in_requests",
    "update_report body filters.customer": "test_ids_in_requests",
    "cancel_order body lines.sku": "test_ids_in_requests",
    "list_orders query user_id": "test_ids_in_requests",
    "list_orders query email": "test_ids_in_requests",
    "list_files query owner": "test_ids_in_requests",
    "list_products query vendor": "test_ids_in_requests",
    "list_all_reviews query product": "test_ids_in_requests",
    "shipping_rates body cart_id": "test_somebody_elses",
}
"""Fields that name what somebody owns, with the test that shows that it has to be one's own."""
SECRETS: Final = frozenset(
    {
        "refresh body refresh_token",
        "logout body refresh_token",
        "verify_email body token",
        "reset_password body token",
        "unsubscribe query token",
        "unsubscribe_page query token",
        "get_file query signature",
        "download_export query signature",
        "finish_oauth query state",
        "finish_oauth query code",
        "exchange_oauth_code body code",
        "two_factor_login body code",
        "two_factor_login body challenge",
        "confirm_totp body code",
        "remove_totp body code",
        "renew_recovery_codes body code",
        "add_device body endpoint",
        "remove_device body endpoint",
        "place_order body payment_method.token",
    }
)
"""Secrets that only their owner has: who knows them may use them."""
UNOWNED: Final = frozenset(
    {
        "register body email",
        "login body email",
        "forgot_password body email",
        "place_order body email",
        "wait_for_stock body email",
        "wait_for_stock body sku",
        "add_item body sku",
        "track_events body session_id",
        "track_events body anonymous_id",
        "search query session_id",
        "search query vendor",
        "put_preferences body kinds.email",
        "create_product body images",
        "update_product body images",
        "patch_product body images",
        "create_product body thumbnail",
        "update_product body thumbnail",
        "patch_product body thumbnail",
    }
)
"""Own addresses, public things and URLs of pictures, ids that browsers choose, and a switch (`kinds.email`)."""
OWNERS: Final = frozenset({"ANONYMOUS", "CUSTOMER", "VENDOR"})


def test_every_id_in_a_request_is_classified() -> None:
    """Routes of the staff only are for everybody's things."""
    ids = {
        f"{name} {path}"
        for name, model in request_models.of_routes("query", "body").items()
        if ACCESS[name.split()[0]] & OWNERS
        for paths in [{path for path, _ in fields(model)}]
        for path in paths
        if NAMES.search(path) and not (path.endswith("to") and f"{path.removesuffix('to')}from" in paths)
    }

    assert (ids - {*OWNED, *SECRETS, *UNOWNED}, {*OWNED, *SECRETS, *UNOWNED} - ids) == (set(), set())
