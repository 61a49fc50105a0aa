"""The RPC methods of inventory, called through their contract."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from nameko.testing.services import worker_factory
from pymongo.errors import BulkWriteError

from schemas.events.products import ImportedStock, ProductArchived, StockImported
from schemas.permissions.access import INTERNAL
from schemas.permissions.rpc_methods import access_of
from schemas.rpc.products import ProductsRpc
from services.chassis.common.errors import NotFound, OutOfStock, PreconditionFailed, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.signatures import Signature, jsonable
from services.chassis.runtime.settings import load
from services.inventory.service import InventoryService
from services.inventory.settings import InventorySettings
from services.inventory.store import InventoryStore
from tests.service.inventory.conftest import Shop
from tests.support.fake_services import typed

ADMIN = {"user_id": new_id(), "roles": ["ADMIN"]}
VENDOR = {"user_id": new_id(), "roles": ["VENDOR"]}
OTHER_VENDOR = {"user_id": new_id(), "roles": ["VENDOR"]}


class Products:
    """A fake of products: `VENDOR` sells the MUG."""

    interface = ProductsRpc
    product_id = new_id()

    def price_skus(self, skus: list[str]) -> dict[str, Any]:
        fields = {
            "sku": "MUG", "product_id": self.product_id, "title": "Mug", "thumbnail": None, "unit_price": 100,
            "currency": "USD", "weight_g": 10, "available": 1, "active": True, "tax_rate_bp": 0, "category": None,
            "vendor_id": VENDOR["user_id"],
        }  # fmt: skip
        return {"MUG": fields} if "MUG" in skus else {}

    def vendor_skus(self, vendor_id: str) -> list[str]:
        return ["MUG"] if vendor_id == VENDOR["user_id"] else []


@pytest.fixture
def call(inventory_store: InventoryStore, shop: Shop) -> Iterator[Any]:
    settings = load(InventorySettings)
    service = worker_factory(InventoryService, stock=inventory_store, products=typed(Products()), settings=settings)

    def rpc(method: str, **kwargs: Any) -> Any:
        signature = Signature(getattr(InventoryService, method))
        if access_of("inventory", method) != INTERNAL:
            kwargs.setdefault("caller", ADMIN)
        return jsonable(getattr(service, method)(*signature.arguments([], kwargs)))

    rpc.service = service  # type: ignore[attr-defined]
    return rpc


def test_threshold_decides_what_is_low(call: Any) -> None:
    call("set_initial", levels=[{"sku": "MUG", "on_hand": 3, "low_stock_threshold": 1}])
    before = call("get_level", sku="MUG")

    after = call("set_threshold", sku="MUG", threshold={"low_stock_threshold": 3}, expected_version=1, caller=VENDOR)

    assert after == before | {"low_stock_threshold": 3, "version": 2}
    assert [item["sku"] for item in call("low_stock", query={})["items"]] == ["MUG"]
    with pytest.raises(PreconditionFailed):
        call("set_threshold", sku="MUG", threshold={"low_stock_threshold": 9}, expected_version=1)
    with pytest.raises(NotFound):
        call("set_threshold", sku="MUG", threshold={"low_stock_threshold": 9}, caller=OTHER_VENDOR)
    with pytest.raises(NotFound):
        call("set_threshold", sku="GHOST", threshold={"low_stock_threshold": 9})
    assert call("get_level", sku="MUG") == after


def test_stock_from_initial_level_to_return(call: Any) -> None:
    order = new_id()
    assert call("set_initial", levels=[{"sku": "MUG", "on_hand": 3}]) == {"created": 1, "existing": 0}
    assert call("reserve", order_id=order, lines=[{"sku": "MUG", "quantity": 2}])["status"] == "held"
    assert call("commit", order_id=order)["status"] == "committed"
    assert call("get_level", sku="MUG")["available"] == 1
    assert call("low_stock", query={})["items"] == [{"sku": "MUG", "available": 1, "low_stock_threshold": 5}]
    assert call("low_stock", query={}, caller=VENDOR)["total"] == 1
    assert call("low_stock", query={}, caller=OTHER_VENDOR)["items"] == []
    assert call("release", order_id=order)["status"] == "released"
    assert call("adjust", sku="MUG", delta=-1, reason="broken")["on_hand"] == 2
    assert call("get_levels", skus=["MUG", "GHOST"]).keys() == {"MUG"}


@pytest.mark.parametrize(
    ("method", "arguments", "field"),
    [
        ("reserve", {"order_id": "x", "lines": [{"sku": "MUG", "quantity": 1}]}, "order_id"),
        ("reserve", {"order_id": new_id(), "lines": []}, "lines"),
        ("reserve", {"order_id": new_id(), "lines": [{"sku": "MUG", "quantity": 0}]}, "lines.0.quantity"),
        ("reserve", {"order_id": new_id(), "lines": [{"sku": "M\0G", "quantity": 1}]}, "lines.0.sku"),
        ("adjust", {"sku": "MUG", "delta": 0, "reason": "why"}, "delta"),
        ("adjust", {"sku": "MUG", "delta": 1, "reason": ""}, "reason"),
        ("adjust", {"sku": "MUG", "delta": 10**9, "reason": "why"}, "delta"),
    ],
)
def test_invalid_arguments_are_refused_by_field(call: Any, method: str, arguments: Any, field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        call(method, **arguments)

    assert refused.value.details[0]["field"] == field


def test_warehouses_are_listed_by_priority(call: Any) -> None:
    call("put_warehouse", code="near", warehouse={"name": "Near", "priority": 1})

    assert [warehouse["code"] for warehouse in call("list_warehouses")] == ["near", "main"]
    call("delete_warehouse", code="near")


@pytest.mark.parametrize(("method", "arguments"), [("get_level", {}), ("adjust", {"delta": 1, "reason": "found"})])
@pytest.mark.parametrize(("caller", "sku"), [(OTHER_VENDOR, "MUG"), (VENDOR, "GHOST")])
def test_stock_of_another_vendor_is_not_found(call: Any, method: str, arguments: Any, caller: Any, sku: str) -> None:
    call("set_initial", levels=[{"sku": "MUG", "on_hand": 3}])

    with pytest.raises(NotFound):
        call(method, sku=sku, caller=caller, **arguments)

    assert call(method, sku="MUG", caller=VENDOR, **arguments)["sku"] == "MUG"


def imported(**units: int) -> StockImported:
    """The event of an import that names these units by SKU, as it arrives."""
    return imported_for(None, **units)


def imported_for(product_id: str | None, **units: int) -> StockImported:
    """The same for SKUs of one product."""
    levels = tuple(ImportedStock(sku=sku, on_hand=on_hand, product_id=product_id) for sku, on_hand in units.items())
    return StockImported.from_envelope(envelope(StockImported(import_id=new_id(), levels=levels)))


def consume(handler: Callable[[StockImported], None], event: StockImported) -> None:
    """Handle an event as often as the chassis would: a handler that fails is called again."""
    for _ in range(50):
        try:
            return handler(event)
        except BulkWriteError:  # a level of it was made by somebody else at this moment
            continue
    raise AssertionError("the event was never handled")


def test_imported_stock_is_set_once(call: Any) -> None:
    call.service.set_imported_stock(imported(MUG=3, LAMP=0))
    call("adjust", sku="MUG", delta=-1, reason="broken")
    call.service.set_imported_stock(imported(MUG=3, LAMP=0))

    assert {sku: level["on_hand"] for sku, level in call("get_levels", skus=["MUG", "LAMP"]).items()} == {
        "MUG": 2,
        "LAMP": 0,
    }
    assert call("get_level", sku="LAMP")["low_stock_threshold"] == 5


def test_repeated_import_event_does_not_revive_ended_stock(call: Any) -> None:
    event = imported(OLD=5)
    call.service.set_imported_stock(event)
    call.service.end_stock(archived("OLD", deleted=True))

    call.service.set_imported_stock(event)

    with pytest.raises(NotFound):
        call("get_level", sku="OLD")
    call.service.set_imported_stock(imported(OLD=7))
    assert call("get_level", sku="OLD")["available"] == 7


def test_concurrent_imports_and_adjustments_add_up(call: Any, shop: Shop) -> None:
    skus = [f"S{index}" for index in range(20)]
    event = imported(**dict.fromkeys(skus, 10))

    def work(index: int) -> None:
        if index % 2:
            consume(call.service.set_imported_stock, event)
        else:
            call("adjust", sku=skus[index], delta=1, reason="found")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(20)))

    assert {shop.level(sku) for sku in skus[1::2]} == {(10, 0, 10)}
    # An adjustment before the import makes the record, which the import then leaves as it is.
    assert {shop.level(sku) for sku in skus[::2]} <= {(1, 0, 1), (11, 0, 11)}


def archived(sku: str, deleted: bool, product_id: str | None = None) -> ProductArchived:
    fields = {"product_id": product_id or new_id(), "slug": "a", "title": "A", "status": "archived"}
    return ProductArchived(**fields, skus=(sku,), deleted=deleted)


def test_deleted_product_ends_its_stock(call: Any, shop: Shop) -> None:
    order = new_id()
    call("set_initial", levels=[{"sku": "OLD", "on_hand": 5}])
    call("reserve", order_id=order, lines=[{"sku": "OLD", "quantity": 2}])

    for _ in range(2):
        call.service.end_stock(archived("OLD", deleted=True))

    with pytest.raises(NotFound):
        call("get_level", sku="OLD")
    with pytest.raises(OutOfStock):
        call("reserve", order_id=new_id(), lines=[{"sku": "OLD", "quantity": 1}])
    assert call("commit", order_id=order)["status"] == "committed"
    shop.check("OLD")
    assert call("set_initial", levels=[{"sku": "OLD", "on_hand": 7}]) == {"created": 1, "existing": 0}
    assert call("get_level", sku="OLD")["available"] == 7


@pytest.mark.parametrize(("sku", "deleted"), [("OLD", False), ("MUG", True)])
def test_stock_stays_when_archived_or_taken_over(call: Any, sku: str, deleted: bool) -> None:
    call("set_initial", levels=[{"sku": sku, "on_hand": 5}])

    call.service.end_stock(archived(sku, deleted))

    assert call("get_level", sku=sku)["available"] == 5


def test_sku_of_a_new_product_starts_without_stock(call: Any) -> None:
    old = new_id()
    call.service.set_imported_stock(imported_for(old, MUG=5))

    adjusted = call("adjust", sku="MUG", delta=2, reason="first count")
    call.service.end_stock(archived("MUG", deleted=True, product_id=old))  # late

    assert adjusted["on_hand"] == call("get_level", sku="MUG")["available"] == 2
    call.service.set_imported_stock(imported_for(new_id(), MUG=9))
    assert call("get_level", sku="MUG")["available"] == 9


def test_stock_of_a_deleted_product_ends_though_its_sku_is_taken(call: Any, shop: Shop) -> None:
    old, order = new_id(), new_id()
    call.service.set_imported_stock(imported_for(old, MUG=5))
    call("reserve", order_id=order, lines=[{"sku": "MUG", "quantity": 2}])

    call.service.end_stock(archived("MUG", deleted=True, product_id=old))

    with pytest.raises(NotFound):
        call("get_level", sku="MUG")
    adjusted = call("adjust", sku="MUG", delta=1, reason="first count")
    assert (adjusted["on_hand"], adjusted["reserved"], adjusted["available"]) == (3, 2, 1), "the order keeps its units"
    assert call("commit", order_id=order)["status"] == "committed"
    assert shop.level("MUG") == (1, 0, 1)


def test_lines_of_an_order_are_returned(call: Any, shop: Shop) -> None:
    order, returned = new_id(), new_id()
    shop.stock(MUG=10)
    call("reserve", order_id=order, lines=[{"sku": "MUG", "quantity": 3}])
    call("commit", order_id=order)

    reply = call("return_lines", order_id=order, return_id=returned, lines=[{"sku": "MUG", "quantity": 2}])

    assert reply == {"order_id": order, "status": "committed", "expires_at": None}
    assert shop.level("MUG") == (9, 0, 9)
    with pytest.raises(ValidationFailed):
        call("return_lines", order_id=order, return_id=returned, lines=[])


def test_old_reservations_are_deleted_by_the_timer(call: Any, shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.reserve("old", MUG=1)
    shop.release("old")
    shop.store.db["reservations"].update_one({}, [{"$set": {"changed_at": {"$subtract": ["$changed_at", 2**43]}}}])

    call.service.prune_reservations()

    assert shop.store.db["reservations"].count_documents({}) == 0
