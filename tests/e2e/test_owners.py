"""Ownership: every route that names a resource, called by its owner and by others, and every list of own resources."""

import re
from dataclasses import dataclass
from typing import Any, Final

import pytest

from gateway_flask.openapi.endpoints import ENDPOINTS, PREFIX
from tests.support.bodies import VALID_BODIES
from tests.support.files import unique_picture, upload
from tests.support.images import PDF
from tests.support.receiver import PORT
from tests.support.routes import ACCESS, SIGNED_IN_ROUTES, VENDOR_ROUTES, path_of
from tests.support.shop import ADDRESS, Client, Reply, Shop, eventually, new_key

CUSTOMERS: Final[dict[str, tuple[str, int]]] = {
    "get_order": ("order", 200),
    "order_events": ("order", 200),
    "cancel_order": ("open_order", 200),
    "get_payment": ("payment", 200),
    "get_shipment": ("shipment", 200),
    "get_address": ("address", 200),
    "update_address": ("address", 200),
    "delete_address": ("address", 200),
    "get_file": ("file", 200),
    "get_file_info": ("file", 200),
    "link_file": ("file", 201),
    "delete_file": ("file", 200),
    "read_notification": ("notification", 200),
    "end_session": ("session", 200),
    "delete_api_key": ("api_key", 200),
    "edit_review": ("review", 200),
    "delete_review": ("review", 200),
}
"""Routes of what a customer owns: the resource, and the status of the owner's request."""
VENDORS: Final[dict[str, tuple[str, int]]] = {
    "get_product": ("draft", 200),
    "get_level": ("sku", 200),
    "adjust_stock": ("sku", 200),
    "set_stock_threshold": ("sku", 200),
    "set_order_status": ("vendor_order", 200),
    "add_shipment_event": ("vendor_shipment", 201),
    "reply_to_review": ("vendor_review", 200),
    "get_report": ("report", 200),
    "update_report": ("report", 200),
    "run_report": ("report", 200),
    "report_result": ("report", 200),
    "delete_report": ("report", 200),
    "get_webhook": ("webhook", 200),
    "update_webhook": ("webhook", 200),
    "test_webhook": ("webhook", 202),
    "rotate_webhook_secret": ("webhook", 200),
    "list_webhook_deliveries": ("webhook", 200),
    "replay_webhook_delivery": ("webhook_delivery", 202),
    "delete_webhook": ("webhook", 200),
    "list_variants": ("draft", 200),
    "put_options": ("draft", 200),
    "add_variant": ("draft", 201),
    "patch_variant": ("draft_variant", 200),
    "add_image": ("draft", 201),
    "delete_image": ("draft_image", 200),
    "delete_variant": ("draft_variant", 200),
    "patch_product": ("draft", 200),
    "update_product": ("draft", 200),
    "delete_product": ("draft", 200),
}
"""The same for what a vendor owns: own products, their stock, orders of them, reports."""
NOT_OWNED: Final = frozenset(
    {
        "get_category",
        "related_products",
        "list_reviews",
        "get_review",
        "submit_review",
        "vote_on_review",
        "report_review",
        "track",
        "download_export",
        "start_oauth",
        "finish_oauth",
        "remove_identity",
        "webhook",
        "set_quantity",
        "remove_item",
    }
)
"""Routes that name something public, an item of the caller's own cart, or that need a signature.

Identities need a provider: tests/service/auth/test_oauth.py has their ownership.
"""
OWNERS: Final = frozenset({"ANONYMOUS", "CUSTOMER", "VENDOR"})
"""Roles of persons who own resources; those of the staff own none."""
BODIES: Final[dict[str, Any]] = VALID_BODIES | {"cancel_order": {}, "set_order_status": {"status": "processing"}}
PARAMETER: Final = re.compile(r"<\w+:(\w+)>")


@dataclass
class Owner:
    """A person and the ids of what they own."""

    client: Client
    ids: dict[str, str]


def data_of(reply: Reply) -> dict[str, Any]:
    assert reply.status in (200, 201), reply
    return dict(reply.data)


@pytest.fixture
def seller(shop: Shop) -> Owner:
    """A vendor with a product on sale, a draft, a report, and a webhook with a delivery."""
    client = shop.member("VENDOR")
    ids: dict[str, str] = {}
    for name, status in (("product", "active"), ("draft", "draft")):
        sku = f"O-{new_key()[:12].upper()}"
        variants = [{"sku": sku, "price": {"amount": 500, "currency": "USD"}, "weight_g": 100}]
        body = {"title": f"Owned {sku}", "status": status, "variants": variants}
        ids[name] = data_of(client("POST", "/products", body, key=new_key()))["id"]
        ids["sku" if name == "product" else "draft_sku"] = sku
    picture = data_of(upload(client, unique_picture(), "product"))["id"]
    ids |= {"draft_variant": f"{ids['draft']} {ids['draft_sku']}", "draft_image": f"{ids['draft']} {picture}"}
    data_of(client("POST", f"/products/{ids['draft']}/images", {"file_id": picture}))
    data_of(client("POST", f"/inventory/{ids['sku']}/adjust", {"delta": 20, "reason": "first"}, key=new_key()))
    ids["report"] = data_of(client("POST", "/analytics/reports", BODIES["create_report"], key=new_key()))["id"]
    subscription = {"url": f"http://127.77.0.1:{PORT}/nobody-listens", "events": ["order_placed"]}
    ids["webhook"] = data_of(client("POST", "/webhook-subscriptions", subscription))["id"]
    tested = client("POST", f"/webhook-subscriptions/{ids['webhook']}/test")
    ids["webhook_delivery"] = f"{ids['webhook']} {tested.data['id']}"
    data_of(client("PATCH", f"/webhook-subscriptions/{ids['webhook']}", {"active": False}))
    return Owner(client, ids)


@pytest.fixture
def buyer(shop: Shop, seller: Owner) -> Owner:
    """A customer who ordered of the vendor, with a shipment, a review, an address, a document, a notification."""
    client = shop.member("CUSTOMER")
    order, open_order, vendor_order, shipped_order = (place_order(client, seller.ids["sku"]) for _ in range(4))
    for step in ("processing", "shipped"):
        data_of(shop.admin("PATCH", f"/orders/{order['id']}/status", {"status": step}))
    shipment = data_of(client("GET", f"/orders/{order['id']}"))["tracking_number"]
    shipped = data_of(seller.client("POST", "/shipments", {"order_id": shipped_order["id"]}, key=new_key()))
    review = data_of(client("POST", f"/products/{seller.ids['product']}/reviews", BODIES["submit_review"]))
    notifications = eventually(lambda: client("GET", "/notifications").data)
    assert shipment
    seller.ids |= {"vendor_order": vendor_order["id"], "vendor_shipment": shipped["id"], "vendor_review": review["id"]}
    return Owner(
        client,
        {
            "order": order["id"],
            "open_order": open_order["id"],
            "payment": order["payment"]["id"],
            "shipment": shipped["id"],
            "address": data_of(client("POST", "/users/me/addresses", ADDRESS))["id"],
            "file": data_of(upload(client, PDF + new_key().encode(), "document"))["id"],
            "notification": notifications[0]["id"],
            "review": review["id"],
            "session": other_session(client),
            "api_key": data_of(client("POST", "/auth/api-keys", BODIES["create_api_key"]))["id"],
        },
    )


def other_session(client: Client) -> str:
    """A second session of the same account."""
    assert client.account is not None
    Client(client.url).sign_in(client.account)
    [session] = [row["id"] for row in client("GET", "/auth/sessions").data if not row["current"]]
    return str(session)


def place_order(client: Client, sku: str) -> dict[str, Any]:
    assert eventually(lambda: client.add(sku).status == 201)
    return data_of(client.order())


def request(client: Client, route: str, resource: str) -> Reply:
    """One well-formed request of a route for this resource."""
    endpoint, body = ENDPOINTS[route], BODIES.get(route)
    if route == "update_product":  # a SKU stays with its seller
        variants = [variant | {"sku": f"O-{new_key()[:12].upper()}"} for variant in body["variants"]]
        body = body | {"variants": variants}
    if route == "add_variant":
        body = body | {"sku": f"O-{new_key()[:12].upper()}"}
    if route == "add_image":
        body = body | {"file_id": data_of(upload(client, unique_picture(), "product"))["id"]}
    path = path_of(route, **dict(zip(PARAMETER.findall(endpoint.rule), resource.split(), strict=True)))
    return client(endpoint.method, path, body, key=new_key())


def statuses(owner: Owner, routes: dict[str, tuple[str, int]]) -> dict[str, int]:
    """The status of the owner's request of each route, in the order of the table: what deletes comes last."""
    return {route: request(owner.client, route, owner.ids[resource]).status for route, (resource, _) in routes.items()}


def test_every_route_with_a_resource_is_classified() -> None:
    routes = {name for name, endpoint in ENDPOINTS.items() if "<" in endpoint.rule and ACCESS[name] & OWNERS}

    assert routes == {*CUSTOMERS, *VENDORS, *NOT_OWNED}


def test_customers_resource_is_found_by_its_owner_only(shop: Shop, buyer: Owner, seller: Owner) -> None:
    others = {"customer": shop.member("CUSTOMER"), "vendor": shop.member("VENDOR"), "guest": shop.guest()}

    replies = {
        (role, route): (reply.status, reply.code)
        for role, client in others.items()
        for route, (resource, _) in CUSTOMERS.items()
        for reply in [request(client, route, buyer.ids[resource])]
    }
    own_statuses = statuses(buyer, CUSTOMERS)

    signed_in_only = {route for route in CUSTOMERS if "ANONYMOUS" not in ACCESS[route]}
    assert replies == {
        (role, route): (401, "UNAUTHENTICATED") if role == "guest" and route in signed_in_only else (404, "NOT_FOUND")
        for role in others
        for route in CUSTOMERS
    }
    assert own_statuses == {route: status for route, (_, status) in CUSTOMERS.items()}


def test_vendors_resource_is_found_by_its_vendor_only(shop: Shop, buyer: Owner, seller: Owner) -> None:
    other_vendor = shop.member("VENDOR")

    replies = {
        route: (reply.status, reply.code)
        for route, (resource, _) in VENDORS.items()
        for reply in [request(other_vendor, route, seller.ids[resource])]
    }
    own_statuses = statuses(seller, VENDORS)

    assert replies == dict.fromkeys(VENDORS, (404, "NOT_FOUND"))
    assert own_statuses == {route: status for route, (_, status) in VENDORS.items()}


def test_lists_hold_nothing_of_others(shop: Shop, buyer: Owner, seller: Owner) -> None:
    other = shop.member("VENDOR", "CUSTOMER")
    assert other("POST", "/users/me/export").status == 202
    public = {"product", "sku", "review", "vendor_review"}
    owned_ids = {value for owner in (buyer, seller) for name, value in owner.ids.items() if name not in public}
    lists = [
        name
        for name in (*SIGNED_IN_ROUTES.split(), *VENDOR_ROUTES.split(), "list_products", "get_cart", "search")
        if ENDPOINTS[name].method == "GET" and "<" not in ENDPOINTS[name].rule and not ENDPOINTS[name].streams
    ]

    replies = {name: other("GET", ENDPOINTS[name].rule.removeprefix(PREFIX)) for name in lists}

    assert len(lists) > 15
    assert {name: reply.status for name, reply in replies.items()} == dict.fromkeys(lists, 200)
    leaks = {name for name, reply in replies.items() if any(value.encode() in reply.raw for value in owned_ids)}
    assert leaks == set()
