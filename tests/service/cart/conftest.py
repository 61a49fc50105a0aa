"""Carts on the real Redis, with a fake of `products.price_skus`."""

from collections.abc import Iterator
from typing import Any

import pytest
from nameko.testing.services import worker_factory

from schemas.rpc.products import ProductsRpc
from services.cart.service import CartService
from services.cart.settings import CartSettings
from services.cart.store import CartStore
from services.chassis.common.ids import new_id
from services.chassis.messaging.signatures import Signature
from services.chassis.runtime.settings import load
from services.chassis.testing import connect_redis
from tests.support.fake_services import typed


class Products:
    """A fake of the products service with the SKUs that a test adds; counts its calls."""

    interface = ProductsRpc

    def __init__(self) -> None:
        self.priced_skus: dict[str, dict[str, Any]] = {}
        self.calls = 0

    def add_sku(self, sku: str, unit_price: int = 100, available: int = 10, **fields: Any) -> None:
        self.priced_skus[sku] = {
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
            **fields,
        }

    def price_skus(self, skus: list[str], country: str | None = None, region: str | None = None) -> dict[str, Any]:
        self.calls += 1
        rate = 1900 if country == "DE" else 0
        return {sku: self.priced_skus[sku] | {"tax_rate_bp": rate} for sku in skus if sku in self.priced_skus}


class Carts:
    """Calls the cart service through its RPC contract."""

    def __init__(self, store: CartStore, products: Products) -> None:
        self.service_class = CartService
        self.service = worker_factory(CartService, carts=store, products=typed(products), settings=load(CartSettings))

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
    catalogue.add_sku("MUG")
    catalogue.add_sku("LAMP", 250)
    return catalogue


@pytest.fixture
def carts(cart_store: CartStore, products: Products) -> Carts:
    return Carts(cart_store, products)


@pytest.fixture
def user() -> str:
    return new_id()
