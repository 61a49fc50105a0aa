"""Cart service: carts of guests and customers, priced at each read."""

from typing import Any

from schemas.api.cart import CartId
from schemas.api.variants import PricedSku
from schemas.base import Country, Id, Quantity, Sku
from schemas.caller import ANONYMOUS, Caller
from schemas.events.orders import OrderConfirmed
from schemas.rpc.cart import CartRpc, OrderedLines
from schemas.rpc.products import ProductsRpc
from services.cart.domain import (
    Cart,
    check_size,
    checkout,
    is_guest,
    not_in_cart,
    sellable,
    unseen_prices,
    view,
)
from services.cart.settings import CartSettings
from services.cart.store import CartStore, new_cart_id
from services.chassis.common import clock
from services.chassis.common.errors import NotFound
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.personal_data import Person, PersonalDataHandlers, Sections
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Configured, Service
from services.chassis.stores.redis import Redis

BATCH = 200
"""Maximum number of confirmed orders whose carts are looked at together."""
BATCH_SECONDS = 0.5
"""How long a confirmed order waits for others, in seconds."""


class CartService(PersonalDataHandlers, Service):
    """A signed-in caller has the cart of their user id, a guest the cart that `cart_id` names."""

    name = "cart"
    settings = Configured(CartSettings)
    carts = Redis(CartStore, CartSettings)
    products = Remote(ProductsRpc)

    @implements(CartRpc.get_cart)
    def get_cart(self, cart_id: CartId | None = None, caller: Caller = ANONYMOUS) -> Json:
        return self._view(self._find(cart_id, caller))

    @implements(CartRpc.add_item)
    def add_item(
        self, sku: Sku, quantity: Quantity = 1, cart_id: CartId | None = None, caller: Caller = ANONYMOUS
    ) -> Json:
        cart = self._find(cart_id, caller)
        priced = self._price(cart, sku)
        fact, now = sellable(sku, priced), clock.now()
        if caller.user_id:
            return self._view(self.carts.put("make", caller.user_id, quantity, fact, now), priced, cart, sku)
        # a cart that was merged away or ran out since we read it: start another
        changed = (cart and self.carts.put("add", cart.id, quantity, fact, now)) or self.carts.put(
            "make", new_cart_id(), quantity, fact, now
        )
        return self._view(changed, priced, cart, sku)

    @implements(CartRpc.set_quantity)
    def set_quantity(
        self, sku: Sku, quantity: Quantity, cart_id: CartId | None = None, caller: Caller = ANONYMOUS
    ) -> Json:
        cart = self._require(cart_id, caller, sku)
        priced = self._price(cart, sku)
        changed = self.carts.put("set", cart.id, quantity, sellable(sku, priced), clock.now())
        return self._view(changed, priced, cart, sku)

    @implements(CartRpc.remove_item)
    def remove_item(self, sku: Sku, cart_id: CartId | None = None, caller: Caller = ANONYMOUS) -> Json:
        cart = self._require(cart_id, caller, sku)
        return self._view(self.carts.remove(cart.id, sku, clock.now()))

    @implements(CartRpc.clear)
    def clear(self, cart_id: CartId | None = None, caller: Caller = ANONYMOUS) -> Json:
        cart = self._find(cart_id, caller)
        return self._view(self.carts.clear(cart.id, clock.now()) if cart else None)

    @implements(CartRpc.merge)
    def merge(self, cart_id: CartId, caller: Caller) -> Json:
        user_id = str(caller.user_id)
        cart = self.carts.merge(cart_id, user_id, clock.now()) if is_guest(cart_id) else self.carts.read(user_id)
        return view(cart, self._price(cart), self.settings.cart_currency)

    @implements(CartRpc.checkout_view)
    def checkout_view(
        self,
        cart_id: CartId | None = None,
        caller: Caller = ANONYMOUS,
        country: Country | None = None,
        region: str | None = None,
    ) -> Json:
        cart = self._find(cart_id, caller)
        if cart is None and cart_id and not caller.user_id:
            raise NotFound("There is no such cart", [{"field": "cart_id", "message": "does not exist"}])
        skus = [line.sku for line in cart.lines] if cart else []
        priced = self.products.price_skus(skus=skus, country=country, region=region) if skus else {}
        view = checkout(cart, priced, self.settings.cart_currency)
        check_size(view)
        return view

    @implements(CartRpc.remove_ordered)
    def remove_ordered(self, cart_id: CartId, order_id: Id, lines: OrderedLines) -> bool:
        quantities = [(line.sku, line.quantity) for line in lines]
        return self.carts.remove_ordered(cart_id, order_id, quantities, clock.now())

    @on_batch(OrderConfirmed, size=BATCH, seconds=BATCH_SECONDS)
    def remove_confirmed(self, events: list[OrderConfirmed]) -> None:
        """Remove what was bought where the order could not call `remove_ordered` itself."""
        removed = self.carts.removed_orders([(event.cart_id, event.order_id) for event in events])
        for event in events:
            if event.order_id not in removed:
                ordered = [(item.sku, item.quantity) for item in event.items]
                self.carts.remove_ordered(event.cart_id, event.order_id, ordered, clock.now())

    def personal_data(self, person: Person) -> Sections:
        cart = self.carts.read(person.user_id)
        if cart is None:
            return {"items": []}
        return {"items": [{"sku": line.sku, "title": line.title, "quantity": line.quantity} for line in cart.lines]}

    def erase_person(self, person: Person) -> None:
        self.carts.delete(person.user_id)

    def _find(self, cart_id: str | None, caller: Caller) -> Cart | None:
        if caller.user_id:
            return self.carts.read(caller.user_id)
        return self.carts.read(cart_id) if cart_id and is_guest(cart_id) else None

    def _require(self, cart_id: str | None, caller: Caller, sku: str) -> Cart:
        cart = self._find(cart_id, caller)
        if cart is None:
            raise not_in_cart(sku)
        return cart

    def _price(self, cart: Cart | None, *more: str) -> dict[str, PricedSku]:
        skus = dict.fromkeys([*more, *(line.sku for line in cart.lines)] if cart else more)
        return self.products.price_skus(skus=list(skus)) if skus else {}

    def _view(
        self, cart: Cart | None, priced: dict[str, PricedSku] | None = None, before: Cart | None = None, sku: str = ""
    ) -> dict[str, Any]:
        """The reply, whose prices are recorded as seen; `priced` are the prices requested for `before` and `sku`,
        requested again if lines were added meanwhile.
        """
        skus = {sku, *(line.sku for line in before.lines)} if before else {sku}
        if priced is None or (cart and any(line.sku not in skus for line in cart.lines)):
            priced = self._price(cart)
        if cart and (prices := unseen_prices(cart, priced)):
            self.carts.record_seen(cart.id, prices)
        return view(cart, priced, self.settings.cart_currency)
