"""`docs/services.md` is generated from the code."""

from services.chassis.runtime.registry import SERVICES
from ultramarket import service_docs


def test_services_page_is_current() -> None:
    expected = service_docs.page(service_docs.all_services())

    assert service_docs.PAGE.read_text() == expected, "run `ultramarket services`"


def test_service_info_is_read_from_the_code() -> None:
    services = {service.name: service for service in service_docs.all_services()}

    assert list(services) == list(SERVICES)
    assert "place_order" in services["orders"].methods
    assert "POST /orders" in services["orders"].routes
    assert "order_confirmed" in services["orders"].publishes
    assert ("orders", "order_confirmed") in services["cart"].consumes
    assert services["cart"].calls == ("products",)
    assert services["orders"].stores == ("PostgreSQL", "MongoDB")


def test_diagram_is_a_mermaid_flowchart() -> None:
    lines = service_docs.mermaid([("cart", "products")])

    assert lines == ["```mermaid", "flowchart LR", "    cart --> products", "```"]
