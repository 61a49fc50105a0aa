"""Permissions: the callers of each RPC method, in one table. The owning service checks it (`chassis…rpc.implements`).

Ownership (an own order, an own product) is decided inside the method, on its `caller`; another owner's resource is
`NotFound`. A method that is missing here can't be implemented, so nothing is open by omission.
"""

from enum import Enum
from typing import Final


class Access(Enum):
    """Whom a method serves. Administrators may call everything that a signed-in person may."""

    PUBLIC = "anyone"
    """The reply is the same for everybody, or the arguments carry the proof (a token, a guest's cart id)."""
    GUEST = "anyone, for their own things"
    """Takes `caller`, who may be anonymous; the method decides by what the caller owns or has the key to."""
    CUSTOMER = "signed-in persons, for their own things"
    VENDOR = "vendors, for their own things, and administrators"
    ADMIN = "administrators"
    INTERNAL = "services and operators on the message broker"
    """Never called by the gateway; whoever reaches the broker is trusted."""


ROLES: Final[dict[Access, frozenset[str]]] = {
    Access.CUSTOMER: frozenset({"CUSTOMER", "VENDOR", "ADMIN"}),
    Access.VENDOR: frozenset({"VENDOR", "ADMIN"}),
    Access.ADMIN: frozenset({"ADMIN"}),
}
"""The roles of which one is needed, where a role is needed at all."""

RPC: Final[dict[str, dict[str, Access]]] = {
    "auth": {
        "register": Access.PUBLIC,
        "create_user": Access.INTERNAL,
        "login": Access.PUBLIC,
        "refresh": Access.PUBLIC,
        "logout": Access.PUBLIC,
        "logout_all": Access.CUSTOMER,
        "me": Access.CUSTOMER,
        "get_account": Access.INTERNAL,
        "verify_email": Access.PUBLIC,
        "resend_verification": Access.CUSTOMER,
        "forgot_password": Access.PUBLIC,
        "reset_password": Access.PUBLIC,
        "change_password": Access.CUSTOMER,
        "jwks": Access.PUBLIC,
    },
    "users": {
        "get_profile": Access.CUSTOMER,
        "update_profile": Access.CUSTOMER,
        "list_addresses": Access.CUSTOMER,
        "get_address": Access.CUSTOMER,
        "add_address": Access.CUSTOMER,
        "update_address": Access.CUSTOMER,
        "delete_address": Access.CUSTOMER,
    },
    "products": {
        "list_products": Access.PUBLIC,
        "list_managed_products": Access.VENDOR,
        "get_product": Access.GUEST,
        "get_many": Access.PUBLIC,
        "search_titles": Access.PUBLIC,
        "get_snapshots": Access.INTERNAL,
        "list_snapshots": Access.INTERNAL,
        "count_products": Access.INTERNAL,
        "related_products": Access.PUBLIC,
        "price_skus": Access.INTERNAL,
        "vendor_skus": Access.INTERNAL,
        "create_product": Access.VENDOR,
        "update_product": Access.VENDOR,
        "patch_product": Access.VENDOR,
        "delete_product": Access.VENDOR,
        "import_products": Access.ADMIN,
        "category_tree": Access.PUBLIC,
        "get_category": Access.PUBLIC,
        "create_category": Access.ADMIN,
        "update_category": Access.ADMIN,
        "delete_category": Access.ADMIN,
        "tax_rates": Access.ADMIN,
        "put_tax_rate": Access.ADMIN,
        "delete_tax_rate": Access.ADMIN,
    },
    "inventory": {
        "reserve": Access.INTERNAL,
        "commit": Access.INTERNAL,
        "release": Access.INTERNAL,
        "return_lines": Access.INTERNAL,
        "adjust": Access.VENDOR,
        "set_initial": Access.ADMIN,
        "get_level": Access.VENDOR,
        "get_levels": Access.INTERNAL,
        "low_stock": Access.VENDOR,
        "list_warehouses": Access.ADMIN,
        "put_warehouse": Access.ADMIN,
        "delete_warehouse": Access.ADMIN,
    },
    "cart": {
        "get_cart": Access.GUEST,
        "add_item": Access.GUEST,
        "set_quantity": Access.GUEST,
        "remove_item": Access.GUEST,
        "clear": Access.GUEST,
        "merge": Access.CUSTOMER,
        "checkout_view": Access.INTERNAL,
        "remove_ordered": Access.INTERNAL,
    },
    "orders": {
        "place_order": Access.GUEST,
        "get_order": Access.GUEST,
        "list_orders": Access.CUSTOMER,
        "history": Access.GUEST,
        "cancel": Access.GUEST,
        "set_status": Access.VENDOR,
        "create_shipment": Access.VENDOR,
        "stuck": Access.ADMIN,
        "resume": Access.ADMIN,
        "end": Access.ADMIN,
        "rebuild_read_model": Access.INTERNAL,
    },
    "payments": {
        "authorise": Access.INTERNAL,
        "status_of": Access.INTERNAL,
        "capture": Access.INTERNAL,
        "capture_payment": Access.ADMIN,
        "refund": Access.ADMIN,
        "refund_order": Access.INTERNAL,
        "reverse": Access.INTERNAL,
        "get": Access.CUSTOMER,
        "webhook": Access.PUBLIC,
        "ledger_accounts": Access.ADMIN,
        "ledger_entries": Access.ADMIN,
    },
    "shipping": {
        "quote": Access.INTERNAL,
        "quote_cart": Access.GUEST,
        "price_of": Access.INTERNAL,
        "methods": Access.PUBLIC,
        "create_shipment": Access.INTERNAL,
        "add_event": Access.VENDOR,
        "get_shipment": Access.CUSTOMER,
        "track": Access.PUBLIC,
    },
    "reviews": {
        "list_reviews": Access.PUBLIC,
        "get_review": Access.GUEST,
        "list_all": Access.CUSTOMER,
        "rating": Access.PUBLIC,
        "submit": Access.CUSTOMER,
        "edit": Access.CUSTOMER,
        "delete": Access.CUSTOMER,
        "vote": Access.CUSTOMER,
        "report": Access.CUSTOMER,
        "reply": Access.VENDOR,
        "moderate": Access.ADMIN,
        "rules": Access.ADMIN,
        "set_rules": Access.ADMIN,
        "import_reviews": Access.ADMIN,
        "rebuild_ratings": Access.INTERNAL,
    },
    "search": {
        "search": Access.PUBLIC,
        "suggest": Access.PUBLIC,
        "get_tuning": Access.ADMIN,
        "set_tuning": Access.ADMIN,
        "preview_tuning": Access.ADMIN,
        "rebuild_begin": Access.INTERNAL,
        "rebuild_page": Access.INTERNAL,
        "rebuild_finish": Access.INTERNAL,
    },
    "notifications": {
        "list_own": Access.CUSTOMER,
        "unread_count": Access.CUSTOMER,
        "mark_read": Access.CUSTOMER,
        "get_preferences": Access.CUSTOMER,
        "set_preferences": Access.CUSTOMER,
        "unsubscribe": Access.PUBLIC,
        "unsubscribe_page": Access.PUBLIC,
        "push_key": Access.PUBLIC,
        "add_device": Access.CUSTOMER,
        "remove_device": Access.CUSTOMER,
        "subscribe_back_in_stock": Access.GUEST,
        "deliveries": Access.ADMIN,
        "templates": Access.ADMIN,
        "template": Access.ADMIN,
        "save_template": Access.ADMIN,
        "preview": Access.ADMIN,
        "send_test": Access.ADMIN,
    },
    "analytics": {
        "sales": Access.VENDOR,
        "top_products": Access.VENDOR,
        "stock": Access.VENDOR,
        "funnel": Access.VENDOR,
        "customers": Access.VENDOR,
        "cohorts": Access.ADMIN,
        "payments": Access.ADMIN,
        "delivery": Access.ADMIN,
        "abandoned_carts": Access.ADMIN,
        "search": Access.ADMIN,
        "flags": Access.ADMIN,
        "live": Access.VENDOR,
        "create_report": Access.VENDOR,
        "list_reports": Access.VENDOR,
        "get_report": Access.VENDOR,
        "update_report": Access.VENDOR,
        "delete_report": Access.VENDOR,
        "run_report": Access.VENDOR,
        "report_result": Access.VENDOR,
        "track_events": Access.GUEST,
        "record_events": Access.PUBLIC,
    },
    "files": {
        "get_file": Access.GUEST,
        "list_files": Access.CUSTOMER,
        "link": Access.CUSTOMER,
        "delete_file": Access.CUSTOMER,
    },
    "audit": {
        "entries": Access.ADMIN,
        "export": Access.ADMIN,
        "verify": Access.ADMIN,
    },
    "config": {
        "snapshot": Access.INTERNAL,
        "settings": Access.ADMIN,
        "set_setting": Access.ADMIN,
        "history": Access.ADMIN,
        "roll_back": Access.ADMIN,
        "flags": Access.ADMIN,
        "flag": Access.ADMIN,
        "set_flag": Access.ADMIN,
    },
}
"""Service → method → who may call it."""


def access_of(service: str, method: str) -> Access:
    """The access of `service.method`. Raises `LookupError` for a method that the table lacks."""
    try:
        return RPC[service][method]
    except KeyError:
        raise LookupError(f"{service}.{method} is missing in schemas/permissions.py") from None
