"""Availability without a server: the requests that still work while it is stopped, as a table that is compared."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ultramarket.chaos.buyers import Buyer
from ultramarket.chaos.run import Run, ScenarioFailed, in_parallel, wait_until
from ultramarket.chaos.shop_client import Reply, new_key
from ultramarket.instance_environment import ADMIN_EMAIL

YES: Final = "yes"
NO: Final = "no"
"""503 or 504, with a time to try again."""
DEGRADED: Final = "from the catalogue"
"""Search without its engine: fewer filters, no ranking."""
LATER: Final = "accepted"
"""202: the order goes on by itself when the server is back."""

OPERATIONS: Final = (
    "browse products",
    "search",
    "cart",
    "sign in",
    "place an order",
    "read own order",
    "admin reads",
)
_ALL: Final = dict.fromkeys(OPERATIONS, YES)
_NONE: Final = dict.fromkeys(OPERATIONS, NO)
EXPECTED: Final[dict[str, dict[str, str]]] = {
    "postgres": _ALL | {"sign in": NO, "place an order": NO, "read own order": NO},
    "rabbitmq": _NONE,
    "redis": _ALL | {"cart": NO, "place an order": NO},
    "mongodb": _NONE | {"search": YES, "sign in": YES, "read own order": YES},
    "elasticsearch": _ALL | {"search": DEGRADED},
    "kafka": _ALL,
    "mail": _ALL,
    "provider": _ALL | {"place an order": LATER},
}
"""Per server, what works while it is stopped."""
NAMES: Final = {
    "postgres": "PostgreSQL",
    "rabbitmq": "RabbitMQ",
    "redis": "Redis",
    "mongodb": "MongoDB",
    "elasticsearch": "Elasticsearch",
    "kafka": "Kafka",
    "mail": "mail server",
    "provider": "payment provider",
}
SETTLE_SECONDS: Final = 3.0
"""After that the services have noticed that a server is gone: their first requests may take their whole time."""
INDEXED_SECONDS: Final = 60.0
ATTEMPTS: Final = 3
ATTEMPT_SECONDS: Final = 1.0


def table() -> str:
    """The expected availability as a Markdown table."""
    head = ["without", *OPERATIONS]
    rows = [[NAMES[server], *(works[operation] for operation in OPERATIONS)] for server, works in EXPECTED.items()]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


class AvailabilityCheck:
    """A customer and an administrator, prepared while all works, who try each operation while a server is stopped."""

    def __init__(self, run: Run, sku: str) -> None:
        self.run, self.sku = run, sku
        self.administrator = str(run.administrator().session.headers["Authorization"])
        self.own = self._buyer_with_order()

    def prepare(self) -> None:
        """Fill the cart of the next order, and wait until the search finds the product. Raises `ScenarioFailed`."""
        self.buyer = self.run.buyer()
        self.buyer.fill_cart({self.sku: 1})
        self.key = new_key()
        if not wait_until(lambda: self._search() == YES, INDEXED_SECONDS):
            raise ScenarioFailed(f"the search does not find {self.sku}")

    def compare(self, server: str) -> None:
        """Try each operation, and note what differs from the table."""
        time.sleep(SETTLE_SECONDS)
        attempts = [partial(self._try, operation, expected) for operation, expected in EXPECTED[server].items()]
        works = dict(zip(EXPECTED[server], in_parallel(len(attempts), attempts), strict=True))
        self.run.availability[server] = works
        for operation, outcome in works.items():
            expected = EXPECTED[server][operation]
            self.run.expect(outcome == expected, f"without {server}: {operation}: {outcome}, not {expected}")

    def _try(self, operation: str, expected: str) -> str:
        """The outcome of an operation; of a few attempts when it is another one, for a busy machine may be slow."""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(ATTEMPT_SECONDS)
            outcome = self._attempts[operation]()
            if outcome == expected:
                break
        return outcome

    @property
    def _attempts(self) -> dict[str, Callable[[], str]]:
        return {
            "browse products": self._browse,
            "search": self._search,
            "cart": self._add_to_cart,
            "sign in": self._sign_in,
            "place an order": self._place_order,
            "read own order": lambda: self._send("GET", f"/orders/{self.own[0]}", X_Order_Key=self.own[1].access_key),
            "admin reads": lambda: self._send("GET", "/orders?limit=5", Authorization=self.administrator),
        }

    def _buyer_with_order(self) -> tuple[str, Buyer]:
        buyer = self.run.buyer()
        buyer.fill_cart({self.sku: 1})
        outcome = self.run.record(buyer.order())
        if outcome.order_id is None:
            raise ScenarioFailed(f"the order before the outages ended with {outcome.code}")
        return outcome.order_id, buyer

    def _send(self, method: str, path: str, body: Any = None, **headers: str) -> str:
        return outcome_of(self.run.client.send(method, path, body, **headers))

    def _browse(self) -> str:
        """A list that no cache has: of products up to a price that nobody asked for."""
        return self._send("GET", f"/products?limit=5&max_price={1_000_000 + time.time_ns() % 1_000_000}")

    def _search(self) -> str:
        reply = self.run.client.send("GET", f"/search?q={self.sku}")
        if reply.status != 200:
            return outcome_of(reply)
        hits = [item["sku"] for item in reply.data["items"]]
        return (DEGRADED if reply.data["degraded"] else YES) if self.sku in hits else "nothing found"

    def _add_to_cart(self) -> str:
        return self._send("POST", "/cart/items", {"sku": self.sku, "quantity": 1})

    def _sign_in(self) -> str:
        credentials = {"email": ADMIN_EMAIL, "password": self.run.instance.secrets["admin_password"]}
        return self._send("POST", "/auth/login", credentials)

    def _place_order(self) -> str:
        return outcome_of(self.buyer.send_order("pm_card_visa", self.key))


def outcome_of(reply: Reply) -> str:
    """The outcome of an operation by its reply."""
    if reply.status == 202:
        return LATER
    if 200 <= reply.status < 300:
        return YES
    return NO if reply.status in (503, 504) and reply.retry_after else f"{reply.status} {reply.code}"
