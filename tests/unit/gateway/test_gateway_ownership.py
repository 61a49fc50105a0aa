"""What belongs to whom, where the gateway knows it: a vendor's goods, a customer's cart."""

import pytest
from flask.testing import FlaskClient

from gateway_flask.testing import USER, FakeServices, Issuer

OTHER = "0197b1c8-7a5e-7cc0-9f00-000000000001"
CART = "c" * 27


@pytest.mark.parametrize(
    ("sent", "cart_id", "user_id"), [({}, None, USER), ({"cart_id": USER}, None, USER), ({"cart_id": CART}, CART, None)]
)
def test_a_customer_asks_for_the_rates_of_their_own_cart_or_a_guests(
    client: FlaskClient,
    services: FakeServices,
    issuer: Issuer,
    sent: dict[str, str],
    cart_id: str | None,
    user_id: str | None,
) -> None:
    services.answer("cart.checkout_view", {"subtotal": 500, "weight_g": 380, "currency": "USD", "lines": []})
    services.answer("shipping.quote", [])

    client.post("/api/v1/shipping/rates", json={"address": {"country": "US"}} | sent, headers=issuer.bearer())

    asked = services.arguments("cart.checkout_view")
    assert (asked["cart_id"], asked["user_id"]) == (cart_id, user_id)


@pytest.mark.parametrize(
    ("role", "vendor", "status"),
    [
        ("VENDOR", USER, 200),
        ("VENDOR", OTHER, 404),
        ("VENDOR", None, 404),
        ("ADMIN", OTHER, 200),
        ("CUSTOMER", USER, 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_vendor_counts_their_own_goods(
    client: FlaskClient,
    services: FakeServices,
    issuer: Issuer,
    method: str,
    role: str,
    vendor: str | None,
    status: int,
) -> None:
    services.answer("products.price_skus", {"MUG": {"vendor_id": vendor}})
    services.answer("inventory.get_level", {"sku": "MUG"})
    services.answer("inventory.adjust", {"sku": "MUG"})
    path, body = ("/inventory/MUG", None) if method == "GET" else ("/inventory/MUG/adjust", {"delta": 1, "reason": "x"})

    response = client.open(f"/api/v1{path}", method=method, json=body, headers=issuer.bearer(role))

    assert response.status_code == status
    assert any(name.startswith("inventory.") for name, _ in services.calls) == (status == 200)


@pytest.mark.parametrize(("role", "skus"), [("VENDOR", ["MUG"]), ("ADMIN", None)])
def test_what_runs_low_is_a_vendors_own(
    client: FlaskClient, services: FakeServices, issuer: Issuer, role: str, skus: list[str] | None
) -> None:
    services.answer("products.vendor_skus", lambda vendor_id: ["MUG"] if vendor_id == USER else [])
    services.answer("inventory.low_stock", {"items": [], "page": 1, "limit": 20, "total": 0})

    client.get("/api/v1/inventory/low-stock", headers=issuer.bearer(role))

    assert services.arguments("inventory.low_stock") == {"page": 1, "limit": 20, "skus": skus}
