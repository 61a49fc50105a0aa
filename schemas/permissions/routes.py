"""The access of every route of the gateway, by its operation id. A route that is missing here can't be declared.

The owning service checks the same again, with the resource's owner: `schemas.permissions.rpc_methods`.
"""

from typing import Final

from schemas.permissions.access import GUEST, PUBLIC, Access, guest, needs
from schemas.permissions.permission import Permission as P

ROUTES: Final[dict[str, Access]] = {
    # /analytics
    "analytics_sales": needs(P.ANALYTICS_READ),
    "analytics_top_products": needs(P.ANALYTICS_READ),
    "analytics_stock": needs(P.ANALYTICS_READ),
    "analytics_funnel": needs(P.ANALYTICS_READ),
    "analytics_customers": needs(P.ANALYTICS_READ),
    "analytics_cohorts": needs(P.ANALYTICS_READ_ANY),
    "analytics_payments": needs(P.ANALYTICS_READ_ANY),
    "analytics_delivery": needs(P.ANALYTICS_READ_ANY),
    "analytics_abandoned_carts": needs(P.ANALYTICS_READ_ANY),
    "analytics_search": needs(P.ANALYTICS_READ_ANY),
    "analytics_flags": needs(P.ANALYTICS_READ_ANY),
    "analytics_live": needs(P.ANALYTICS_READ),
    "list_reports": needs(P.REPORTS_WRITE),
    "create_report": needs(P.REPORTS_WRITE),
    "get_report": needs(P.REPORTS_WRITE),
    "update_report": needs(P.REPORTS_WRITE),
    "delete_report": needs(P.REPORTS_WRITE),
    "run_report": needs(P.REPORTS_WRITE),
    "report_result": needs(P.REPORTS_WRITE),
    # /audit
    "list_audit": needs(P.AUDIT_READ),
    "export_audit": needs(P.AUDIT_READ),
    "verify_audit": needs(P.AUDIT_READ),
    # /auth
    "register": PUBLIC,
    "login": PUBLIC,
    "refresh": PUBLIC,
    "logout": needs(P.ACCOUNT_SECURITY),
    "logout_all": needs(P.ACCOUNT_SECURITY),
    "verify_email": PUBLIC,
    "resend_verification": needs(P.ACCOUNT_SECURITY),
    "forgot_password": PUBLIC,
    "reset_password": PUBLIC,
    "change_password": needs(P.ACCOUNT_SECURITY),
    "me": needs(P.ACCOUNT_READ),
    "list_roles": needs(P.ROLES_MANAGE),
    "list_permissions": needs(P.ACCOUNT_READ),
    "put_role": needs(P.ROLES_MANAGE),
    "reset_role": needs(P.ROLES_MANAGE),
    # /cart
    "get_cart": guest(P.ORDERS_READ),
    "add_item": guest(P.ORDERS_WRITE),
    "set_quantity": guest(P.ORDERS_WRITE),
    "remove_item": guest(P.ORDERS_WRITE),
    "clear_cart": guest(P.ORDERS_WRITE),
    # /categories
    "category_tree": PUBLIC,
    "get_category": PUBLIC,
    "create_category": needs(P.CATEGORIES_MANAGE),
    "update_category": needs(P.CATEGORIES_MANAGE),
    "delete_category": needs(P.CATEGORIES_MANAGE),
    # /config
    "get_flags": GUEST,
    "list_flags": needs(P.CONFIG_READ),
    "get_flag": needs(P.CONFIG_READ),
    "put_flag": needs(P.CONFIG_WRITE),
    "list_settings": needs(P.CONFIG_READ),
    "put_setting": needs(P.CONFIG_WRITE),
    "setting_history": needs(P.CONFIG_READ),
    "roll_setting_back": needs(P.CONFIG_WRITE),
    # /events
    "track_events": GUEST,
    # /files
    "upload_file": needs(P.FILES_WRITE),
    "list_files": needs(P.FILES_READ),
    "get_file": GUEST,
    "get_file_info": GUEST,
    "link_file": needs(P.FILES_WRITE),
    "delete_file": needs(P.FILES_WRITE),
    # /inventory
    "low_stock": needs(P.INVENTORY_READ),
    "list_warehouses": needs(P.WAREHOUSES_MANAGE),
    "put_warehouse": needs(P.WAREHOUSES_MANAGE),
    "delete_warehouse": needs(P.WAREHOUSES_MANAGE),
    "get_level": needs(P.INVENTORY_READ),
    "adjust_stock": needs(P.INVENTORY_WRITE),
    # /ledger
    "ledger_accounts": needs(P.LEDGER_READ),
    "ledger_entries": needs(P.LEDGER_READ),
    # /notifications
    "list_notifications": needs(P.NOTIFICATIONS_READ),
    "unread_count": needs(P.NOTIFICATIONS_READ),
    "read_all": needs(P.NOTIFICATIONS_WRITE),
    "read_notification": needs(P.NOTIFICATIONS_WRITE),
    "get_preferences": needs(P.NOTIFICATIONS_READ),
    "put_preferences": needs(P.NOTIFICATIONS_WRITE),
    "unsubscribe_page": PUBLIC,
    "unsubscribe": PUBLIC,
    "push_key": PUBLIC,
    "add_device": needs(P.NOTIFICATIONS_WRITE),
    "remove_device": needs(P.NOTIFICATIONS_WRITE),
    "wait_for_stock": GUEST,
    "list_deliveries": needs(P.NOTIFICATIONS_MANAGE),
    "list_templates": needs(P.NOTIFICATIONS_MANAGE),
    "get_template": needs(P.NOTIFICATIONS_MANAGE),
    "put_template": needs(P.NOTIFICATIONS_MANAGE),
    "preview_template": needs(P.NOTIFICATIONS_MANAGE),
    "test_template": needs(P.NOTIFICATIONS_MANAGE),
    # /orders
    "place_order": guest(P.ORDERS_WRITE),
    "list_orders": needs(P.ORDERS_READ),
    "get_order": guest(P.ORDERS_READ),
    "cancel_order": guest(P.ORDERS_WRITE),
    "set_order_status": needs(P.ORDERS_FULFIL),
    "order_events": guest(P.ORDERS_READ),
    # /payments
    "get_payment": needs(P.PAYMENTS_READ),
    "capture_payment": needs(P.PAYMENTS_CAPTURE),
    "refund_payment": needs(P.PAYMENTS_REFUND),
    # /webhooks
    "webhook": PUBLIC,
    # /products
    "list_products": GUEST,
    "create_product": needs(P.PRODUCTS_WRITE),
    "import_products": needs(P.PRODUCTS_IMPORT),
    "get_product": GUEST,
    "related_products": GUEST,
    "update_product": needs(P.PRODUCTS_WRITE),
    "patch_product": needs(P.PRODUCTS_WRITE),
    "delete_product": needs(P.PRODUCTS_WRITE),
    "list_reviews": PUBLIC,
    "submit_review": needs(P.REVIEWS_WRITE),
    # /reviews
    "list_all_reviews": needs(P.REVIEWS_WRITE),
    "import_reviews": needs(P.REVIEWS_IMPORT),
    "get_review_rules": needs(P.REVIEWS_MODERATE),
    "put_review_rules": needs(P.REVIEWS_MODERATE),
    "get_review": GUEST,
    "edit_review": needs(P.REVIEWS_WRITE),
    "delete_review": needs(P.REVIEWS_WRITE),
    "vote_on_review": needs(P.REVIEWS_WRITE),
    "report_review": needs(P.REVIEWS_WRITE),
    "reply_to_review": needs(P.REVIEWS_REPLY),
    "moderate_review": needs(P.REVIEWS_MODERATE),
    # /search
    "search": PUBLIC,
    "suggest": PUBLIC,
    "get_tuning": needs(P.SEARCH_TUNE),
    "set_tuning": needs(P.SEARCH_TUNE),
    "preview_tuning": needs(P.SEARCH_TUNE),
    # /shipping
    "shipping_rates": GUEST,
    "shipping_methods": PUBLIC,
    # /shipments
    "create_shipment": needs(P.SHIPMENTS_WRITE),
    "get_shipment": needs(P.SHIPMENTS_READ),
    "add_shipment_event": needs(P.SHIPMENTS_WRITE),
    # /tracking
    "track": PUBLIC,
    # /tax-rates
    "list_tax_rates": needs(P.TAXES_MANAGE),
    "put_tax_rate": needs(P.TAXES_MANAGE),
    "delete_tax_rate": needs(P.TAXES_MANAGE),
    # /users
    "get_profile": needs(P.ACCOUNT_READ),
    "update_profile": needs(P.ACCOUNT_WRITE),
    "list_addresses": needs(P.ACCOUNT_READ),
    "add_address": needs(P.ACCOUNT_WRITE),
    "get_address": needs(P.ACCOUNT_READ),
    "update_address": needs(P.ACCOUNT_WRITE),
    "delete_address": needs(P.ACCOUNT_WRITE),
}
"""Operation id → access."""


def access_of(route: str) -> Access:
    """The access of a route. Raises `LookupError` for one that the table lacks."""
    try:
        return ROUTES[route]
    except KeyError:
        raise LookupError(f"{route} is missing in schemas/permissions/routes.py") from None
