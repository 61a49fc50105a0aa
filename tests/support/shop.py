"""HTTP clients of the running instance: guests, customers and administrators, and what they do most."""

import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import requests

from services.chassis.messaging.rpc_client import RpcClient

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "Springfield",
    "region": "OR",
    "postal_code": "97477",
    "country": "US",
}
TRY_AGAIN = (429, 502, 503, 504)
TOKEN_SECONDS = 600
"""Age of an access token at which a long-lived client signs in again; a token is valid for 15 minutes."""


@dataclass(frozen=True)
class Reply:
    """A reply of the gateway."""

    status: int
    body: Any
    headers: Any
    raw: bytes

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.body["error"]
        return error

    @property
    def code(self) -> str:
        return str(self.error["code"])


@dataclass
class Client:
    """An HTTP client with a token and a cart, like one browser."""

    on_reply: ClassVar[list[Callable[[str, str, "Reply"], None]]] = []
    """Callbacks for every reply: method, path, reply."""

    url: str
    token: str | None = None
    cart: str | None = None
    account: dict[str, str] | None = field(default=None, repr=False)
    """Credentials for signing in again before the token expires."""
    _signed_in: float = 0.0
    _local: threading.local = field(default_factory=threading.local, repr=False)

    def __call__(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
        params: dict[str, Any] | None = None,
        timeout: float = 60,
    ) -> Reply:
        if self.account and time.monotonic() - self._signed_in > TOKEN_SECONDS:
            self.sign_in(self.account)
        sent = dict(headers or {})
        if self.token:
            sent.setdefault("Authorization", self.authorization)
        if self.cart:
            sent.setdefault("X-Cart-Id", self.cart)
        if key:
            sent["Idempotency-Key"] = key
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        answer = self._local.session.request(
            method, f"{self.url}/api/v1{path}", json=json, data=data, headers=sent, params=params, timeout=timeout
        )
        try:
            body = answer.json() if answer.content else None
        except ValueError:
            body = None
        reply = Reply(answer.status_code, body, answer.headers, answer.content)
        for callback in self.on_reply:
            callback(method, path, reply)
        return reply

    @property
    def authorization(self) -> str:
        """The value of the header `Authorization`."""
        return f"Bearer {self.token}"

    def sign_in(self, account: dict[str, str]) -> None:
        """Sign in now, and again whenever the token is about to expire."""
        self._signed_in = time.monotonic()
        reply = persistently(lambda: Client(self.url)("POST", "/auth/login", account))
        assert reply.status == 200, reply
        self.token, self.account = reply.data["access_token"], account

    def add(self, sku: str, quantity: int = 1) -> Reply:
        """Add units of a SKU to the cart; a guest's first item creates the cart."""
        reply = self("POST", "/cart/items", {"sku": sku, "quantity": quantity})
        if reply.status == 201 and self.token is None:
            self.cart = reply.data["id"]
        return reply

    def order(self, card: str = "pm_card_visa", key: str | None = None, **changes: Any) -> Reply:
        """Order the contents of the cart."""
        body = {
            "shipping_address": ADDRESS,
            "shipping_method": "standard",
            "payment_method": {"provider": "sandbox", "token": card},
        }
        if self.token is None:
            body["email"] = "guest@example.com"
        return self("POST", "/orders", body | changes, key=key or new_key())


def new_key() -> str:
    return uuid.uuid4().hex


PATIENCE = 120.0
"""Seconds to wait for a condition: what takes a second on an idle machine may take a minute on a busy one."""
CROWD_PATIENCE = 400.0
"""Seconds for which a command is repeated when many are sent at once."""


def persistently(call: Callable[[], Reply], seconds: float = CROWD_PATIENCE) -> Reply:
    """Repeat a call, with the same key, after 429, 5xx or a broken connection."""
    until = time.monotonic() + seconds
    while True:
        try:
            reply = call()
            in_progress = reply.status == 409 and reply.code == "IDEMPOTENCY_IN_PROGRESS"
            if not in_progress and reply.status not in TRY_AGAIN:
                return reply
        except requests.RequestException:
            reply = None
        if time.monotonic() > until:
            raise TimeoutError(f"still no final answer after {seconds} s: {reply}")
        time.sleep(0.2)


def outcome(call: Callable[[], Reply], seconds: float = CROWD_PATIENCE) -> Reply:
    """Repeat a command, as `persistently` does, until its outcome is known (not 202)."""
    until = time.monotonic() + seconds
    while (reply := persistently(call, seconds)).status == 202 and time.monotonic() < until:
        time.sleep(0.2)
    return reply


def eventually(check: Callable[[], Any], seconds: float = PATIENCE, every: float = 0.05) -> Any:
    """The first true value of `check` within `seconds`; its last value otherwise, for the assertion to show."""
    until = time.monotonic() + seconds
    while not (value := check()) and time.monotonic() < until:
        time.sleep(every)
    return value


class Shop:
    """The instance that the environment names; another by its own environment (`ultramarket env --all`)."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self.url = environment["ULTRAMARKET_URL"]

    def guest(self) -> Client:
        return Client(self.url)

    @cached_property
    def admin(self) -> Client:
        client = Client(self.url)
        credentials = {
            "email": self._environment["ULTRAMARKET_ADMIN_EMAIL"],
            "password": self._environment["ULTRAMARKET_ADMIN_PASSWORD"],
        }
        client.sign_in(credentials)
        return client

    def customer(self, email: str | None = None) -> Client:
        """A new customer, signed in."""
        client = Client(self.url)
        person = {
            "email": email or f"{uuid.uuid4().hex[:12]}@example.com",
            "password": "correct horse battery",
            "first_name": "Grace",
            "last_name": "Hopper",
        }
        reply = client("POST", "/auth/register", person)
        assert reply.status == 201, reply
        client.token = reply.data["access_token"]
        return client

    @cached_property
    def services(self) -> RpcClient:
        """The RPC client that operators use."""
        return RpcClient(self._environment["ULTRAMARKET_AMQP_URL"])

    def member(self, *roles: str) -> Client:
        """A new account with these roles, signed in."""
        client = Client(self.url)
        account = {"email": f"{uuid.uuid4().hex[:12]}@example.com", "password": "correct horse battery"}
        self.services.call("auth", "create_user", **account, first_name="Mary", last_name="Jackson", roles=list(roles))
        client.sign_in(account)
        return client

    def product(self, stock: int = 100, price: int = 1999, **changes: Any) -> str:
        """Create an active product with one SKU and this stock; returns the SKU once its stock is shown."""
        sku = f"T-{uuid.uuid4().hex[:12].upper()}"
        body = {
            "title": f"Test product {sku}",
            "description": "Made by a test",
            "status": "active",
            "variants": [{"sku": sku, "price": {"amount": price, "currency": "USD"}, "weight_g": 200}],
        }
        created = self.admin("POST", "/products", body | changes, key=new_key())
        assert created.status == 201, created
        if stock:
            self.adjust(sku, stock)
        ready = eventually(lambda: self.available(created.data["id"]) == stock)
        assert ready, f"{sku} has {self.available(created.data['id'])} of {stock}"
        return sku

    def adjust(self, sku: str, delta: int) -> dict[str, Any]:
        reply = self.admin("POST", f"/inventory/{sku}/adjust", {"delta": delta, "reason": "test"}, key=new_key())
        assert reply.status == 200, reply
        return dict(reply.data)

    def available(self, product_id: str) -> int:
        """The available quantity of a product in the catalogue; -1 when the product is not found."""
        detail = self.guest()("GET", f"/products/{product_id}")
        return int(detail.data["variants"][0]["available"]) if detail.status == 200 else -1

    def level(self, sku: str) -> tuple[int, int, int]:
        """On hand, reserved and available units, from the inventory service."""
        level = persistently(lambda: self.admin("GET", f"/inventory/{sku}")).data
        return level["on_hand"], level["reserved"], level["available"]

    def settled_level(self, sku: str) -> tuple[int, int, int]:
        """The same once nothing is reserved: inventory commits the stock of a confirmed order a moment later."""
        eventually(lambda: self.level(sku)[1] == 0)
        return self.level(sku)
