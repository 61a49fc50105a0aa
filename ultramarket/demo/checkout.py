"""Steps of the checkout: registration, cart, shipping method, order."""

import secrets
from typing import Any, Final

from ultramarket.demo.session import DemoFailed, DemoSession
from ultramarket.money import format_money

ADDRESS: Final = {
    "name": "Clara Customer",
    "line1": "1 Harbour Street",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}
OPEN_STATUSES: Final = {"pending", "awaiting_payment"}


def register(session: DemoSession) -> str:
    """Register a customer and sign in; her mail address."""
    email = f"clara.{secrets.token_hex(4)}@example.com"
    person = {"email": email, "password": secrets.token_urlsafe(12), "first_name": "Clara", "last_name": "Customer"}
    tokens = session.client.post("/auth/register", person)
    session.client.session.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    session.step("POST /auth/register", f"Clara registers as {email}")
    return email


def fill_cart(session: DemoSession, sku: str) -> None:
    cart = session.client.post("/cart/items", {"sku": sku, "quantity": 1})
    session.step("POST /cart/items", f"one unit in the cart, total {format_money(cart['total'])}")


def choose_shipping(session: DemoSession) -> str:
    """The cheapest shipping method."""
    address = {name: ADDRESS[name] for name in ("country", "region", "postal_code")}
    rates = session.client.post("/shipping/rates", {"address": address})
    if not rates:
        raise DemoFailed("there is no shipping method to Portland")
    session.step("POST /shipping/rates", "available shipping methods")
    for rate in rates:
        days = f"{rate['days_min']} to {rate['days_max']} days"
        session.detail(f"{rate['name']} by {rate['carrier']}, {format_money(rate['price'])}, {days}")
    cheapest = min(rates, key=lambda rate: rate["price"]["amount"])
    return str(cheapest["method"])


def place_order(session: DemoSession, shipping_method: str) -> dict[str, Any]:
    """The confirmed order. Raises `DemoFailed` when it ends otherwise."""
    body = {
        "shipping_address": ADDRESS,
        "shipping_method": shipping_method,
        "payment_method": {"provider": "sandbox", "token": "pm_card_visa"},
    }
    placed: dict[str, Any] = session.client.post("/orders", body, idempotent=True)
    session.step("POST /orders", f"order {placed['number']}, {format_money(placed['total'])}, is {placed['status']}")

    def final_order() -> dict[str, Any] | None:
        order: dict[str, Any] = session.client.get(f"/orders/{placed['id']}")
        return None if order["status"] in OPEN_STATUSES else order

    order = session.poll(final_order, "the order stays open")
    session.step(f"GET /orders/{order['id']}", f"{order['status']}, payment {order['payment']['status']}")
    for entry in order["timeline"]:
        session.detail(f"{entry['at']}  {entry['status']}")
    if order["status"] != "confirmed":
        raise DemoFailed(f"the order ended as {order['status']}")
    return order
