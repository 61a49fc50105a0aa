"""A process that ends in the midst of a change of a product's part: all of the change is stored, or nothing.

The command is repeated with the same key, as a client does that has got no reply.
"""

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from nameko.testing.services import worker_factory

from services.chassis.common.errors import NotFound
from services.chassis.messaging.signatures import Signature
from services.products.service import ProductsService
from services.products.store import ProductStore
from tests.service.products.conftest import ADMIN, Catalogue, fields
from tests.support.crashes import Moment, crash_once
from tests.support.fake_services import SimulatedCrash

FILE = "0197a000-0000-7000-8000-0000000000f1"
PRICE = {"amount": 1, "currency": "USD"}
COLOURS = [{"name": "Colour", "values": ["Red", "Blue", "Green"]}]
KEYED = ("add_variant", "add_image")
"""Commands that take a key; the others replace or remove, so that a repetition changes nothing more."""
PARTS: dict[str, dict[str, Any]] = {
    "add_variant": {"variant": {"sku": "MUG-2", "price": PRICE, "options": {"Colour": "Green"}}},
    "change_variant": {"sku": "MUG-1", "patch": {"price": PRICE}},
    "remove_variant": {"sku": "MUG-0"},
    "replace_options": {"options": {"options": [{"name": "Colour", "values": ["Blue", "Red"]}]}},
    "add_image": {"image": {"file_id": FILE, "alt": "A mug"}},
    "remove_image": {"file_id": FILE[:-1] + "0"},
}
POINTS = [
    ("commands.products", "replace_one"),
    ("commands.sku_owners", "retire"),
    ("commands.store", "emit"),
    ("commands.store", "audit"),
    ("commands.store", "in_transaction"),
]
"""The calls of a change, in their order; after the last one only the reply is missing."""


class Products:
    """Processes of the products service, and what they have stored."""

    def __init__(self, store: ProductStore, catalogue: Catalogue) -> None:
        self.store, self.catalogue = store, catalogue
        variants = [
            {"sku": "MUG-0", "price": PRICE, "options": {"Colour": "Blue"}},
            {"sku": "MUG-1", "price": {"amount": 9, "currency": "USD"}, "options": {"Colour": "Red"}},
        ]
        image = {"url": f"/api/v1/files/{FILE[:-1]}0", "alt": "Another"}
        product = fields() | {"variants": variants, "options": COLOURS, "images": [image["url"]]}
        self.id = catalogue.create(**product)["id"]

    def call(self, method: str) -> dict[str, Any]:
        """Call a method of a new process."""
        picture = SimpleNamespace(purpose="product", private=False, width=10, owner_id=ADMIN.user_id)
        files = SimpleNamespace(get_file=lambda **_: picture)
        service = worker_factory(ProductsService, catalogue=self.store, files=files)
        values = PARTS[method] | {"id_or_slug": self.id, "caller": ADMIN.model_dump()}
        if method in KEYED:
            values["idempotency"] = {"key": "a-key", "owner": "ada", "fingerprint": "f"}
        return dict(getattr(service, method)(*Signature(getattr(ProductsService, method)).arguments([], values)))

    def state(self) -> tuple[Any, ...]:
        """The product without its times, its events and audit entries, and the retired SKUs."""
        product = {name: value for name, value in self.catalogue.get(self.id).items() if name != "updated_at"}
        events = [row["event"]["type"] for row in self.store.db["outbox"].find().sort("_id")]
        return product, events, sorted(row["_id"] for row in self.store.db["retired_skus"].find())


@pytest.fixture
def products(product_store: ProductStore, catalogue: Catalogue) -> Products:
    return Products(product_store, catalogue)


@pytest.mark.parametrize("method", PARTS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_change_of_a_part_is_stored_whole_or_not_at_all(
    products: Products, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, method: str, moment: Moment
) -> None:
    for owner, name in POINTS:
        before = products.state()
        with monkeypatch.context() as patch:
            part = products.store
            for attribute in owner.split("."):
                part = getattr(part, attribute)
            happened = crash_once(patch, part, name, moment)
            with pytest.raises(SimulatedCrash):
                products.call(method)
        stored = (name, moment) == ("in_transaction", "after")

        assert happened == [name]
        assert (products.state() == before) is not stored

    for _ in range(2):
        with suppress(*([NotFound] if method.startswith("remove") else [])):  # what is removed can't be found again
            assert products.call(method)["version"] == 2

    product, events, _ = products.state()
    assert product["version"] == 2
    assert events.count("product_updated") == 1
    assert events.count("action_recorded") == 2, "of the creation, and of the change"
