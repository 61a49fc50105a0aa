"""Walk the routes as each role; every reply must fit the document, and none may be a server error."""

import random
from collections.abc import Callable, Iterator
from typing import Any, Final

from schemathesis.core.parameters import ParameterLocation

from tests.fuzz.callers import Callers, may_use
from tests.fuzz.calls import PATHS, invalid, required_of, valid
from tests.fuzz.checks import check
from tests.fuzz.pool import Pool
from tests.fuzz.tally import Tally
from tests.support.routes import STAFF_ROUTES
from tests.support.shop import Client, Shop, new_key

PASSWORD: Final = "correct horse battery"
FIRST: Final = ("register", "create_category", "create_product", "add_item", "place_order")
NOBODYS_COUNTRY: Final = "AQ"
"""Rates of other countries are used by other tests at the same time."""
ENOUGH: Final = 2
"""Calls of a route in a round that is kept short."""
METHODS: Final = ("POST", "PUT", "GET", "PATCH", "DELETE")


class Fuzz:
    """One run against a shop; the same seed makes the same requests, as far as the shop's ids allow."""

    def __init__(self, shop: Shop, start: int = 0, tally: Tally | None = None) -> None:
        self.shop, self.start = shop, start
        self.chance = random.Random(start)
        self.shared = Pool(self.chance)
        self.tally = tally or Tally()
        self.callers = Callers(shop)

    def prepare(self) -> None:
        """A product with stock, which the shop's roles buy and review."""
        sku = self.shop.product(stock=1_000)
        product = self.shop.admin("GET", f"/products?q={sku}&limit=1").data
        self.shared.listed["skus", "sku"].append(sku)
        self.shared.listed["products", "id"].extend(row["id"] for row in product)

    def round(
        self, roles: tuple[str, ...], names: set[str], invalid_share: float, everything: bool, foreign: float = 0.0
    ) -> Iterator[str]:
        """Call each route that a role may use, and a share of the others; yields role and route after each call.

        Without `everything`, a route that was called twice is not called again.
        """
        for role in roles:
            own = {name for name in names if may_use(role, name)}
            others = {name for name in sorted(names - own) if self.chance.random() < foreign}
            if role in STAFF_ROUTES and not everything:
                own &= set(STAFF_ROUTES[role].split())
            if not everything:
                own = {name for name in own if self.tally.statuses[name].total() < ENOUGH}
            for name in sorted(own | others, key=position):
                self.send(role, name, valid, may=name in own)
                yield f"{role} {name}"
                if name in own and self.chance.random() < invalid_share:
                    self.send(role, name, invalid)
                    yield f"{role} {name}"

    def send(self, role: str, name: str, make: Callable[[str, Pool, int], Any], may: bool = True) -> None:
        """Send one request and check its reply."""
        case = make(name, self.shared, self.start)
        if case is None:
            return
        client = self.callers.client(role, name)
        if make is valid:
            real_values(name, case.body, client)
            if not self.tally.statuses[name]:
                case.query = required_of(name, case.query)
        headers = self.callers.credentials(role, client)
        if not violates_headers(case):
            headers["Idempotency-Key"] = new_key()
        if client.cart and make is valid:
            headers["X-Cart-Id"] = client.cart
        response = case.call(base_url=self.shop.url, headers=headers, timeout=60)
        check(case, response, role, self.tally, may=may)
        content_type = (response.headers.get("content-type") or [""])[0]  # one of NDJSON is not one document
        if response.status_code < 300 and make is valid and content_type.startswith("application/json"):
            data = response.json().get("data")
            self.shared.harvest(PATHS[name][1], PATHS[name][0], data)
            if name == "add_item" and "Authorization" not in headers and "X-API-Key" not in headers:
                client.cart = data["id"]


def violates_headers(case: Any) -> bool:
    """Whether it is the headers by which a request violates the document: they are sent as they are."""
    part = case.meta.components.get(ParameterLocation.HEADER) if case.meta else None
    return part is not None and part.mode.is_negative


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
