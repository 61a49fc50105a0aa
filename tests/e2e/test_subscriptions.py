"""GraphQL subscriptions over WebSocket: order status and live figures, authorised for as long as the session lasts."""

import json

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.graphql import STATUS, drain, graphql, socket, subscriber
from tests.support.shop import Shop, new_key

CANCEL = "mutation($id: ID!, $key: String!) { cancelOrder(id: $id, idempotencyKey: $key) { status } }"


def test_order_status_is_pushed_and_resumed(shop: Shop) -> None:
    customer = shop.customer()
    customer.add(shop.product())
    order = customer.order().data

    with subscriber(customer) as first:
        first.subscribe("1", STATUS, id=order["id"])
        current = first.next("orderStatus")
        with subscriber(customer) as idle:  # after the same sequence: nothing but the later change
            idle.subscribe("1", STATUS, id=order["id"], after=current["sequence"])
            cancelled = graphql(customer, CANCEL, id=order["id"], key=new_key())
            pushed = first.next("orderStatus")
            while pushed["status"] != "CANCELLED":
                pushed = first.next("orderStatus")
            resumed_live = idle.next("orderStatus")
    with subscriber(customer) as second:  # what was missed in between comes at once
        second.subscribe("1", STATUS, id=order["id"], after=current["sequence"])
        missed = second.next("orderStatus")

    assert cancelled.codes == []
    assert (current["status"], current["number"]) == ("CONFIRMED", order["number"])
    assert pushed["sequence"] > current["sequence"]
    assert resumed_live["sequence"] > current["sequence"]
    assert (missed["status"], missed["sequence"] >= pushed["sequence"]) == ("CANCELLED", True)


def test_guest_follows_an_order_with_its_key(shop: Shop) -> None:
    guest = shop.guest()
    guest.add(shop.product())
    order = guest.order().data

    with subscriber(guest, **{"X-Order-Key": order["access_key"]}) as owner, subscriber(shop.guest()) as stranger:
        owner.subscribe("a", STATUS, id=order["id"])
        stranger.subscribe("b", STATUS, id=order["id"])

        assert owner.next("orderStatus")["number"] == order["number"]
        refusal = stranger.receive()
        assert (refusal["type"], refusal["id"]) == ("error", "b")
        assert refusal["payload"][0]["extensions"]["code"] == "NOT_FOUND"


def test_live_figures_need_their_permission(shop: Shop) -> None:
    query = "subscription { liveFigures { minutes { at orders revenue { amount } } topProducts { name units } } }"

    with subscriber(shop.admin) as admin, subscriber(shop.customer()) as customer:
        admin.subscribe("1", query)
        customer.subscribe("1", query)

        assert len(admin.next("liveFigures")["minutes"]) == 60
        assert customer.receive()["payload"][0]["extensions"]["code"] == "FORBIDDEN"


def test_revoked_session_ends_its_sockets(shop: Shop) -> None:
    customer = shop.customer()

    with subscriber(customer) as open_:
        assert customer("POST", "/auth/logout-all").status == 200
        with pytest.raises(ConnectionClosed) as closed:
            drain(open_.socket)

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"type": "connection_init", "payload": {"Authorization": "Bearer nothing"}}], 4403),
        ([{"type": "subscribe", "id": "1", "payload": {}}], 4401),
        ([{"type": "connection_init"}, {"type": "connection_init"}], 4429),
        ([{"type": "connection_init"}, {"type": "unknown"}], 4400),
        ([{"type": "connection_init"}, "not JSON"], 4400),
    ],
)
def test_socket_is_closed_by_the_protocol(shop: Shop, messages: list[object], code: int) -> None:
    with socket(shop.url) as connection:
        for message in messages:
            connection.send(message if isinstance(message, str) else json.dumps(message))
        with pytest.raises(ConnectionClosed) as closed:
            drain(connection)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


def test_only_subscriptions_are_served_by_sockets(shop: Shop) -> None:
    with subscriber(shop.guest()) as guest:
        guest.send(type="ping")
        assert guest.receive() == {"type": "pong"}
        guest.subscribe("1", "{ cart { id } }")
        assert guest.receive()["payload"][0]["extensions"]["code"] == "BAD_REQUEST"
        guest.subscribe("2", "subscription { nothing }")
        assert guest.receive()["payload"][0]["extensions"]["code"] == "VALIDATION_ERROR"
