"""Carts of guests and customers, priced afresh at each look."""

from typing import Annotated, Any

from pydantic import Field

from schemas.api.cart import MAX_LINES, CartId
from schemas.api.inventory import StockLine
from schemas.base import Country, Id, Quantity, Sku
from schemas.events.orders import OrderConfirmed
from services.cart.domain import Cart, check_size, checkout, is_guest, sold, view
from services.cart.settings import CartSettings
from services.cart.store import CartStore, new_cart_id
from services.chassis.common import clock
from services.chassis.common.errors import NotFound
from services.chassis.messaging.events import on_event
from services.chassis.messaging.rpc import Remote, rpc
from services.chassis.runtime.service import Service
from services.chassis.runtime.settings import load
from services.chassis.stores.redis import Redis

SETTINGS = load(CartSettings)

Reply = dict[str, Any]
Bought = Annotated[list[StockLine], Field(max_length=MAX_LINES)]


class TimedCartStore(CartStore):
    """With guests' carts kept as long as the settings say."""

    def __init__(self, client: Any) -> None:
        super().__init__(client, SETTINGS.guest_cart)


class CartService(Service):
    """Whose cart: `user_id` if it is given, else the guest's that `cart_id` names."""

    name = "cart"
    carts = Redis(TimedCartStore)
    products = Remote("products")

    @rpc
    def get_cart(self, cart_id: CartId | None = None, user_id: Id | None = None) -> Reply:
        """The cart at today's prices, with warnings for what changed. Where there is none: empty, `id` null."""
        return self._view(self._find(cart_id, user_id))

    @rpc
    def add_item(
        self, sku: Sku, quantity: Quantity = 1, cart_id: CartId | None = None, user_id: Id | None = None
    ) -> Reply:
        """Put so many more in; makes the cart (with an id of ours, whatever the client said).

        Raises `NotFound` on `sku` when it isn't for sale, `OutOfStock` when there are fewer, `ValidationFailed` on
        `quantity` beyond 10,000 of a SKU, on `sku` beyond 100 different ones or for one in another currency.
        """
        cart = self._find(cart_id, user_id)
        priced = self._price(cart, sku)
        fact, now = sold(sku, priced), clock.now()
        if user_id:
            return self._view(self.carts.put("make", user_id, quantity, fact, now), priced, cart, sku)
        # a cart that was merged away or ran out since we read it: start another
        changed = (cart and self.carts.put("add", cart.id, quantity, fact, now)) or self.carts.put(
            "make", new_cart_id(), quantity, fact, now
        )
        return self._view(changed, priced, cart, sku)

    @rpc
    def set_quantity(
        self, sku: Sku, quantity: Quantity, cart_id: CartId | None = None, user_id: Id | None = None
    ) -> Reply:
        """How many of a SKU there shall be. Raises as `add_item`, and `NotFound` when it isn't in the cart."""
        cart = self._require(cart_id, user_id, sku)
        priced = self._price(cart, sku)
        changed = self.carts.put("set", cart.id, quantity, sold(sku, priced), clock.now())
        return self._view(changed, priced, cart, sku)

    @rpc
    def remove_item(self, sku: Sku, cart_id: CartId | None = None, user_id: Id | None = None) -> Reply:
        """Take a SKU out. Raises `NotFound` when it isn't in the cart."""
        cart = self._require(cart_id, user_id, sku)
        return self._view(self.carts.remove(cart.id, sku, clock.now()))

    @rpc
    def clear(self, cart_id: CartId | None = None, user_id: Id | None = None) -> Reply:
        """Take everything out."""
        cart = self._find(cart_id, user_id)
        return self._view(self.carts.clear(cart.id, clock.now()) if cart else None)

    @rpc
    def merge(self, cart_id: CartId, user_id: Id) -> Reply:
        """At login: the guest's lines go into the customer's cart, and the guest's cart is gone. Idempotent."""
        if not is_guest(cart_id):
            return self._view(self.carts.read(user_id))
        return self._view(self.carts.merge(cart_id, user_id, clock.now()))

    @rpc
    def checkout_view(
        self,
        cart_id: CartId | None = None,
        user_id: Id | None = None,
        country: Country | None = None,
        region: str | None = None,
    ) -> Reply:
        """The cart as an order takes it over, freshly priced and taxed for a destination (`CheckoutView`).

        Raises `NotFound` when a guest names a cart that doesn't exist, `ValidationFailed` for one beyond all bounds.
        """
        cart = self._find(cart_id, user_id)
        if cart is None and cart_id and not user_id:
            raise NotFound("There is no such cart", [{"field": "cart_id", "message": "does not exist"}])
        skus = [line.sku for line in cart.lines] if cart else []
        priced = self.products.price_skus(skus=skus, country=country, region=region) if skus else {}
        taken = checkout(cart, priced, SETTINGS.cart_currency)
        check_size(taken)
        return taken

    @rpc
    def take_ordered(self, cart_id: CartId, order_id: Id, lines: Bought) -> bool:
        """What an order bought leaves its cart, once; what was put in since stays. False when that was done before."""
        bought = [(line.sku, line.quantity) for line in lines]
        return self.carts.take_ordered(cart_id, order_id, bought, clock.now())

    @on_event(OrderConfirmed)
    def take_ordered_out(self, event: OrderConfirmed) -> None:
        """The same when the order itself could not say so."""
        ordered = [(item.sku, item.quantity) for item in event.items]
        self.carts.take_ordered(event.cart_id, event.order_id, ordered, clock.now())

    def _find(self, cart_id: str | None, user_id: str | None) -> Cart | None:
        if user_id:
            return self.carts.read(user_id)
        return self.carts.read(cart_id) if cart_id and is_guest(cart_id) else None

    def _require(self, cart_id: str | None, user_id: str | None, sku: str) -> Cart:
        cart = self._find(cart_id, user_id)
        if cart is None:
            raise NotFound(f"{sku} is not in the cart", [{"field": "sku", "message": "is not in the cart"}])
        return cart

    def _price(self, cart: Cart | None, *more: str) -> Reply:
        skus = dict.fromkeys([*more, *(line.sku for line in cart.lines)] if cart else more)
        return dict(self.products.price_skus(skus=list(skus))) if skus else {}

    def _view(self, cart: Cart | None, priced: Reply | None = None, before: Cart | None = None, sku: str = "") -> Reply:
        """The reply. `priced` is what was asked for when the cart was `before`, with `sku`: if others have put in
        something since, it is asked again.
        """
        asked = {sku, *(line.sku for line in before.lines)} if before else {sku}
        if priced is None or (cart and any(line.sku not in asked for line in cart.lines)):
            priced = self._price(cart)
        return view(cart, priced, SETTINGS.cart_currency)
