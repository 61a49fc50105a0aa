"""`If-Match` on each kind of store: of ten concurrent changes of one version, one is made."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import pytest

from gateway_flask.openapi.examples import BODIES
from tests.support.shop import ADDRESS, Client, Reply, Shop, new_key

EDITORS = 10


@dataclass(frozen=True)
class Edited:
    """A resource with its change, whose body may name the version that it is based on."""

    client: Client
    path: str
    method: str
    change: Callable[[int, int], dict[str, Any]]
    write_path: str | None = None
    delete_body: str = ""

    def tag(self) -> str:
        return str(self.client("GET", self.path).headers["ETag"])

    def write(self, number: int, tag: str) -> Reply:
        version = int(tag.strip('W/"').partition("-")[0])
        path, body = self.write_path or self.path, self.change(number, version)
        return self.client(self.method, path, body, headers={"If-Match": tag})


def profile(shop: Shop) -> Edited:
    return Edited(
        shop.customer(),
        "/users/me",
        "PUT",
        lambda n, _: {"first_name": "Ada", "last_name": f"Lovelace {'I' * (n + 1)}"},
    )


def address(shop: Shop) -> Edited:
    customer = shop.customer()
    path = f"/users/me/addresses/{customer('POST', '/users/me/addresses', ADDRESS).data['id']}"
    return Edited(customer, path, "PUT", lambda n, _: ADDRESS | {"city": f"City {n}"})


def category(shop: Shop) -> Edited:
    slug = shop.admin("POST", "/categories", {"name": f"Shelf {new_key()[:8]}"}).data["slug"]
    return Edited(shop.admin, f"/categories/{slug}", "PUT", lambda n, _: {"name": f"Shelf {n}", "slug": slug})


def product(shop: Shop) -> Edited:
    body = {
        "title": "Lamp",
        "status": "draft",
        "variants": [{"sku": new_key(), "price": {"amount": 1, "currency": "USD"}}],
    }
    path = f"/products/{shop.admin('POST', '/products', body, key=new_key()).data['id']}"
    return Edited(shop.admin, path, "PATCH", lambda n, _: {"title": f"Lamp {n}"})


def report(shop: Shop) -> Edited:
    created = shop.admin("POST", "/analytics/reports", BODIES["create_report"])
    path = f"/analytics/reports/{created.data['id']}"
    return Edited(shop.admin, path, "PUT", lambda n, _: BODIES["create_report"] | {"name": f"Report {n}"})


def review(shop: Shop) -> Edited:
    customer, sku = shop.customer(), shop.product(0)
    product_id = shop.admin("GET", "/products", params={"q": f"Test product {sku}"}).data[0]["id"]
    written = customer("POST", f"/products/{product_id}/reviews", {"rating": 5, "title": "Good", "text": "Sturdy."})
    return Edited(customer, f"/reviews/{written.data['id']}", "PATCH", lambda n, _: {"title": f"Good {n}"})


def account(shop: Shop) -> Edited:
    user_id = shop.customer()("GET", "/auth/me").data["id"]
    return Edited(shop.admin, f"/users/{user_id}", "PATCH", lambda n, _: {"last_name": f"Hopper {'I' * (n + 1)}"})


def preferences(shop: Shop) -> Edited:
    return Edited(shop.customer(), "/users/me/preferences", "PUT", lambda n, _: {"marketing": n % 2 == 0})


def notification_preferences(shop: Shop) -> Edited:
    path, kinds = "/notifications/preferences", ("back_in_stock", "low_stock")
    return Edited(shop.customer(), path, "PUT", lambda n, _: {"kinds": {kinds[n % 2]: {"email": False}}})


def tax_rate(shop: Shop) -> Edited:
    region = new_key()[:3].upper()
    rate = {"country": "AQ", "region": region, "rate_bp": 100, "name": "Ice tax"}
    path = f"/tax-rates/{shop.admin('PUT', '/tax-rates', rate).data['id']}"
    return Edited(shop.admin, path, "PUT", lambda n, _: rate | {"rate_bp": 101 + n}, "/tax-rates")


def group(shop: Shop) -> Edited:
    path = f"/users/groups/g-{new_key()[:8]}"
    shop.admin("PUT", path, {"title": "Wholesale"})
    return Edited(shop.admin, path, "PUT", lambda n, _: {"title": f"Wholesale {n}"})


def webhook(shop: Shop) -> Edited:
    body = {"url": "http://127.77.0.1:8077/versions", "events": ["order_confirmed"], "active": False}
    created = shop.admin("POST", "/webhook-subscriptions", body, key=new_key())
    events = (["order_shipped"], ["order_delivered"])
    path = f"/webhook-subscriptions/{created.data['id']}"
    return Edited(shop.admin, path, "PATCH", lambda n, _: {"events": events[n % 2]})


def threshold(shop: Shop) -> Edited:
    path = f"/inventory/{shop.product(1)}"
    return Edited(shop.admin, path, "PUT", lambda n, _: {"low_stock_threshold": n}, f"{path}/threshold")


def warehouse(shop: Shop) -> Edited:
    path = f"/inventory/warehouses/w{new_key()[:8]}"
    shop.admin("PUT", path, {"name": "Attic", "priority": 999})
    return Edited(shop.admin, path, "PUT", lambda n, _: {"name": f"Attic {n}", "priority": 999})


def role(shop: Shop) -> Edited:
    body, path = {"permissions": ["orders.read"], "reason": "A test"}, f"/auth/roles/T_{new_key()[:8].upper()}"
    shop.admin("PUT", path, body)
    return Edited(shop.admin, path, "PUT", lambda n, _: body | {"reason": f"Test {n}"}, delete_body="?reason=tested")


def flag(shop: Shop) -> Edited:
    path = f"/config/flags/test_{new_key()[:8]}"
    shop.admin("PUT", path, {"enabled": True, "default": False, "rules": []})
    return Edited(shop.admin, path, "PUT", lambda n, _: {"enabled": True, "default": n % 2 == 0, "rules": []})


def setting(shop: Shop) -> Edited:
    path = "/config/settings/audit.retention_days"
    return Edited(
        shop.admin, path, "PUT", lambda n, version: {"value": 1_095, "version": version, "reason": f"Test {n}"}
    )


def template(shop: Shop) -> Edited:
    return Edited(
        shop.admin,
        "/notifications/templates/review_published?locale=fr",
        "PUT",
        lambda n, version: {"locale": "fr", "version": version, "text": {"heading": f"Bonjour {n}"}},
        "/notifications/templates/review_published",
    )


VERSIONED = (
    *(profile, address, preferences, notification_preferences, account, group),
    *(category, product, tax_rate, warehouse, threshold, review, report, webhook, role, flag, setting, template),
)
DELETED = (address, category, product, tax_rate, warehouse, review, report, webhook, role, group)
Make = Callable[[Shop], Edited]


@pytest.mark.parametrize("make", VERSIONED)
def test_one_of_ten_editors_changes_a_version(shop: Shop, make: Make) -> None:
    edited = make(shop)
    tag = edited.tag()
    start = Barrier(EDITORS)

    def change(number: int) -> tuple[int, str]:
        start.wait()
        reply = edited.write(number, tag)
        return reply.status, "" if reply.status == 200 else reply.code

    with ThreadPoolExecutor(EDITORS) as pool:
        replies = sorted(pool.map(change, range(EDITORS)))

    assert replies == [(200, ""), *[(412, "PRECONDITION_FAILED")] * (EDITORS - 1)]
    assert edited.write(11, edited.tag()).status == 200


@pytest.mark.parametrize("make", DELETED)
def test_stale_delete_is_refused(shop: Shop, make: Make) -> None:
    edited = make(shop)
    tag = edited.tag()
    newer = edited.write(1, tag).headers["ETag"]
    path = edited.path + edited.delete_body

    assert edited.client("DELETE", path, headers={"If-Match": tag}).status == 412
    assert edited.client("DELETE", path, headers={"If-Match": newer}).status == 200


def test_stale_rollback_of_a_setting_is_refused(shop: Shop) -> None:
    edited = setting(shop)
    tag = edited.tag()
    newer = edited.write(1, tag).headers["ETag"]
    path, body = f"{edited.path}/rollback", {"version": 0, "reason": "A test"}

    assert shop.admin("POST", path, body, headers={"If-Match": tag}).status == 412
    assert shop.admin("POST", path, body, headers={"If-Match": newer}).status == 200


def test_versions_in_bodies_become_412_with_if_match(shop: Shop) -> None:
    tuning = shop.admin("GET", "/search/tuning")
    body = {name: value for name, value in tuning.data.items() if name not in ("updated_at", "updated_by")}
    stale = body | {"version": body["version"] + 1}

    assert shop.admin("PUT", "/search/tuning", stale).status == 409
    with_header = shop.admin("PUT", "/search/tuning", stale, headers={"If-Match": f'"{stale["version"]}"'})
    assert (with_header.status, with_header.code) == (412, "PRECONDITION_FAILED")


def test_roles_and_warehouses_have_versions(shop: Shop) -> None:
    code, name = f"w{new_key()[:8]}", f"T_{new_key()[:8].upper()}"
    path = f"/inventory/warehouses/{code}"
    warehouse = shop.admin("PUT", path, {"name": "Attic"}, headers={"If-Match": '"0"'})
    [role] = [each for each in shop.admin("GET", "/auth/roles").data if each["name"] == "SUPPORT"]

    assert warehouse.status == 200
    again = {"name": "Cellar", "priority": 999}
    assert shop.admin("PUT", path, again, headers={"If-Match": '"0"'}).status == 412
    newer = shop.admin("PUT", path, again, headers={"If-Match": warehouse.headers["ETag"]})
    assert newer.data["version"] == warehouse.data["version"] + 1
    assert shop.admin("DELETE", path, headers={"If-Match": '"1"'}).status == 412
    assert shop.admin("DELETE", path, headers={"If-Match": newer.headers["ETag"]}).status == 200
    stale = {"If-Match": f'"{role["version"] + 5}"'}
    body = {"permissions": ["orders.read"], "reason": "A test"}
    assert shop.admin("PUT", f"/auth/roles/{name}", body, headers=stale).status == 412
