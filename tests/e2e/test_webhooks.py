"""Webhooks out: subscribe, order, receive signed deliveries, retries, replays, rotation, what vendors get."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.receiver import Received, Receiver, receiving
from tests.support.shop import Client, Reply, Shop, eventually, new_key

Subscribe = Callable[..., dict[str, Any]]
ORDER = ["order_placed", "order_confirmed"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def vendors(shop: Shop) -> tuple[Client, Client]:
    return shop.member("VENDOR"), shop.member("VENDOR")


@pytest.fixture
def subscribe() -> Iterator[Subscribe]:
    """Subscribes, and waits until a test event has arrived: from then on events are delivered."""
    created_ids: list[tuple[Client, str]] = []

    def subscribe(client: Client, receiver: Receiver, *events: str) -> dict[str, Any]:
        created = client("POST", "/webhook-subscriptions", {"url": receiver.url, "events": list(events)})
        assert created.status == 201, created
        created_ids.append((client, created.data["id"]))
        tested = client("POST", f"/webhook-subscriptions/{created.data['id']}/test")
        assert tested.status == 202, tested
        assert receiver.wait_for(1, type="webhook_test")
        return dict(created.data)

    yield subscribe
    for client, subscription_id in created_ids:
        assert client("DELETE", f"/webhook-subscriptions/{subscription_id}").status == 200


def ordered(shop: Shop, *skus: str) -> dict[str, Any]:
    customer = shop.customer()
    for sku in skus:
        assert eventually(lambda sku=sku: customer.add(sku).status == 201)  # once its stock is in the catalogue
    order = customer.order()
    assert order.status == 201, order
    return dict(order.data)


def own_product(vendor: Client) -> str:
    sku = f"W-{new_key()[:10].upper()}"
    body = {"title": sku, "status": "active", "variants": [{"sku": sku, "price": {"amount": 700, "currency": "USD"}}]}
    assert vendor("POST", "/products", body, key=new_key()).status == 201
    adjusted = vendor("POST", f"/inventory/{sku}/adjust", {"delta": 10, "reason": "first"}, key=new_key())
    assert adjusted.status == 200, adjusted
    return sku


def deliveries(client: Client, subscription: dict[str, Any], **query: Any) -> Reply:
    return client("GET", f"/webhook-subscriptions/{subscription['id']}/deliveries", params=query)


def deliveries_of(
    shop: Shop, subscription: dict[str, Any], order: dict[str, Any], **query: Any
) -> list[dict[str, Any]]:
    """The deliveries of one order: other tests order at the same time."""
    rows = deliveries(shop.admin, subscription, **query, limit=100).data
    return [row for row in rows if row["subject"] == order["id"]]


def types(received: list[Received]) -> list[str]:
    return [each.event["type"] for each in received]


def test_order_is_delivered_signed_and_retried_in_order(shop: Shop, subscribe: Subscribe, receiver: Receiver) -> None:
    subscription = subscribe(shop.admin, receiver, *ORDER)
    sku = shop.product()
    failures = iter([500, 500, 500])
    receiver.answer = lambda request: next(failures, 200) if request.event["type"] == "order_placed" else 200

    order = ordered(shop, sku)
    received = receiver.wait_for(5, subject=order["id"])

    assert types(received) == ["order_placed"] * 4 + ["order_confirmed"]
    assert len({each.headers["x-ultramarket-event-id"] for each in received[:4]}) == 1
    assert [each.headers["x-ultramarket-attempt"] for each in received] == ["1", "2", "3", "4", "1"]
    assert all(each.is_signed_with(subscription["secret"]) for each in received)
    assert {each.headers["x-ultramarket-key-id"] for each in received} == {subscription["keys"][0]["id"]}
    confirmed = received[-1].event
    assert confirmed["data"]["number"] == order["number"]
    assert confirmed.keys() & {"requestid", "userid", "traceparent", "actor"} == set()
    assert confirmed["data"].keys() & {"cart_id", "cart_version"} == set()


def test_deliveries_are_listed_and_replayed(shop: Shop, subscribe: Subscribe, receiver: Receiver) -> None:
    subscription = subscribe(shop.admin, receiver, "order_confirmed")
    order = ordered(shop, shop.product())
    receiver.wait_for(1, subject=order["id"])
    [delivered] = eventually(lambda: deliveries_of(shop, subscription, order, status="delivered"))
    path = f"/webhook-subscriptions/{subscription['id']}/deliveries/{delivered['id']}/replay"

    replay = shop.admin("POST", path)
    first, second = receiver.wait_for(2, subject=order["id"])

    assert delivered["response"] == {"status": 200, "body": "thanks", "ms": delivered["response"]["ms"]}
    assert delivered["request"]["body"].encode() == first.body == second.body
    assert delivered["request"]["headers"]["X-UltraMarket-Signature"] == first.headers["x-ultramarket-signature"]
    assert (replay.status, replay.data["replay_of"]) == (202, delivered["id"])
    assert second.headers["x-ultramarket-event-id"] == first.headers["x-ultramarket-event-id"]
    assert second.headers["x-ultramarket-delivery-id"] == replay.data["id"]
    assert eventually(lambda: deliveries(shop.admin, subscription, status="pending").body["pagination"]["total"] == 0)
    assert len(deliveries_of(shop, subscription, order)) == 2


def test_rotated_secret_signs_beside_the_old_one(shop: Shop, subscribe: Subscribe, receiver: Receiver) -> None:
    subscription = subscribe(shop.admin, receiver, "order_confirmed")
    path = f"/webhook-subscriptions/{subscription['id']}"

    rotated = shop.admin("POST", f"{path}/rotate-secret").data
    shop.admin("POST", f"{path}/test")
    received = receiver.wait_for(2, type="webhook_test")[-1]

    assert rotated["secret"] != subscription["secret"]
    assert received.is_signed_with(rotated["secret"])
    assert received.is_signed_with(subscription["secret"])
    key_ids = [key["id"] for key in rotated["keys"]]
    assert received.headers["x-ultramarket-key-id"].split(",") == key_ids
    assert key_ids[1:] == [subscription["keys"][0]["id"]]
    assert "secret" not in shop.admin("GET", path).data


def test_vendor_gets_own_lines_and_products_only(
    shop: Shop, subscribe: Subscribe, vendors: tuple[Client, Client]
) -> None:
    first, second = vendors
    with receiving() as of_first, receiving() as of_second:
        names = ("order_confirmed", "stock_changed", "product_created")
        subscribe(first, of_first, *names)
        subscribe(second, of_second, *names)
        mine, others = own_product(first), own_product(second)
        order = ordered(shop, mine, others)
        only_second = ordered(shop, others)
        [confirmed] = of_first.wait_for(1, type="order_confirmed")
        of_second.wait_for(2, type="order_confirmed")

        history = first("GET", f"/orders/{order['id']}/events").data
        vendor_view = next(entry["data"] for entry in history if entry["type"] == "order_confirmed")
        assert confirmed.event["data"] == vendor_view
        assert [line["sku"] for line in confirmed.event["data"]["items"]] == [mine]
        assert "email" not in confirmed.event["data"]
        skus = {sku for each in of_first.of(type="product_created") for sku in each.event["data"]["skus"]}
        assert skus == {mine}
        assert {each.event["subject"] for each in of_first.of(type="stock_changed")} == {mine}
        assert of_first.of(subject=only_second["id"]) == []


def test_another_vendors_subscription_is_not_found(
    shop: Shop, subscribe: Subscribe, vendors: tuple[Client, Client], receiver: Receiver
) -> None:
    owner, other = vendors
    subscription = subscribe(owner, receiver, "order_confirmed")
    path = f"/webhook-subscriptions/{subscription['id']}"
    delivery = eventually(lambda: deliveries(owner, subscription, status="delivered").data)[0]

    replies = [
        other("GET", path),
        other("PATCH", path, {"active": False}),
        other("DELETE", path),
        other("POST", f"{path}/rotate-secret"),
        other("POST", f"{path}/test"),
        other("GET", f"{path}/deliveries"),
        other("POST", f"{path}/deliveries/{delivery['id']}/replay"),
    ]

    assert [(reply.status, reply.code) for reply in replies] == [(404, "NOT_FOUND")] * 7
    assert subscription["id"] not in [each["id"] for each in other("GET", "/webhook-subscriptions").data]
    assert subscription["id"] in [each["id"] for each in shop.admin("GET", "/webhook-subscriptions").data]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://127.0.0.1:8077/x", "events": ORDER}, "url"),
        ({"url": "https://169.254.169.254/latest", "events": ORDER}, "url"),
        ({"url": "https://hooks.example.com/", "events": ["email_verification_requested"]}, "events.0"),
        ({"url": "https://hooks.example.com/", "events": ["order_placed", "payment_captured"]}, "events.1"),
    ],
)
def test_vendor_subscription_is_refused_by_field(
    vendors: tuple[Client, Client], body: dict[str, Any], field: str
) -> None:
    reply = vendors[0]("POST", "/webhook-subscriptions", body)

    assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
    assert [detail["field"] for detail in reply.error["details"]] == [field]
