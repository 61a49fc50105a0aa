"""Walk the routes as each role; every reply must fit the document, and none may be a server error."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from tests.fuzz.calls import PATHS, invalid, required_of, valid
from tests.fuzz.pool import Pool
from tests.support.routes import ACCESS, ANONYMOUS, ROLES, STAFF_ROUTES
from tests.support.shop import Client, Shop, new_key

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
PASSWORD = "correct horse battery"
ONE_ACCOUNT = {"logout", "logout_all", "change_password", "erase_account", "end_session"}
"""Routes that end the caller's sessions: an account is made for each call."""
FIRST = ("register", "create_category", "create_product", "add_item", "place_order")
NOBODYS_COUNTRY = "AQ"
"""Rates of other countries are used by other tests at the same time."""
ENOUGH = 2
"""Calls of a route in a round that is kept short."""
METHODS = ("POST", "PUT", "GET", "PATCH", "DELETE")


@dataclass
class Tally:
    """The statuses of a run by route, and what was wrong."""

    statuses: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    failures: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        return sum(counter.total() for counter in self.statuses.values())

    @property
    def successes(self) -> int:
        rows = (row for counter in self.statuses.values() for row in counter.items())
        return sum(count for status, count in rows if status < 400)


class Fuzz:
    """One run against a shop; the same seed makes the same requests, as far as the shop's ids allow."""

    def __init__(self, shop: Shop, start: int = 0) -> None:
        self.shop, self.start = shop, start
        self.chance = random.Random(start)
        self.shared = Pool(self.chance)
        self.tally = Tally()
        self.clients: dict[str, Client] = {}

    def prepare(self) -> None:
        """A product with stock, which the shop's roles buy and review."""
        sku = self.shop.product(stock=1_000)
        product = self.shop.admin("GET", f"/products?q={sku}&limit=1").data
        self.shared.listed["skus", "sku"].append(sku)
        self.shared.listed["products", "id"].extend(row["id"] for row in product)

    def client(self, role: str, name: str) -> Client:
        """The role's client; a new one for a route that ends its session."""
        if role == ANONYMOUS:
            return self.clients.setdefault(role, self.shop.guest())
        if name in ONE_ACCOUNT:
            return self.shop.member(role)
        if role not in self.clients:
            self.clients[role] = self.shop.member(role)
        return self.clients[role]

    def round(self, roles: tuple[str, ...], names: set[str], invalid_share: float, everything: bool) -> Iterator[str]:
        """Call each route that a role may use; yields the route after each call.

        Without `everything`, a route that was called twice is not called again.
        """
        for role in roles:
            own = {name for name in names if role in ACCESS.get(name, (ANONYMOUS,))}
            if role in STAFF_ROUTES and not everything:
                own &= set(STAFF_ROUTES[role].split())
            if not everything:
                own = {name for name in own if self.tally.statuses[name].total() < ENOUGH}
            for name in sorted(own, key=position):
                self.send(role, name, valid)
                yield name
                if self.chance.random() < invalid_share:
                    self.send(role, name, invalid)
                    yield name

    def send(self, role: str, name: str, make: Callable[[str, Pool, int], Any]) -> None:
        """Send one request and check its reply."""
        case = make(name, self.shared, self.start)
        if case is None:
            return
        client = self.client(role, name)
        if make is valid:
            real_values(name, case.body, client)
            if not self.tally.statuses[name]:
                case.query = required_of(name, case.query)
        headers = {"Idempotency-Key": new_key()}
        if client.token:
            headers["Authorization"] = client.authorization
        if client.cart and make is valid:
            headers["X-Cart-Id"] = client.cart
        response = case.call(base_url=self.shop.url, headers=headers, timeout=60)
        self.tally.statuses[name][response.status_code] += 1
        trimmed = "fields" in (case.query or {})
        try:
            case.validate_response(response, checks=CHECKS[: -1 if trimmed else None])
        except FailureGroup as failures:
            texts = "; ".join(str(failure) for failure in failures.exceptions)
            self.tally.failures.append(f"{role} {name}: {texts}\n{case.as_curl_command()}\n{response.text[:300]}")
        if response.status_code < 300 and make is valid and "json" in str(response.headers.get("content-type")):
            data = response.json().get("data")
            self.shared.harvest(PATHS[name][1], PATHS[name][0], data)
            if name == "add_item" and not client.token:
                client.cart = data["id"]


def position(name: str) -> tuple[int, int, str]:
    """Create before reading, read before changing, delete at the end."""
    method, path = PATHS[name]
    return (FIRST.index(name) if name in FIRST else len(FIRST) + METHODS.index(method), path.count("/"), name)


def real_values(name: str, body: Any, client: Client) -> None:
    """Replace the fields of a body that only the caller knows."""
    if not isinstance(body, dict):
        return
    if name == "put_tax_rate":
        body["country"] = NOBODYS_COUNTRY
    if name in ("register", "place_order"):
        body["email"] = f"{new_key()[:12]}@example.com"
    if name == "register":
        body["password"] = PASSWORD
    if name in ("create_category", "create_report"):
        body["name"] = f"Fuzz {new_key()[:12]}"
    if name == "create_category":
        body.pop("slug", None)
        body.pop("parent_id", None)
    if name == "login" and client.account:
        body.update(client.account)
    for field_name in ("current_password", *(["password"] if name == "erase_account" else [])):
        if field_name in body:
            body[field_name] = PASSWORD
    if name == "place_order":
        body["payment_method"] = {"provider": "sandbox", "token": "pm_card_visa"}
        body["shipping_method"] = "standard"
        body.pop("expected_total", None)


def until(seconds: float) -> Iterator[int]:
    """Numbers of rounds until the time is over."""
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        yield number
        number += 1


ALL_ROLES = tuple(ROLES)
