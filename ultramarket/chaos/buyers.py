"""Guests who fill a cart and order it, and what each of them was told in the end."""

import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultramarket.chaos.shop_client import ADDRESS, Reply, ShopClient, new_key

FINAL_STATUSES: Final = ("confirmed", "processing", "shipped", "delivered", "failed", "cancelled")
POLL_SECONDS: Final = 0.3


@dataclass(frozen=True)
class Outcome:
    """The final answer to a buyer: `confirmed`, `refused` (with the error's code), or `unknown`."""

    kind: str
    email: str
    order_id: str | None = None
    code: str = ""
    total: int = 0
    seconds: float = 0.0


class Counters:
    """Numbers of orders so far, for the live view and the timeline."""

    def __init__(self) -> None:
        self.placed = self.confirmed = self.refused = self.unknown = 0
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        return self.placed - self.confirmed - self.refused - self.unknown

    def begin(self) -> None:
        with self._lock:
            self.placed += 1

    def end(self, kind: str) -> None:
        with self._lock:
            setattr(self, kind, getattr(self, kind) + 1)


class Buyer:
    """One guest with a mail address of their own."""

    def __init__(self, client: ShopClient, counters: Counters, seconds: float = 240.0) -> None:
        self.client, self.counters, self.seconds = client, counters, seconds
        self.email = f"buyer-{uuid.uuid4().hex[:16]}@example.com"
        self.cart: str | None = None
        self.access_key = ""

    def fill_cart(self, units: Mapping[str, int]) -> Reply:
        """Put units by SKU into the cart; the last reply."""
        reply = Reply(0)
        for sku, quantity in units.items():
            headers = {"X_Cart_Id": self.cart} if self.cart else {}
            body = {"sku": sku, "quantity": quantity}
            reply = self.client.persist("POST", "/cart/items", body, self.seconds, **headers)
            if reply.status != 201:
                return reply
            self.cart = reply.data["id"]
        return reply

    def order(self, card: str = "pm_card_visa", key: str | None = None) -> Outcome:
        """Order the cart, repeated under one key until the outcome is known."""
        self.counters.begin()
        begun = time.monotonic()
        outcome = self._outcome(self.request_order(card, key or new_key()), begun)
        self.counters.end(outcome.kind)
        return outcome

    def request_order(self, card: str, key: str) -> Reply:
        """The final reply to `POST /orders`."""
        return self.client.persist("POST", "/orders", self._body(card), self.seconds, **self._headers(key))

    def send_order(self, card: str, key: str) -> Reply:
        """The first reply to `POST /orders`."""
        return self.client.send("POST", "/orders", self._body(card), **self._headers(key))

    def _body(self, card: str) -> dict[str, Any]:
        return {
            "email": self.email,
            "shipping_address": ADDRESS,
            "shipping_method": "standard",
            "payment_method": {"provider": "sandbox", "token": card},
        }

    def _headers(self, key: str) -> dict[str, str]:
        return {"Idempotency_Key": key, "X_Cart_Id": str(self.cart)}

    def read_order(self, order_id: str) -> Reply:
        return self.client.persist("GET", f"/orders/{order_id}", None, self.seconds, X_Order_Key=self.access_key)

    def _outcome(self, reply: Reply, begun: float) -> Outcome:
        if reply.status in (201, 202):
            self.access_key = reply.data["access_key"]
            order = self._final_order(reply.data)
            kind = _kind_of(order["status"])
            total = order["total"]["amount"]
            return Outcome(kind, self.email, order["id"], order["status"], total, time.monotonic() - begun)
        order_id = next((detail["order_id"] for detail in reply.details if "order_id" in detail), None)
        kind = "refused" if reply.status in (402, 409) else "unknown"
        code = reply.code if reply.body else f"HTTP {reply.status}"
        return Outcome(kind, self.email, order_id, code, seconds=time.monotonic() - begun)

    def _final_order(self, order: dict[str, Any]) -> dict[str, Any]:
        until = time.monotonic() + self.seconds
        while order["status"] not in FINAL_STATUSES and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            reply = self.read_order(order["id"])
            if reply.status == 200:
                order = reply.data
        return order


def _kind_of(status: str) -> str:
    if status in ("failed", "cancelled"):
        return "refused"
    return "confirmed" if status in FINAL_STATUSES else "unknown"
