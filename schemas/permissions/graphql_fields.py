"""The access of every field of GraphQL's Query, Mutation and Subscription. One that is missing here can't be served.

A field needs what the REST route of the same data needs (`schemas.permissions.routes`); the owning service checks it
again. Fields of other types are parts of what these gave.
"""

from typing import Final

from schemas.permissions.access import GUEST, PUBLIC, Access, guest, needs
from schemas.permissions.permission import Permission as P

FIELDS: Final[dict[str, Access]] = {
    "Query.product": GUEST,
    "Query.products": PUBLIC,
    "Query.categories": PUBLIC,
    "Query.category": PUBLIC,
    "Query.search": PUBLIC,
    "Query.cart": guest(P.ORDERS_READ),
    "Query.order": guest(P.ORDERS_READ),
    "Query.orders": needs(P.ORDERS_READ),
    "Query.me": needs(P.ACCOUNT_READ),
    "Mutation.addToCart": guest(P.ORDERS_WRITE),
    "Mutation.updateCartItem": guest(P.ORDERS_WRITE),
    "Mutation.removeFromCart": guest(P.ORDERS_WRITE),
    "Mutation.placeOrder": guest(P.ORDERS_WRITE),
    "Mutation.cancelOrder": guest(P.ORDERS_WRITE),
    "Subscription.orderStatus": guest(P.ORDERS_READ),
    "Subscription.liveFigures": needs(P.ANALYTICS_READ),
}
"""`Type.field` → access."""


def access_of(field: str) -> Access:
    """The access of a root field. Raises `LookupError` for one that the table lacks."""
    try:
        return FIELDS[field]
    except KeyError:
        raise LookupError(f"{field} is missing in schemas/permissions/graphql_fields.py") from None
