"""A well-formed path for each route of the gateway, and the table of the roles that may use it."""

from typing import Final

from gateway_flask import routes  # noqa: F401 - declares the endpoints
from gateway_flask.openapi.endpoints import ENDPOINTS, PREFIX

ID: Final = "0197b1c8-7a5e-7cc0-9f00-000000000001"
PATH_PARAMETERS: Final = {
    "id": ID,
    "delivery_id": ID,
    "slug": "no-such-category",
    "sku": "NO-SUCH-SKU",
    "code": "no-such-warehouse",
    "number": "NOSUCHNUMBER",
    "provider": "sandbox",
    "name": "no_such_flag",
    "key": "no.such_setting",
    "kind": "order_shipped",
    "file_id": ID,
}
"""Path parameters that are well formed and identify nothing."""
ROUTE_PARAMETERS: Final[dict[str, dict[str, str]]] = {
    "get_tax_rate": {"id": "DE:*:standard"},
    "delete_tax_rate": {"id": "DE:*:standard"},
    "get_group": {"name": "no-such-group"},
    "put_group": {"name": "no-such-group"},
    "delete_group": {"name": "no-such-group"},
    "get_role": {"name": "NO_SUCH_ROLE"},
    "put_role": {"name": "NO_SUCH_ROLE"},
    "reset_role": {"name": "NO_SUCH_ROLE"},
}
"""Path parameters that have another format on one route."""


def path_of(name: str, **parts: str) -> str:
    """The path of a route, without the prefix, with these path parameters."""
    rule = ENDPOINTS[name].rule.removeprefix(PREFIX)
    template = rule.replace("<string:", "{").replace("<path:", "{").replace(">", "}")
    return template.format(**PATH_PARAMETERS | ROUTE_PARAMETERS.get(name, {}) | parts)


ANONYMOUS: Final = "ANONYMOUS"
ROLES: Final = (ANONYMOUS, "CUSTOMER", "VENDOR", "SUPPORT", "CATALOGUE", "FINANCE", "ANALYST", "ADMIN")

PUBLIC_ROUTES: Final = """
    register login refresh verify_email forgot_password reset_password two_factor_login
    list_oauth_providers start_oauth finish_oauth exchange_oauth_code
    category_tree get_category list_products get_product related_products search suggest list_variants
    get_cart add_item set_quantity remove_item clear_cart
    shipping_methods shipping_rates track payment_methods
    place_order get_order cancel_order order_events
    list_reviews get_review
    get_file get_file_info get_flags track_events download_export
    unsubscribe_page unsubscribe push_key wait_for_stock webhook
"""
SIGNED_IN_ROUTES: Final = """
    logout logout_all resend_verification change_password me list_permissions
    list_sessions end_session two_factor_state set_up_totp confirm_totp remove_totp renew_recovery_codes
    create_api_key list_api_keys delete_api_key list_identities remove_identity
    request_export get_export erase_account
    get_user_preferences put_user_preferences
    get_profile update_profile list_addresses add_address get_address update_address delete_address
    list_orders get_payment get_shipment
    submit_review list_all_reviews edit_review delete_review vote_on_review report_review
    upload_file list_files link_file delete_file
    list_notifications unread_count read_all read_notification get_preferences put_preferences
    add_device remove_device
"""
VENDOR_ROUTES: Final = """
    create_product update_product patch_product delete_product
    add_variant patch_variant delete_variant put_options add_image delete_image
    low_stock get_level adjust_stock set_stock_threshold
    set_order_status create_shipment add_shipment_event
    reply_to_review
    analytics_sales analytics_top_products analytics_stock analytics_funnel analytics_customers analytics_live
    list_reports create_report get_report update_report delete_report run_report report_result
    list_webhook_event_types create_webhook list_webhooks get_webhook update_webhook delete_webhook
    rotate_webhook_secret test_webhook list_webhook_deliveries replay_webhook_delivery
"""
ADMIN_ROUTES: Final = """
    list_roles get_role put_role reset_role
    get_erasure list_users get_user update_user set_user_roles erase_user list_groups get_group put_group delete_group
    create_category update_category delete_category import_products
    list_tax_rates get_tax_rate put_tax_rate delete_tax_rate
    list_warehouses get_warehouse put_warehouse delete_warehouse
    capture_payment refund_payment ledger_accounts ledger_entries
    import_reviews get_review_rules put_review_rules moderate_review
    get_tuning set_tuning preview_tuning
    list_flags get_flag put_flag list_settings get_setting put_setting setting_history roll_setting_back
    list_deliveries list_templates get_template put_template preview_template test_template
    list_audit export_audit verify_audit
    analytics_cohorts analytics_payments analytics_delivery analytics_abandoned_carts analytics_search
    analytics_flags
"""
STAFF_ROUTES: Final = {
    "SUPPORT": """
        get_erasure list_users get_user list_groups get_group
        set_order_status create_shipment add_shipment_event low_stock get_level
        reply_to_review get_review_rules put_review_rules moderate_review
    """,
    "CATALOGUE": """
        create_product update_product patch_product delete_product import_products
        add_variant patch_variant delete_variant put_options add_image delete_image
        create_category update_category delete_category
        low_stock get_level adjust_stock set_stock_threshold
        list_warehouses get_warehouse put_warehouse delete_warehouse
        get_tuning set_tuning preview_tuning
        reply_to_review get_review_rules put_review_rules moderate_review
    """,
    "FINANCE": """
        capture_payment refund_payment ledger_accounts ledger_entries
        list_tax_rates get_tax_rate put_tax_rate delete_tax_rate
        analytics_sales analytics_top_products analytics_stock analytics_funnel analytics_customers analytics_live
        list_reports create_report get_report update_report delete_report run_report report_result
        analytics_cohorts analytics_payments analytics_delivery analytics_abandoned_carts analytics_search
        analytics_flags
    """,
    "ANALYST": """
        analytics_sales analytics_top_products analytics_stock analytics_funnel analytics_customers analytics_live
        list_reports create_report get_report update_report delete_report run_report report_result
        analytics_cohorts analytics_payments analytics_delivery analytics_abandoned_carts analytics_search
        analytics_flags
    """,
}
"""The routes of the shop's staff, besides those of every signed-in person."""
ACCESS: Final[dict[str, frozenset[str]]] = {
    name: frozenset(roles).union(role for role, routes_ in STAFF_ROUTES.items() if name in routes_.split())
    for names, roles in (
        (PUBLIC_ROUTES, ROLES),
        (SIGNED_IN_ROUTES, ROLES[1:]),
        (VENDOR_ROUTES, ("VENDOR", "ADMIN")),
        (ADMIN_ROUTES, ("ADMIN",)),
    )
    for name in names.split()
}
"""The roles that may use a route, by its name. Written by hand, to check the code's own declarations against it."""
