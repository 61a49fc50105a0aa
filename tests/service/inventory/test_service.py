"""The RPC methods as their callers see them."""

from collections.abc import Iterator
from typing import Any

import pytest
from nameko.testing.services import worker_factory

from services.chassis.common.errors import ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.messaging.signatures import Contract
from services.inventory.store import InventoryStore
from tests.service.inventory.conftest import Shop


@pytest.fixture
def call(inventory_store: InventoryStore, shop: Shop) -> Iterator[Any]:
    from services.inventory.service import InventoryService

    service = worker_factory(InventoryService, stock=inventory_store)

    def rpc(method: str, **kwargs: Any) -> Any:
        contract = Contract(getattr(InventoryService, method))
        return getattr(service, method)(*contract.arguments([], kwargs))

    return rpc


def test_an_order_from_first_count_to_return(call: Any) -> None:
    order = new_id()
    assert call("set_initial", levels=[{"sku": "MUG", "on_hand": 3}]) == {"created": 1, "existing": 0}
    assert call("reserve", order_id=order, lines=[{"sku": "MUG", "quantity": 2}])["status"] == "held"
    assert call("commit", order_id=order)["status"] == "committed"
    assert call("get_level", sku="MUG")["available"] == 1
    assert call("low_stock")["items"] == [{"sku": "MUG", "available": 1, "low_stock_threshold": 5}]
    assert call("low_stock", skus=["MUG"])["total"] == 1
    assert call("low_stock", skus=["LAMP"])["items"] == []
    assert call("release", order_id=order)["status"] == "released"
    assert call("adjust", sku="MUG", delta=-1, reason="broken")["on_hand"] == 2
    assert call("get_levels", skus=["MUG", "GHOST"]).keys() == {"MUG"}
    call("release_expired")


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
def test_what_does_not_fit_is_refused_by_field(call: Any, method: str, arguments: Any, field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        call(method, **arguments)

    assert refused.value.details[0]["field"] == field


def test_warehouses_are_listed_by_priority(call: Any) -> None:
    call("put_warehouse", code="near", warehouse={"name": "Near", "priority": 1})

    assert [found["code"] for found in call("list_warehouses")] == ["near", "main"]
    call("delete_warehouse", code="near")
