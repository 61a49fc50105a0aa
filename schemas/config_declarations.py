"""The runtime settings that can be set, and the predefined feature flags."""

from typing import Final

from schemas.api.config import Declared, FlagWrite

SETTINGS: Final[dict[str, Declared]] = {
    declared.key: declared
    for declared in (
        Declared(
            key="auth.administrators_need_second_factor",
            type="boolean",
            default=False,
            description="Whether administrators can use their permissions only after setting up a second factor.",
            scope="auth",
        ),
        Declared(
            key="audit.retention_days",
            type="integer",
            default=1_095,
            minimum=0,
            maximum=36_500,
            description="Days after which audit entries are deleted, 90 at least; 0 keeps them for ever.",
            scope="audit",
        ),
        Declared(
            key="analytics.suggestion_sessions",
            type="integer",
            default=5,
            minimum=1,
            maximum=1_000,
            description="How many sessions must have found and opened something by a query, to suggest it.",
            scope="analytics",
        ),
        Declared(
            key="analytics.suggestion_networks",
            type="integer",
            default=3,
            minimum=1,
            maximum=1_000,
            description="How many networks those sessions must have come from.",
            scope="analytics",
        ),
        Declared(
            key="analytics.suggestion_share_percent",
            type="number",
            default=0.05,
            minimum=0,
            maximum=100,
            description="The share of all searches of 30 days that a query needs to be suggested; in percent.",
            scope="analytics",
        ),
        Declared(
            key="search.blocked_suggestions",
            type="text",
            default="",
            minimum=0,
            maximum=5_000,
            description="Words and phrases, comma-separated, that no suggested query may contain.",
            scope="search",
        ),
        Declared(
            key="inventory.low_stock_threshold",
            type="integer",
            default=None,
            minimum=0,
            maximum=1_000_000,
            description="Units at or below which a SKU that has no threshold of its own runs low.",
            scope="inventory",
        ),
        Declared(
            key="inventory.stock_hold_seconds",
            type="integer",
            default=None,
            minimum=60,
            maximum=86_400,
            description="How long stock is held for an order that isn't paid, in seconds.",
            scope="inventory",
        ),
        Declared(
            key="notifications.staff_email",
            type="text",
            default=None,
            minimum=3,
            maximum=254,
            description="Address of the shop's staff, for messages about disputes.",
            scope="notifications",
        ),
        Declared(
            key="orders.answer_within_seconds",
            type="number",
            default=None,
            minimum=0.5,
            maximum=7,
            description="After how many seconds an order whose outcome is open is answered with 202.",
            scope="orders",
        ),
        Declared(
            key="orders.maximum_units_of_a_line",
            type="integer",
            default=10_000,
            minimum=1,
            maximum=10_000,
            description="How many units of one SKU an order may have.",
            scope="orders",
        ),
        Declared(
            key="payments.vendor_commission_percent",
            type="number",
            default=0,
            minimum=0,
            maximum=100,
            description="The shop's commission on goods that vendors sell, of payments from now on; in percent.",
            scope="payments",
        ),
        Declared(
            key="webhooks.delivery_days",
            type="integer",
            default=30,
            minimum=1,
            maximum=3_650,
            description="For how many days deliveries of webhooks are kept, with their requests and replies.",
            scope="webhooks",
        ),
    )
}
"""Settings by their key."""
KILL_SWITCHES: Final[dict[str, str]] = {
    "reviews": "reading and writing reviews",
    "recommendations": "related products",
    "guest_checkout": "ordering without an account",
    "search_engine": "Elasticsearch; off: search answers from the catalogue's titles",
    "payments.sandbox": "paying through the sandbox",
    "payments.stripe": "paying through Stripe",
}
"""Predefined flags, initially enabled, with what they switch off."""
ON: Final = FlagWrite(enabled=True, default=True)
