"""RPC interface of the cart service."""

from typing import Annotated, Protocol

from pydantic import Field

from schemas.api.cart import MAX_LINES, Cart, CartId, CheckoutView
from schemas.api.inventory import StockLine
from schemas.base import Country, Id, Quantity, Sku
from schemas.caller import ANONYMOUS, Caller

OrderedLines = Annotated[list[StockLine], Field(max_length=MAX_LINES)]


class CartRpc(Protocol):
    """Carts of guests and customers, priced at each read.

    A signed-in caller has the cart of their user id; a guest's is named by `cart_id`, which is its only key.
    """

    def get_cart(self, cart_id: CartId | None = None, caller: Caller = ANONYMOUS) -> Cart:
        """Get the cart at today's prices, with warnings for what changed. One that doesn't exist: empty, `id` null.

        The prices are recorded as seen, as by every reply but that of `merge`: an order may not cost more.
        """
        ...

    def add_item(
        self, sku: Sku, quantity: Quantity = 1, cart_id: CartId | None = None, caller: Caller = ANONYMOUS
    ) -> Cart:
        """Add units of a SKU; creates the cart, with a new id, where there is none.

        Raises `NotFound` for a SKU that is not sold, `OutOfStock` when fewer are available than the cart would hold,
        `ValidationFailed` for another currency, too many lines or too many units.
        """
        ...

    def set_quantity(
        self, sku: Sku, quantity: Quantity, cart_id: CartId | None = None, caller: Caller = ANONYMOUS
    ) -> Cart:
        """Set the quantity of a line. Raises as `add_item`, and `NotFound` when the SKU isn't in the cart."""
        ...

    def remove_item(self, sku: Sku, cart_id: CartId | None = None, caller: Caller = ANONYMOUS) -> Cart:
        """Remove a line. Raises `NotFound` when the SKU isn't in the cart."""
        ...

    def clear(self, cart_id: CartId | None = None, caller: Caller = ANONYMOUS) -> Cart:
        """Remove all lines."""
        ...

    def merge(self, cart_id: CartId, caller: Caller) -> Cart:
        """Move the lines of a guest's cart into the caller's and delete the guest's. Idempotent."""
        ...

    def checkout_view(
        self,
        cart_id: CartId | None = None,
        caller: Caller = ANONYMOUS,
        country: Country | None = None,
        region: str | None = None,
    ) -> CheckoutView:
        """Get the cart priced and taxed for a destination. Raises `NotFound` for a guest's cart that doesn't exist."""
        ...

    def remove_ordered(self, cart_id: CartId, order_id: Id, lines: OrderedLines) -> bool:
        """Remove what an order bought. Idempotent under `order_id`; True when lines were removed by this call."""
        ...
