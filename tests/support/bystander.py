"""A customer who has something of everything, and an eye on all of it: what nobody's mistakes may change."""

from functools import cached_property
from typing import Any

from tests.support import books
from tests.support.shop import ADDRESS, Shop, eventually


class Bystander:
    """Somebody with a cart, an order, its payment and shipment, and an address."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.client = shop.customer()
        self.sku = shop.product(stock=10)
        self.client.add(self.sku)
        placed = self.client.order()
        assert placed.status == 201, placed
        self.order_id: str = placed.data["id"]
        self.payment_id: str = placed.data["payment"]["id"]
        self.product_id: str = placed.data["items"][0]["product_id"]
        self.address_id: str = self.client("POST", "/users/me/addresses", ADDRESS).data["id"]
        assert eventually(lambda: self.client("GET", "/cart").data["items"] == [])
        assert eventually(lambda: [row["status"] for row in self.client("GET", "/orders").data] == ["confirmed"])
        self.client.add(self.sku, 2)

    @cached_property
    def user_id(self) -> str:
        return str(self.client("GET", "/auth/me").data["id"])

    def state(self) -> dict[str, Any]:
        """All of it."""
        mine = ("/auth/me", "/users/me", "/cart", f"/orders/{self.order_id}", f"/orders/{self.order_id}/events")
        mine += ("/orders", f"/payments/{self.payment_id}", "/users/me/addresses", f"/products/{self.product_id}")
        state: dict[str, Any] = {path: self.client("GET", path).data for path in mine}
        state["level"] = self.shop.level(self.sku)
        state["orders"] = books.orders_with(self.sku)
        state["charges"] = books.bank_charges_of([self.order_id])
        for path in ("/inventory/warehouses", "/tax-rates", "/categories"):
            state[path] = self.shop.admin("GET", path).data
        return state
