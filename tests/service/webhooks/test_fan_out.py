"""Fan-out: which subscription gets which events, with what of them, on a real PostgreSQL."""

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from schemas.api.webhooks import CreateWebhook, VendorEvent
from schemas.base import Idempotency
from schemas.caller import Caller
from services.chassis.common.errors import Conflict, NotFound, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.webhooks.fan_out import FanOut
from services.webhooks.subscribed import Subscribed
from tests.service.webhooks.conftest import ADMIN, VENDOR, Webhooks, event

URL = "https://hooks.example.com/"
POTTER = str(VENDOR.user_id)
SMITH = Caller(user_id=new_id(), roles=["VENDOR"])


@dataclass
class Sold:
    """A priced SKU, with the vendor only."""

    vendor_id: str | None


@dataclass
class OtherServices:
    """`orders` and `products`: what vendors see of each order's events, and whose SKU it is."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    skus: dict[str, str | None] = field(default_factory=dict)
    away: bool = False

    def vendor_events(self, order_id: str, event_ids: list[str]) -> list[VendorEvent]:
        if self.away:
            raise ServiceUnavailable()
        if order_id not in self.lines:
            raise NotFound("There is no such order")
        data = {"order_id": order_id, "items": "own"}
        return [
            VendorEvent(vendor_id=vendor, event_id=id_, data=data)
            for vendor in self.lines[order_id]
            for id_ in event_ids
        ]

    def price_skus(self, skus: list[str]) -> dict[str, Any]:
        return {sku: Sold(self.skus[sku]) for sku in skus if sku in self.skus}


@pytest.fixture
def others() -> OtherServices:
    return OtherServices()


@pytest.fixture
def fan_out(webhooks: Webhooks, others: OtherServices) -> FanOut:
    return FanOut(webhooks.store, Subscribed(), others, others)  # type: ignore[arg-type]


def control(event_type: str, user_id: str, **data: Any) -> dict[str, Any]:
    return event(user_id, event_type, **data) | {"source": "/auth", "data": {"user_id": user_id, **data}}


def bodies(webhooks: Webhooks, subscription: dict[str, Any]) -> list[dict[str, Any]]:
    return [orjson.loads(each["request"]["body"]) for each in webhooks.deliveries(subscription)]


def test_administrator_gets_all_but_internal_fields(webhooks: Webhooks, fan_out: FanOut) -> None:
    subscription = webhooks.subscribe(URL, "order_placed", caller=ADMIN)
    person = new_id()
    placed = event("a", user_id=person, email="ada@example.com", cart_id="secret", cart_version=3)

    stored = fan_out.handle([placed, event("a", "order_confirmed")])

    [body] = bodies(webhooks, subscription)
    assert stored == 1
    assert body == {
        **{name: placed[name] for name in ("specversion", "id", "source", "type", "subject", "time")},
        "data": {"order_id": "a", "user_id": person, "email": "ada@example.com"},
    }
    with webhooks.store.reading() as connection:
        assert connection.execute(text("select user_id::text from deliveries")).scalar_one() == person


def test_vendor_gets_own_view_of_own_orders(webhooks: Webhooks, fan_out: FanOut, others: OtherServices) -> None:
    of_potter, of_smith = (webhooks.subscribe(URL, "order_placed", caller=caller) for caller in (VENDOR, SMITH))
    others.lines = {"both": [POTTER, str(SMITH.user_id)], "smith's": [str(SMITH.user_id)], "shop's": []}

    fan_out.handle([event(order_id, email="ada@example.com") for order_id in (*others.lines, "deleted")])

    assert [body["data"] for body in bodies(webhooks, of_potter)] == [{"order_id": "both", "items": "own"}]
    assert [body["subject"] for body in bodies(webhooks, of_smith)] == ["both", "smith's"]


def test_vendor_gets_own_products_and_stock(webhooks: Webhooks, fan_out: FanOut, others: OtherServices) -> None:
    subscription = webhooks.subscribe(URL, "product_updated", "stock_changed", caller=VENDOR)
    others.skus = {"MUG": POTTER, "LAMP": str(SMITH.user_id), "SHOP": None}
    stock = [
        event(sku, "stock_changed") | {"source": "/inventory", "data": {"sku": sku, "available": 3, "note": "counted"}}
        for sku in (*others.skus, "DELETED")
    ]
    products = [
        event(str(vendor), "product_updated") | {"source": "/products", "data": {"title": "Mug", "vendor_id": vendor}}
        for vendor in (POTTER, str(SMITH.user_id), None)
    ]

    fan_out.handle([*stock, *products])

    assert [body["data"] for body in bodies(webhooks, subscription)] == [
        {"sku": "MUG", "available": 3},
        {"title": "Mug", "vendor_id": POTTER},
    ]


def test_nothing_is_stored_while_orders_is_away(webhooks: Webhooks, fan_out: FanOut, others: OtherServices) -> None:
    webhooks.subscribe(URL, "order_placed", caller=VENDOR)
    of_admin = webhooks.subscribe(URL, "order_placed", caller=ADMIN)
    others.lines, others.away = {"a": [POTTER]}, True
    batch = [event("a")]
    with pytest.raises(ServiceUnavailable):
        fan_out.handle(batch)
    assert webhooks.deliveries(of_admin) == []
    others.away = False

    assert (fan_out.handle(batch), fan_out.handle(batch)) == (2, 0)


@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        (
            lambda owner: control("roles_assigned", owner, roles=["CUSTOMER"]),
            "The owner has lost the permission for it",
        ),
        (lambda owner: control("account_disabled", owner), "The owner's account is disabled"),
    ],
)
def test_owner_without_permission_gets_nothing_more(
    webhooks: Webhooks, fan_out: FanOut, lost: Any, reason: str
) -> None:
    subscription = webhooks.subscribe(URL, "order_placed", caller=ADMIN)
    fan_out.handle([event("before")])

    fan_out.handle([lost(str(ADMIN.user_id))])
    stored = fan_out.handle([event("after")])

    disabled = webhooks.store.subscriptions.get(subscription["id"], None)
    assert (stored, disabled["active"], disabled["disabled_reason"]) == (0, False, reason)
    assert disabled["version"] == 2
    assert webhooks.store.attempts.claim(10, webhooks.dispatcher.cipher) == []


def test_vendor_who_was_administrator_gets_nothing_of_the_shop(webhooks: Webhooks, fan_out: FanOut) -> None:
    webhooks.subscribe(URL, "order_placed", caller=ADMIN)

    fan_out.handle([control("roles_assigned", str(ADMIN.user_id), roles=["VENDOR"])])

    assert fan_out.handle([event("a")]) == 0


def test_former_administrator_cannot_read_what_was_delivered(webhooks: Webhooks, fan_out: FanOut) -> None:
    subscription = webhooks.subscribe(URL, "order_placed", caller=ADMIN)
    owner_id = str(ADMIN.user_id)

    fan_out.handle([event("a"), control("roles_assigned", owner_id, roles=["VENDOR"])])

    assert webhooks.store.subscriptions.list_all(owner_id) == []
    with pytest.raises(NotFound):
        webhooks.store.subscriptions.get(subscription["id"], owner_id)


def test_repeated_creation_makes_one_subscription(webhooks: Webhooks) -> None:
    key = Idempotency(owner=str(VENDOR.user_id), key=new_id(), fingerprint="f")
    command = CreateWebhook(url=URL, events=["order_placed"], caller=VENDOR, idempotency=key)

    first, second = (
        webhooks.store.subscriptions.create(command, "vendor", webhooks.dispatcher.cipher) for _ in range(2)
    )

    assert second == first
    assert len(webhooks.store.subscriptions.list_all(None)) == 1
    with webhooks.store.reading() as connection:
        stored = connection.execute(text("select reply::text from idempotency where key = :key"), {"key": key.key})
        assert first["secret"] not in stored.scalar_one()


def test_subscriptions_of_an_owner_are_limited(webhooks: Webhooks) -> None:
    for _ in range(20):
        webhooks.subscribe(URL, caller=VENDOR)

    with pytest.raises(Conflict):
        webhooks.subscribe(URL, caller=VENDOR)

    assert webhooks.subscribe(URL, caller=SMITH)["owner_id"] == SMITH.user_id


def test_subscription_is_heard_after_its_change_event(webhooks: Webhooks, fan_out: FanOut) -> None:
    assert fan_out.handle([event("before")]) == 0
    assert not fan_out.subscribed.wants("order_placed")

    webhooks.subscribe(URL, "order_placed", caller=ADMIN)
    [changed] = webhooks.events("webhook_subscription_changed")
    fan_out.handle([changed])

    assert fan_out.subscribed.wants("order_placed")
    assert fan_out.handle([event("after")]) == 1
