"""Carts on the real Redis, and a catalogue that keeps the contract of `products.price_skus`."""

from collections.abc import Iterator
from typing import Any

import pytest
from nameko.testing.services import worker_factory

from schemas.rpc.products import ProductsRpc
from services.cart.store import CartStore
from services.chassis.common.ids import new_id
from services.chassis.messaging.signatures import Signature
from services.chassis.testing import connect_redis
from tests.support.fake_services import typed


class Products:
    """What is for sale; counts how often it is asked."""

    interface = ProductsRpc

    def __init__(self) -> None:
        self.facts: dict[str, dict[str, Any]] = {}
        self.asked = 0

    def sells(self, sku: str, unit_price: int = 100, available: int = 10, **more: Any) -> None:
        self.facts[sku] = {
            "sku": sku,
            "product_id": "0197a000-0000-7000-8000-00000000000e",
            "title": f"The {sku}",
            "thumbnail": None,
            "unit_price": unit_price,
            "currency": "USD",
            "weight_g": 10,
            "available": available,
            "active": True,
            "tax_rate_bp": 0,
            "category": None,
            "vendor_id": None,
            **more,
        }

    def price_skus(self, skus: list[str], country: str | None = None, region: str | None = None) -> dict[str, Any]:
        self.asked += 1
        rate = 1900 if country == "DE" else 0
        return {sku: self.facts[sku] | {"tax_rate_bp": rate} for sku in skus if sku in self.facts}


class Carts:
    """The service as its callers see it."""

    def __init__(self, store: CartStore, products: Products) -> None:
        from services.cart.service import CartService

        self.service_class = CartService
        self.service = worker_factory(CartService, carts=store, products=typed(products))

    def __getattr__(self, method: str) -> Any:
        contract = Signature(getattr(self.service_class, method))
        return lambda **kwargs: getattr(self.service, method)(*contract.arguments([], kwargs))


@pytest.fixture(scope="module")
def cart_store() -> Iterator[CartStore]:
    with connect_redis("cart", CartStore) as store:
        yield store


@pytest.fixture
def products() -> Products:
    catalogue = Products()
    catalogue.sells("MUG")
    catalogue.sells("LAMP", 250)
    return catalogue


@pytest.fixture
def carts(cart_store: CartStore, products: Products) -> Carts:
    return Carts(cart_store, products)


@pytest.fixture
def user() -> str:
    return new_id()
