"""The works that are measured: what one client does, again and again."""

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

import orjson

from bench.load import Refused, Work
from bench.wire import Connection

TRACKED_AT_ONCE = 20
ADDRESS = {
    "name": "Bench Mark",
    "line1": "1 Loop Road",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}


def connection(url: str) -> Connection:
    parts = urlsplit(url)
    return Connection(parts.hostname or "127.0.0.1", parts.port or 80)


class Browsing:
    """Somebody who looks around: lists and details."""

    def __init__(self, url: str, product_ids: list[str]) -> None:
        self.url, self.product_ids = url, product_ids

    def list_products(self, number: int) -> Work:
        """The first pages of 20, in the usual order."""
        client, chance = connection(self.url), random.Random(number)

        def work() -> None:
            _expect(client.request("GET", f"/products?limit=20&page={chance.randint(1, 10)}"), 200)

        return work

    def product_detail(self, number: int) -> Work:
        """One of all products."""
        client, chance = connection(self.url), random.Random(number)

        def work() -> None:
            _expect(client.request("GET", f"/products/{chance.choice(self.product_ids)}"), 200)

        return work


class Buying:
    """Somebody who buys, as a guest, one of a few things that there are many of."""

    def __init__(self, url: str, skus: list[str]) -> None:
        self.url, self.skus = url, skus
        self.order_ids: list[str] = []

    def add_to_cart(self, number: int) -> Work:
        """Into a new guest cart each time."""
        client, chance = connection(self.url), random.Random(number)

        def work() -> None:
            item = {"sku": chance.choice(self.skus), "quantity": 1}
            _expect(client.request("POST", "/cart/items", item), 201)

        return work

    def checkout(self, number: int) -> Work:
        """The whole of it: cart, rates, order, paid."""
        client, chance = connection(self.url), random.Random(number)

        def work() -> None:
            item = {"sku": chance.choice(self.skus), "quantity": 1}
            cart = _expect(client.request("POST", "/cart/items", item), 201)["id"]
            headers = {"X-Cart-Id": cart}
            destination = {"country": "US", "region": "OR", "postal_code": "97201"}
            rates = _expect(client.request("POST", "/shipping/rates", {"address": destination}, headers), 200)
            order = {
                "email": "bench@example.com",
                "shipping_address": ADDRESS,
                "shipping_method": rates[0]["method"],
                "payment_method": {"provider": "sandbox", "token": "pm_card_visa"},
            }
            headers["Idempotency-Key"] = uuid.uuid4().hex
            placed = _expect(client.request("POST", "/orders", order, headers), 201)
            if placed["status"] != "confirmed":
                raise Refused(f"order {placed['status']}")
            self.order_ids.append(placed["id"])

        return work


def tracking(url: str) -> Callable[[int], Work]:
    """Browsers that tell what their visitors did, twenty things at once."""
    product = uuid.uuid4().hex

    def make(number: int) -> Work:
        client = connection(url)
        kinds = ("page_view", "product_view", "search", "click")

        def work() -> None:
            at = datetime.now(UTC).isoformat()
            events = [
                {"type": kinds[each % 4], "at": at, "product_id": product, "query": "mug", "position": 3}
                for each in range(TRACKED_AT_ONCE)
            ]
            _expect(client.request("POST", "/events", {"session_id": f"bench-{number}", "events": events}), 202)

        return work

    return make


def echo(amqp_url: str) -> Callable[[int], Work]:
    """The smallest RPC through the chassis, over one client as the gateway has it."""
    from services.chassis.messaging.rpc_client import RpcClient

    client = RpcClient(amqp_url)

    def make(_: int) -> Work:
        def work() -> None:
            client.call("echo", "echo", text="hello")

        return work

    return make


def _expect(answer: tuple[int, dict[bytes, bytes], bytes], status: int):  # type: ignore[no-untyped-def]
    if answer[0] != status:
        try:
            code = orjson.loads(answer[2])["error"]["code"]
        except (ValueError, KeyError, TypeError):
            code = "?"
        raise Refused(f"{answer[0]} {code}")
    return (
        orjson.loads(answer[2])["data"] if status == 201 or (answer[2][:1] == b"{" and len(answer[2]) < 4096) else None
    )
