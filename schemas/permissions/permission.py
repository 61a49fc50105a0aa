"""The permissions. A role is a named set of them; an API key's scopes are a selection of its owner's."""

from enum import StrEnum
from functools import cache
from typing import Final


class Permission(StrEnum):
    """One thing that a caller may do. Without `_any` or `manage`: with the caller's own resources only."""

    ACCOUNT_READ = "account.read"
    ACCOUNT_WRITE = "account.write"
    ACCOUNT_SECURITY = "account.security"
    ACCOUNT_ERASE = "account.erase"
    ORDERS_READ = "orders.read"
    ORDERS_WRITE = "orders.write"
    PAYMENTS_READ = "payments.read"
    SHIPMENTS_READ = "shipments.read"
    REVIEWS_WRITE = "reviews.write"
    FILES_READ = "files.read"
    FILES_WRITE = "files.write"
    NOTIFICATIONS_READ = "notifications.read"
    NOTIFICATIONS_WRITE = "notifications.write"
    API_KEYS = "api_keys.write"

    PRODUCTS_WRITE = "products.write"
    INVENTORY_READ = "inventory.read"
    INVENTORY_WRITE = "inventory.write"
    ORDERS_FULFIL = "orders.fulfil"
    SHIPMENTS_WRITE = "shipments.write"
    REVIEWS_REPLY = "reviews.reply"
    ANALYTICS_READ = "analytics.read"
    REPORTS_WRITE = "reports.write"
    WEBHOOKS_WRITE = "webhooks.write"

    PRODUCTS_MANAGE = "products.manage"
    PRODUCTS_IMPORT = "products.import"
    CATEGORIES_MANAGE = "categories.manage"
    TAXES_MANAGE = "taxes.manage"
    INVENTORY_MANAGE = "inventory.manage"
    WAREHOUSES_MANAGE = "warehouses.manage"
    ORDERS_READ_ANY = "orders.read_any"
    ORDERS_MANAGE = "orders.manage"
    PAYMENTS_READ_ANY = "payments.read_any"
    PAYMENTS_CAPTURE = "payments.capture"
    PAYMENTS_REFUND = "payments.refund"
    LEDGER_READ = "ledger.read"
    SHIPMENTS_MANAGE = "shipments.manage"
    REVIEWS_MODERATE = "reviews.moderate"
    REVIEWS_IMPORT = "reviews.import"
    SEARCH_TUNE = "search.tune"
    NOTIFICATIONS_MANAGE = "notifications.manage"
    ANALYTICS_READ_ANY = "analytics.read_any"
    FILES_MANAGE = "files.manage"
    WEBHOOKS_MANAGE = "webhooks.manage"
    USERS_READ = "users.read"
    USERS_MANAGE = "users.manage"
    USERS_ROLES = "users.roles"
    USERS_ERASE = "users.erase"
    ROLES_MANAGE = "roles.manage"
    SERVICE_ACCOUNTS = "service_accounts.manage"
    AUDIT_READ = "audit.read"
    CONFIG_READ = "config.read"
    CONFIG_WRITE = "config.write"


P = Permission
DESCRIPTIONS: Final[dict[Permission, str]] = {
    P.ACCOUNT_READ: "read the own account, profile and addresses",
    P.ACCOUNT_WRITE: "change the own profile, addresses and preferences",
    P.ACCOUNT_SECURITY: "change the own password, sessions and second factor; export the own data",
    P.ACCOUNT_ERASE: "erase the own account",
    P.ORDERS_READ: "read own orders and the own cart",
    P.ORDERS_WRITE: "fill the own cart, place, cancel and return own orders",
    P.PAYMENTS_READ: "read payments of own orders",
    P.SHIPMENTS_READ: "read shipments of own orders",
    P.REVIEWS_WRITE: "write own reviews, vote on and report those of others",
    P.FILES_READ: "list own files",
    P.FILES_WRITE: "upload files, link and delete own ones",
    P.NOTIFICATIONS_READ: "read own notifications",
    P.NOTIFICATIONS_WRITE: "mark own notifications, change own preferences and devices",
    P.API_KEYS: "create and delete own API keys",
    P.PRODUCTS_WRITE: "create and change own products",
    P.INVENTORY_READ: "read the stock of own products",
    P.INVENTORY_WRITE: "adjust the stock of own products",
    P.ORDERS_FULFIL: "read and fulfil the own lines of orders",
    P.SHIPMENTS_WRITE: "create shipments of own lines and add their events",
    P.REVIEWS_REPLY: "reply to reviews of own products",
    P.ANALYTICS_READ: "read figures of own products",
    P.REPORTS_WRITE: "create and run own reports",
    P.WEBHOOKS_WRITE: "subscribe webhooks to events of own products and order lines",
    P.PRODUCTS_MANAGE: "create and change all products",
    P.PRODUCTS_IMPORT: "import products",
    P.CATEGORIES_MANAGE: "create and change categories",
    P.TAXES_MANAGE: "change tax rates",
    P.INVENTORY_MANAGE: "read and adjust the stock of all products",
    P.WAREHOUSES_MANAGE: "create and change warehouses",
    P.ORDERS_READ_ANY: "read all orders",
    P.ORDERS_MANAGE: "cancel and fulfil all orders, resume stuck ones",
    P.PAYMENTS_READ_ANY: "read all payments",
    P.PAYMENTS_CAPTURE: "capture payments",
    P.PAYMENTS_REFUND: "refund payments",
    P.LEDGER_READ: "read the ledger",
    P.SHIPMENTS_MANAGE: "read and change all shipments",
    P.REVIEWS_MODERATE: "read, moderate and delete all reviews",
    P.REVIEWS_IMPORT: "import reviews",
    P.SEARCH_TUNE: "change synonyms, weights and promoted products of search",
    P.NOTIFICATIONS_MANAGE: "change templates, read deliveries",
    P.ANALYTICS_READ_ANY: "read figures of the whole shop",
    P.FILES_MANAGE: "read and delete all files",
    P.WEBHOOKS_MANAGE: "subscribe webhooks to all events, manage all subscriptions",
    P.USERS_READ: "search and read accounts",
    P.USERS_MANAGE: "change and disable accounts, manage groups",
    P.USERS_ROLES: "set the roles of accounts",
    P.USERS_ERASE: "erase accounts of persons who have requested it",
    P.ROLES_MANAGE: "edit the permissions of roles",
    P.SERVICE_ACCOUNTS: "create API keys of service accounts",
    P.AUDIT_READ: "read the audit trail",
    P.CONFIG_READ: "read settings and flags",
    P.CONFIG_WRITE: "change settings and flags",
}
"""The permissions in words, for the list of roles and the form of an API key."""

IMPLIED: Final[dict[Permission, frozenset[Permission]]] = {
    P.PRODUCTS_MANAGE: frozenset({P.PRODUCTS_WRITE}),
    P.INVENTORY_MANAGE: frozenset({P.INVENTORY_READ, P.INVENTORY_WRITE}),
    P.ORDERS_READ_ANY: frozenset({P.ORDERS_READ}),
    P.ORDERS_MANAGE: frozenset({P.ORDERS_READ_ANY, P.ORDERS_READ, P.ORDERS_WRITE, P.ORDERS_FULFIL, P.SHIPMENTS_WRITE}),
    P.PAYMENTS_READ_ANY: frozenset({P.PAYMENTS_READ}),
    P.SHIPMENTS_MANAGE: frozenset({P.SHIPMENTS_READ, P.SHIPMENTS_WRITE}),
    P.REVIEWS_MODERATE: frozenset({P.REVIEWS_WRITE, P.REVIEWS_REPLY}),
    P.ANALYTICS_READ_ANY: frozenset({P.ANALYTICS_READ, P.REPORTS_WRITE}),
    P.FILES_MANAGE: frozenset({P.FILES_READ, P.FILES_WRITE}),
    P.WEBHOOKS_MANAGE: frozenset({P.WEBHOOKS_WRITE}),
    P.USERS_MANAGE: frozenset({P.USERS_READ}),
    P.USERS_ERASE: frozenset({P.USERS_READ}),
    P.CONFIG_WRITE: frozenset({P.CONFIG_READ}),
}
"""Permissions that one includes: all resources include the own ones, writing includes reading."""

NOT_FOR_KEYS: Final = frozenset(
    {
        P.ACCOUNT_SECURITY,
        P.ACCOUNT_ERASE,
        P.API_KEYS,
        P.USERS_ROLES,
        P.USERS_ERASE,
        P.ROLES_MANAGE,
        P.SERVICE_ACCOUNTS,
    }
)
"""Permissions that no API key can have: a leaked key must not be able to extend itself, or erase anybody."""
SECOND_FACTOR: Final = frozenset(
    {
        P.PAYMENTS_REFUND,
        P.ACCOUNT_ERASE,
        P.USERS_ROLES,
        P.USERS_ERASE,
        P.ROLES_MANAGE,
        P.API_KEYS,
        P.SERVICE_ACCOUNTS,
    }
)
"""Permissions whose use needs a recent second factor of accounts that have one (step-up)."""
OWN: Final = frozenset(
    {
        P.ACCOUNT_READ,
        P.ACCOUNT_WRITE,
        P.ACCOUNT_SECURITY,
        P.ACCOUNT_ERASE,
        P.ORDERS_READ,
        P.ORDERS_WRITE,
        P.PAYMENTS_READ,
        P.SHIPMENTS_READ,
        P.REVIEWS_WRITE,
        P.FILES_READ,
        P.FILES_WRITE,
        P.NOTIFICATIONS_READ,
        P.NOTIFICATIONS_WRITE,
        P.API_KEYS,
    }
)
"""The permissions of every customer."""
UNVERIFIED: Final = OWN - {P.API_KEYS}
"""The permissions that an account has before its mail address is verified."""


@cache
def expanded(permissions: frozenset[Permission]) -> frozenset[Permission]:
    """The permissions with those that they include."""
    return permissions.union(*(IMPLIED.get(permission, frozenset()) for permission in permissions))
