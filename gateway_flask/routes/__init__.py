"""The routes, one module for each area of the API."""

from typing import Final

from flask_openapi3 import OpenAPI

from gateway_flask.routes import (
    accounts,
    analytics,
    audit,
    auth,
    cart,
    categories,
    config,
    events,
    files,
    inventory,
    ledger,
    notifications,
    oauth,
    orders,
    payments,
    privacy,
    product_parts,
    products,
    reviews,
    roles,
    search,
    security,
    shipping,
    start_page,
    system,
    taxes,
    users,
    webhooks,
)

AREAS: Final = (
    auth,
    security,
    oauth,
    roles,
    users,
    privacy,
    accounts,
    products,
    product_parts,
    categories,
    taxes,
    inventory,
    cart,
    shipping,
    orders,
    notifications,
    payments,
    ledger,
    reviews,
    files,
    audit,
    search,
    config,
    events,
    analytics,
    webhooks,
)


def install(app: OpenAPI) -> None:
    """Add every route to the app."""
    for area in AREAS:
        app.register_api(area.api.blueprint)
    system.install(app)
    start_page.install(app)
