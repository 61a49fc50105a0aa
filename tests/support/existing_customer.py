"""A customer with a cart, an order, a payment and an address, whose data no refused request may change."""

from functools import cached_property
from typing import Any

from tests.support import database
from tests.support.shop import ADDRESS, Shop, eventually


class ExistingCustomer:
    """A registered customer with a cart, a confirmed order with its payment, and a saved address."""

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
        """Everything the API and the databases hold about this customer, to be compared before and after a request."""
        paths = ("/auth/me", "/users/me", "/cart", f"/orders/{self.order_id}", f"/orders/{self.order_id}/events")
        paths += ("/orders", f"/payments/{self.payment_id}", "/users/me/addresses", f"/products/{self.product_id}")
        state: dict[str, Any] = {path: self.client("GET", path).data for path in paths}
        state["level"] = self.shop.level(self.sku)
        state["orders"] = database.orders_with(self.sku)
        state["charges"] = database.bank_charges_of([self.order_id])
        for path in ("/inventory/warehouses", "/tax-rates", "/categories"):
            state[path] = self.shop.admin("GET", path).data
        return state
