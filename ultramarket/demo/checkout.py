"""Becoming a customer, filling a cart, ordering, and reading the order again."""

import secrets
from typing import Any, Final

from ultramarket.demo.session import DemoSession, DemoFailed, money

ADDRESS: Final = {
    "name": "Clara Customer",
    "line1": "1 Harbour Street",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}


def register(stage: DemoSession) -> str:
    """Her mail address. All that follows is done as she."""
    email = f"clara.{secrets.token_hex(4)}@example.com"
    person = {"email": email, "password": secrets.token_urlsafe(12), "first_name": "Clara", "last_name": "Customer"}
    session = stage.api.post("/auth/register", person)
    stage.api.session.headers["Authorization"] = f"Bearer {session['access_token']}"
    stage.tell("POST /auth/register", f"Clara has an account: {email}")
    return email


def fill_cart(stage: DemoSession, sku: str) -> None:
    cart = stage.api.post("/cart/items", {"sku": sku, "quantity": 1})
    stage.tell("POST /cart/items", f"one goes into the cart: {money(cart['total'])}")


def choose_shipping(stage: DemoSession) -> str:
    """The cheapest method."""
    address = {name: ADDRESS[name] for name in ("country", "region", "postal_code")}
    rates = stage.api.post("/shipping/rates", {"address": address})
    if not rates:
        raise DemoFailed("nobody ships to Portland")
    stage.tell("POST /shipping/rates", "how it could come to her")
    for rate in rates:
        days = f"{rate['days_min']} to {rate['days_max']} days"
        stage.detail(f"{rate['name']} by {rate['carrier']}, {money(rate['price'])}, {days}")
    cheapest = min(rates, key=lambda rate: rate["price"]["amount"])
    return str(cheapest["method"])


def order(stage: DemoSession, shipping_method: str) -> dict[str, Any]:
    """The order, confirmed. Raises `DemoFailed` when it ended otherwise."""
    wish = {
        "shipping_address": ADDRESS,
        "shipping_method": shipping_method,
        "payment_method": {"provider": "sandbox", "token": "pm_card_visa"},
    }
    placed: dict[str, Any] = stage.api.post("/orders", wish, idempotent=True)
    stage.tell("POST /orders", f"order {placed['number']} over {money(placed['total'])} is {placed['status']}")

    def ended() -> dict[str, Any] | None:
        now: dict[str, Any] = stage.api.get(f"/orders/{placed['id']}")
        return None if now["status"] in {"pending", "awaiting_payment"} else now

    now = stage.until(ended, "the order stays open")
    stage.tell(f"GET /orders/{now['id']}", f"{now['status']}, payment {now['payment']['status']}")
    for step in now["timeline"]:
        stage.detail(f"{step['at']}  {step['status']}")
    if now["status"] != "confirmed":
        raise DemoFailed(f"the order ended as {now['status']}")
    return now
