"""The RPC methods of products, called through their contract."""

from typing import Any

import pytest
from nameko.testing.services import worker_factory

from schemas.api.categories import CategoryNode
from schemas.api.product_import import ImportReport
from schemas.api.products import ListItem, ProductDetail
from schemas.api.taxes import TaxRate
from schemas.api.variants import PricedSku
from schemas.events.inventory import StockChanged
from services.chassis.common.errors import Forbidden, NotFound, ValidationFailed
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.signatures import Signature
from services.products.service import ProductsService
from services.products.store import ProductStore
from tests.service.products.conftest import ADMIN, OTHER_VENDOR, VENDOR, Catalogue, fields

CUSTOMER = {"user_id": "0197a000-0000-7000-8000-00000000000d", "roles": ["CUSTOMER"]}


@pytest.fixture
def call(product_store: ProductStore, catalogue: Catalogue) -> Any:
    service = worker_factory(ProductsService, catalogue=product_store)

    def rpc(method: str, **kwargs: Any) -> Any:
        contract = Signature(getattr(ProductsService, method))
        return getattr(service, method)(*contract.arguments([], kwargs))

    rpc.service = service  # type: ignore[attr-defined]
    return rpc


def test_replies_match_their_models(call: Any) -> None:
    admin = ADMIN.model_dump()
    call("create_category", category={"name": "Kitchen"}, caller=admin)
    product = call("create_product", product=fields(category="kitchen"), caller=admin)
    ProductDetail.model_validate(product)
    ProductDetail.model_validate(call("get_product", id_or_slug="mug"))
    page = call("list_products", category="kitchen")
    assert [ListItem.model_validate(item).title for item in page["items"]] == ["Mug"]
    assert page["total"] == 1
    assert call("get_many", ids=[product["id"]]) == page["items"]
    assert call("list_uncounted", category="kitchen") == page | {"total": 0}
    nothing = call("list_products", category="none")
    assert call("list_pages", queries=[{"category": "kitchen"}, {"category": "none"}]) == [page, nothing]
    assert call("get_details", ids=[product["id"]]) == [call("get_product", id_or_slug="mug")]
    assert call("related_products", id_or_slug="mug") == []
    PricedSku.model_validate(call("price_skus", skus=["MUG-1"], country="DE", region="Bayern")["MUG-1"])
    CategoryNode.model_validate(call("category_tree")[0])
    TaxRate.model_validate(call("tax_rates", country="DE", caller=admin)[0])
    ImportReport.model_validate(call("import_products", products=[fields(sku="I")], caller=admin))


def test_import_reports_malformed_row_and_initial_stock(call: Any) -> None:
    valid = fields(sku="A") | {"variants": [{"sku": "A", "price": {"amount": 1, "currency": "USD"}, "stock": 9}]}

    report = call(
        "import_products", products=[{"title": "x"}, valid, fields(sku="B", oops=1)], caller=ADMIN.model_dump()
    )

    assert [row["status"] for row in report["rows"]] == ["refused", "created", "refused"]
    assert report["rows"][0]["field"] == "variants"
    assert report["rows"][2]["field"] == "oops"
    assert (report["created"], report["refused"]) == (1, 2)
    assert report["stock"] == [{"sku": "A", "on_hand": 9}]


def test_draft_is_visible_to_vendor_and_administrators(call: Any) -> None:
    call("create_product", product=fields(status="draft"), caller=VENDOR.model_dump())

    for caller in (ADMIN, VENDOR):
        assert call("get_product", id_or_slug="mug", caller=caller.model_dump())["status"] == "draft"
        assert call("list_managed_products", query={}, caller=caller.model_dump())["total"] == 1
    for other in ({}, CUSTOMER, OTHER_VENDOR.model_dump()):
        with pytest.raises(NotFound):
            call("get_product", id_or_slug="mug", caller=other)
    assert call("list_managed_products", query={}, caller=OTHER_VENDOR.model_dump())["total"] == 0
    with pytest.raises(Forbidden):
        call("list_products", status="draft")
    with pytest.raises(Forbidden):
        call("list_managed_products", query={}, caller=CUSTOMER)


def test_vendor_skus_have_every_status(call: Any) -> None:
    for sku, status in (("A", "active"), ("B", "draft"), ("C", "archived")):
        call("create_product", product=fields(sku=sku, title=sku, status=status), caller=VENDOR.model_dump())
    call("create_product", product=fields(sku="D", title="D"), caller=OTHER_VENDOR.model_dump())

    assert sorted(call("vendor_skus", vendor_id=VENDOR.user_id)) == ["A", "B", "C"]


def test_product_is_updated_patched_and_deleted(call: Any) -> None:
    admin = ADMIN.model_dump()
    call("create_product", product=fields(), caller=admin)
    assert call("update_product", id_or_slug="mug", product=fields(tags=["x"]), caller=admin)["tags"] == ["x"]
    assert (
        call("patch_product", id_or_slug="mug", patch={"brand": "B"}, caller=admin, expected_version=2)["version"] == 3
    )
    with pytest.raises(ValidationFailed) as refused:
        call("patch_product", id_or_slug="mug", patch={"title": None}, caller=admin)
    assert refused.value.details[0]["field"] == "patch.title"
    assert call("delete_product", id_or_slug="mug", caller=admin) is None


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("create_category", {"category": {"name": "x"}}),
        ("update_category", {"slug": "x", "category": {"name": "x"}}),
        ("delete_category", {"slug": "x"}),
        ("put_tax_rate", {"rate": {"country": "DE", "rate_bp": 1, "name": "x"}}),
        ("delete_tax_rate", {"rate_id": "DE:*:standard"}),
        ("create_product", {"product": fields()}),
        ("delete_product", {"id_or_slug": "mug"}),
    ],
)
def test_customer_cannot_change_the_catalogue(call: Any, method: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        call(method, **arguments, caller=CUSTOMER)


def test_stock_changed_events_update_availability(call: Any) -> None:
    call("create_product", product=fields(), caller=ADMIN.model_dump())

    def handle_stock_changed(available: int, delta: int, sequence: int) -> None:
        event = StockChanged(sku="MUG-1", on_hand=9, reserved=0, available=available, reason="reserved", delta=delta)
        call.service.update_stock_of_products([StockChanged.from_envelope(envelope(event, sequence))])

    handle_stock_changed(4, -1, 2)
    handle_stock_changed(5, -1, 1)
    handle_stock_changed(4, 0, 3)

    assert call("price_skus", skus=["MUG-1"])["MUG-1"]["available"] == 4
