"""The customer journey over HTTP, from a product to a paid and delivered order, as a guest and as a customer."""

from tests.support.mailbox import mails_to, wait_for_mail
from tests.support.records import Topic, first_occurrences
from tests.support.shop import ADDRESS, Shop, eventually, new_key

CONFIRMED = [
    "order_placed",
    "order_stock_reserved",
    "order_payment_captured",
    "order_confirmed",
]


def test_guest_order_reaches_kafka(shop: Shop, order_events: Topic) -> None:
    sku = shop.product(stock=10, price=2500)
    guest = shop.guest()

    assert guest.add(sku, 2).data["subtotal"] == {"amount": 5000, "currency": "USD"}
    rates = guest("POST", "/shipping/rates", {"address": {"country": "US", "region": "OR"}, "cart_id": guest.cart})
    order = guest.order()

    assert rates.data[0]["method"] == "standard"
    assert order.status == 201, order
    assert order.data["status"] == "confirmed"
    assert order.data["payment"]["status"] == "captured"
    assert order.data["total"]["amount"] == 5000 + rates.data[0]["price"]["amount"] + order.data["tax_total"]["amount"]
    assert [entry["status"] for entry in order.data["timeline"]] == ["pending", "confirmed"]
    events = first_occurrences(order_events.of(order.data["id"], "order_confirmed"))
    assert [event["type"] for event in events] == CONFIRMED
    assert [int(event["sequence"]) for event in events] == [1, 2, 3, 4]
    assert shop.settled_level(sku) == (8, 0, 8)


def test_guest_order_is_read_with_its_key_only(shop: Shop) -> None:
    guest = shop.guest()
    guest.add(shop.product())
    order = guest.order().data

    with_key = shop.guest()("GET", f"/orders/{order['id']}", headers={"X-Order-Key": order["access_key"]})
    without_key = shop.guest()("GET", f"/orders/{order['id']}")
    wrong_key = shop.guest()("GET", f"/orders/{order['id']}", headers={"X-Order-Key": "0" * 40})

    assert with_key.data["number"] == order["number"]
    assert (without_key.status, without_key.code) == (404, "NOT_FOUND")
    assert (wrong_key.status, wrong_key.code) == (404, "NOT_FOUND")


def test_guest_cart_is_merged_at_sign_up_and_emptied_by_order(shop: Shop) -> None:
    sku = shop.product()
    guest = shop.guest()
    guest.add(sku, 3)
    address = f"{new_key()[:10]}@example.com"
    person = {"email": address, "password": "correct horse", "first_name": "Ida", "last_name": "Rhodes"}
    registered = guest("POST", "/auth/register", person)
    guest.token, guest.cart = registered.data["access_token"], None

    assert guest("GET", "/cart").data["items"][0]["quantity"] == 3
    order = guest.order()

    assert order.data["email"] == address
    assert eventually(lambda: guest("GET", "/cart").data["items"] == [])
    listed = eventually(lambda: guest("GET", "/orders").data)
    assert [entry["id"] for entry in listed] == [order.data["id"]]
    assert guest("GET", f"/orders/{order.data['id']}").data["status"] == "confirmed"
    assert shop.customer()("GET", f"/orders/{order.data['id']}").status == 404


def test_confirmation_is_mailed_once(shop: Shop) -> None:
    buyer = f"{new_key()[:10]}@example.com"
    guest = shop.guest()
    guest.add(shop.product(price=1250), 2)
    order = guest.order(email=buyer).data
    wait_for_mail(buyer, order["number"])
    for status in ("processing", "shipped"):
        assert shop.admin("PATCH", f"/orders/{order['id']}/status", {"status": status}).status == 200

    # The second mail is that of the shipment; by then a repeated confirmation would have arrived.
    assert eventually(lambda: len(mails_to(buyer)) >= 2)

    subjects = [str(mail["Subject"]) for mail in mails_to(buyer)]
    assert len(subjects) == len(set(subjects)) == 2
    assert all(order["number"] in subject for subject in subjects)


def test_order_is_processed_shipped_and_delivered(shop: Shop) -> None:
    customer = shop.customer()
    customer.add(shop.product())
    order_id = customer.order().data["id"]

    steps = [
        shop.admin("PATCH", f"/orders/{order_id}/status", {"status": status})
        for status in ("processing", "shipped", "delivered")
    ]

    assert [step.status for step in steps] == [200, 200, 200]
    shipped = customer("GET", f"/orders/{order_id}").data
    assert [entry["status"] for entry in shipped["timeline"]][-3:] == ["processing", "shipped", "delivered"]
    tracking = shop.guest()("GET", f"/tracking/{shipped['tracking_number']}")
    assert tracking.data["status"] == "delivered"
    refused = shop.admin("PATCH", f"/orders/{order_id}/status", {"status": "processing"})
    assert (refused.status, refused.code) == (409, "INVALID_STATE")


def test_unexpected_total_is_refused_before_the_order(shop: Shop) -> None:
    sku = shop.product(stock=5)
    guest = shop.guest()
    guest.add(sku)

    refused = guest.order(expected_total={"amount": 1, "currency": "USD"})

    assert (refused.status, refused.code) == (409, "PRICE_CHANGED")
    assert refused.error["details"][0]["actual"]["amount"] > 1
    assert shop.settled_level(sku) == (5, 0, 5)


def test_order_keeps_shipping_and_billing_addresses(shop: Shop) -> None:
    guest = shop.guest()
    guest.add(shop.product())

    order = guest.order(billing_address=ADDRESS | {"name": "Accounts payable"}).data

    assert order["shipping_address"]["name"] == "Ada Lovelace"
    assert order["billing_address"]["name"] == "Accounts payable"
