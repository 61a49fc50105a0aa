"""`If-Match` on each kind of store: of ten concurrent changes of one version, one is made."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import pytest

from gateway_flask.openapi.examples import BODIES
from tests.support.shop import ADDRESS, Client, Shop, new_key

EDITORS = 10


@dataclass(frozen=True)
class Edited:
    """A resource with its change."""

    client: Client
    path: str
    method: str
    change: Callable[[int], dict[str, Any]]


def profile(shop: Shop) -> Edited:
    return Edited(
        shop.customer(), "/users/me", "PUT", lambda n: {"first_name": "Ada", "last_name": f"Lovelace {'I' * (n + 1)}"}
    )


def address(shop: Shop) -> Edited:
    customer = shop.customer()
    path = f"/users/me/addresses/{customer('POST', '/users/me/addresses', ADDRESS).data['id']}"
    return Edited(customer, path, "PUT", lambda n: ADDRESS | {"city": f"City {n}"})


def category(shop: Shop) -> Edited:
    slug = shop.admin("POST", "/categories", {"name": f"Shelf {new_key()[:8]}"}).data["slug"]
    return Edited(shop.admin, f"/categories/{slug}", "PUT", lambda n: {"name": f"Shelf {n}", "slug": slug})


def product(shop: Shop) -> Edited:
    body = {
        "title": "Lamp",
        "status": "draft",
        "variants": [{"sku": new_key(), "price": {"amount": 1, "currency": "USD"}}],
    }
    path = f"/products/{shop.admin('POST', '/products', body, key=new_key()).data['id']}"
    return Edited(shop.admin, path, "PATCH", lambda n: {"title": f"Lamp {n}"})


def report(shop: Shop) -> Edited:
    created = shop.admin("POST", "/analytics/reports", BODIES["create_report"])
    path = f"/analytics/reports/{created.data['id']}"
    return Edited(shop.admin, path, "PUT", lambda n: BODIES["create_report"] | {"name": f"Report {n}"})


def review(shop: Shop) -> Edited:
    customer, sku = shop.customer(), shop.product(0)
    product_id = shop.admin("GET", "/products", params={"q": f"Test product {sku}"}).data[0]["id"]
    written = customer("POST", f"/products/{product_id}/reviews", {"rating": 5, "title": "Good", "text": "Sturdy."})
    return Edited(customer, f"/reviews/{written.data['id']}", "PATCH", lambda n: {"title": f"Good {n}"})


def account(shop: Shop) -> Edited:
    user_id = shop.customer()("GET", "/auth/me").data["id"]
    return Edited(shop.admin, f"/users/{user_id}", "PATCH", lambda n: {"last_name": f"Hopper {'I' * (n + 1)}"})


@pytest.mark.parametrize("make", [profile, address, category, product, report, review, account])
def test_one_of_ten_editors_changes_a_version(shop: Shop, make: Callable[[Shop], Edited]) -> None:
    edited = make(shop)
    tag = edited.client("GET", edited.path).headers["ETag"]
    start = Barrier(EDITORS)

    def change(number: int) -> tuple[int, str]:
        start.wait()
        reply = edited.client(edited.method, edited.path, edited.change(number), headers={"If-Match": tag})
        return reply.status, "" if reply.status == 200 else reply.code

    with ThreadPoolExecutor(EDITORS) as pool:
        replies = sorted(pool.map(change, range(EDITORS)))

    assert replies == [(200, ""), *[(412, "PRECONDITION_FAILED")] * (EDITORS - 1)]
    current = edited.client("GET", edited.path).headers["ETag"]
    assert edited.client(edited.method, edited.path, edited.change(11), headers={"If-Match": current}).status == 200


@pytest.mark.parametrize("make", [address, category, report, review])
def test_stale_delete_is_refused(shop: Shop, make: Callable[[Shop], Edited]) -> None:
    edited = make(shop)
    tag = edited.client("GET", edited.path).headers["ETag"]
    newer = edited.client(edited.method, edited.path, edited.change(1)).headers["ETag"]

    assert edited.client("DELETE", edited.path, headers={"If-Match": tag}).status == 412
    assert edited.client("DELETE", edited.path, headers={"If-Match": newer}).status == 200


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
