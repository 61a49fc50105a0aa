"""Every channel, once a message, by what people want: on the real MongoDB, and real HTTP and SMTP servers."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from py_vapid.utils import b64urlencode

from schemas.api.notifications import PreferencesWrite
from schemas.base import OPERATOR, Caller
from schemas.events.base import Event
from schemas.events.inventory import BackInStock, LowStock
from schemas.events.orders import OrderCancelled, OrderShipped
from schemas.events.products import ProductCreated
from schemas.events.reviews import ReviewPublished
from services.chassis.common import clock
from services.chassis.common.errors import Conflict, NotFound, ServiceUnavailable, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import envelope
from services.chassis.testing import connect_mongo
from services.notifications.channels import Channels
from services.notifications.dispatcher import NotificationDispatcher
from services.notifications.domain.messages import Message
from services.notifications.providers.interface import AddressRefused
from services.notifications.providers.push import WebPush
from services.notifications.providers.sms import TwilioSms
from services.notifications.store import MessageStore
from tests.service.notifications.test_mail_delivery import NOWHERE, Post, mails_to, registered

Answer = Callable[[str], int]


@pytest.fixture(scope="module")
def message_store() -> Iterator[MessageStore]:
    with connect_mongo("notifications", MessageStore) as store:
        yield store


@pytest.fixture
def post(message_store: MessageStore) -> Post:
    return Post(message_store)


class Server:
    """An HTTP server that notes what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.body = 201, b"{}"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.requests.append((self.path, dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def caller_of(user_id: str) -> Caller:
    return Caller(user_id=user_id, roles=["CUSTOMER"])


def said(event: Event, sequence: int = 1) -> Any:
    return type(event).from_envelope(envelope(event, sequence))


def customer(post: Post, **profile: Any) -> Any:
    event = registered()
    post.service.send_welcome(event)
    post.store.recipients.update_profile(event.user_id, **profile)
    return event


def shipped(person: Any) -> OrderShipped:
    facts = {"order_id": new_id(), "number": "UM-9", "email": person.email, "user_id": person.user_id}
    return said(OrderShipped(**facts, shipment_id="s", carrier="UltraPost", tracking_number="UP1"))  # type: ignore[no-any-return]


def published(person: Any) -> ReviewPublished:
    facts = {"review_id": new_id(), "product_id": "p", "customer_id": person.user_id, "email": person.email}
    return said(ReviewPublished(**facts, product_title="Mug", rating=5, verified=True))  # type: ignore[no-any-return]


def product(post: Post, sku: str, vendor_id: str | None = None) -> None:
    facts = {"product_id": new_id(), "slug": "mug", "title": "Mug", "status": "active", "skus": (sku,)}
    post.service.update_product(said(ProductCreated(**facts, vendor_id=vendor_id)))


def own(post: Post, person: Any) -> list[dict[str, Any]]:
    return list(post.service.list_own(_Page(), caller_of(person.user_id))["items"])


class _Page:
    page, limit = 1, 20


def test_shipment_is_sent_once_per_channel(post: Post) -> None:
    person = customer(post, phone="+4915112345678", language="de-DE")
    event = shipped(person)

    for _ in range(3):
        post.service.send_shipment(event)

    assert [mail["Subject"] for mail in mails_to(person.email)].count("Shop: Bestellung UM-9 ist unterwegs") == 1
    texts = list(post.store.db["sandbox_sms"].find({"to": "+4915112345678"}))
    assert [text["text"] for text in texts] == ["Bestellung UM-9 ist unterwegs: UltraPost UP1."]
    [shown] = own(post, person)
    assert (shown["kind"], shown["title"], shown["read"]) == ("order_shipped", "Ihr Paket ist unterwegs", False)
    assert shown["data"]["tracking_number"] == "UP1"


def test_mark_read(post: Post) -> None:
    person = customer(post)
    for _ in range(2):
        post.service.send_shipment(shipped(person))
    newest, _ = own(post, person)
    assert post.service.unread_count(caller_of(person.user_id)) == {"count": 2}

    assert post.service.mark_read(caller_of(person.user_id), newest["id"]) == {"read": 1}
    assert post.service.unread_count(caller_of(person.user_id)) == {"count": 1}
    assert post.service.mark_read(caller_of(person.user_id)) == {"read": 1}
    with pytest.raises(NotFound):
        post.service.mark_read(caller_of(new_id()), newest["id"])


def test_preferences_do_not_block_transactional_mail(post: Post) -> None:
    person = customer(post)
    unwanted = {"review_published": {"email": False, "in_app": False}, "order_shipped": {"in_app": False}}
    post.service.set_preferences(PreferencesWrite.model_validate({"kinds": unwanted}), caller_of(person.user_id))
    before = len(mails_to(person.email))

    post.service.send_review_publication(published(person))
    post.service.send_shipment(shipped(person))
    NotificationDispatcher(post.store, post.service.channels).drain()

    assert len(mails_to(person.email)) == before + 1
    assert own(post, person) == []


def test_one_click_unsubscribe(post: Post) -> None:
    person = customer(post)
    post.service.send_review_publication(published(person))
    post.service.send_queued()
    [mail] = [mail for mail in mails_to(person.email) if mail["List-Unsubscribe"]]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    token = mail["List-Unsubscribe"].partition("token=")[2].rstrip(">")

    looked = post.service.unsubscribe_page(token)
    assert post.service.get_preferences(caller_of(person.user_id))["kinds"]["review_published"]["email"]
    done = post.service.unsubscribe(token)

    assert (looked["kind"], done["kind"]) == ("review_published", "review_published")
    assert '<form method="post"' in looked["page"]
    assert "<form" not in done["page"]

    post.service.send_review_publication(published(person))
    post.service.send_queued()
    assert len([mail for mail in mails_to(person.email) if mail["List-Unsubscribe"]]) == 1


def test_quiet_hours_delay_optional_messages(post: Post) -> None:
    person = customer(post)
    now = clock.now()
    quiet = {"from": f"{now - timedelta(hours=1):%H:%M}", "to": f"{now + timedelta(hours=1):%H:%M}", "time_zone": "UTC"}
    post.service.set_preferences(PreferencesWrite.model_validate({"quiet_hours": quiet}), caller_of(person.user_id))
    event = published(person)

    post.service.send_review_publication(event)
    post.service.send_queued()

    waiting = post.store.db["messages"].find_one({"_id": f"{event.meta.id}:email"}) or {}
    assert waiting["status"] == "queued"
    assert waiting["due"] > now
    post.store.db["messages"].update_one({"_id": waiting["_id"]}, {"$set": {"due": now}})
    post.service.send_queued()
    assert post.store.db["messages"].find_one({"_id": waiting["_id"]})["status"] == "sent"  # type: ignore[index]


def test_long_queue_does_not_delay_confirmation(post: Post) -> None:
    customers = [
        Message(f"bulk-{new_id()}", "back_in_stock", "email", f"u{n}", f"u{n}@example.com", "", {"title": "Mug"})
        for n in range(10_000)
    ]
    post.store.messages.queue(customers, clock.now())
    person = registered()

    post.service.send_welcome(person)

    assert len(mails_to(person.email)) == 1
    post.server(NOWHERE)
    urgent = registered()
    with pytest.raises(ServiceUnavailable):
        post.service.send_welcome(urgent)
    message = Message(f"late-{new_id()}", "order_shipped", "email", "u", "late@example.com", "", {})
    post.store.messages.queue([message], clock.now())
    taken = post.store.messages.next_queued()
    assert taken is not None
    assert taken.id == message.id
    post.store.db["messages"].delete_many({"_id": {"$regex": "^bulk-"}})


def test_queued_message_is_retried_then_failed(post: Post) -> None:
    person = customer(post)
    event = published(person)
    post.server(NOWHERE)
    post.service.send_review_publication(event)
    of_event = {"_id": f"{event.meta.id}:email"}
    waits = []

    for _ in range(6):
        post.service.send_queued()
        found = post.store.db["messages"].find_one(of_event) or {}
        if found["status"] == "queued":
            waits.append(round((found["due"] - clock.now()).total_seconds()))
            post.store.db["messages"].update_one(of_event, {"$set": {"due": clock.now()}})

    assert waits == [5, 30, 120, 600, 3600]
    assert found["status"] == "failed"
    assert [one["type"] for one in found["outbox"]] == ["notification_failed"]


def test_back_in_stock_and_low_stock_messages(post: Post) -> None:
    sku, guest, vendor = f"S-{new_id()}", f"guest-{new_id()}@example.com", customer(post)
    product(post, sku, vendor.user_id)
    post.service.subscribe_back_in_stock(sku, Caller(), guest)
    back = said(BackInStock(sku=sku, available=3))

    for _ in range(2):
        post.service.send_back_in_stock(back)
        post.service.send_queued()
    post.service.send_low_stock(said(LowStock(sku=sku, available=2, threshold=5)))
    post.service.send_queued()

    assert [mail["Subject"] for mail in mails_to(guest)] == ["Mug is back"]
    assert "Only 2 left of Mug" in [mail["Subject"] for mail in mails_to(vendor.email)]
    post.service.send_back_in_stock(said(BackInStock(sku=sku, available=1)))
    post.service.send_queued()
    assert len(mails_to(guest)) == 1
    with pytest.raises(NotFound):
        post.service.subscribe_back_in_stock("S-nowhere", Caller(), guest)
    with pytest.raises(ValidationFailed) as refused:
        post.service.subscribe_back_in_stock(sku, Caller())
    assert refused.value.details[0]["field"] == "email"


def test_outdated_product_event_is_ignored(post: Post) -> None:
    sku, product_id = f"S-{new_id()}", new_id()
    facts = {"product_id": product_id, "slug": "mug", "status": "active", "skus": (sku,)}

    post.service.update_product(said(ProductCreated(**facts, title="New"), 5))
    post.service.update_product(said(ProductCreated(**facts, title="Old"), 4))

    assert (post.store.recipients.product_of(sku) or {})["title"] == "New"


def push_device() -> tuple[dict[str, str], WebPush]:
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    vapid = Vapid02()
    vapid.generate_keys()
    key = b64urlencode(vapid.private_key.private_numbers().private_value.to_bytes(32, "big"))
    return {"p256dh": b64urlencode(point), "auth": b64urlencode(b"0123456789abcdef")}, WebPush(
        key, "mailto:a@b.example", 5
    )


def test_push_message_and_removed_device(post: Post, server: Server) -> None:
    person, (keys, push) = customer(post), push_device()
    settings = post.service.channels.settings
    post.service.channels = Channels(settings, post.service.channels.mailer, None, push)
    post.store.recipients.add_device(person.user_id, f"{server.url}/device", keys)
    assert len(post.service.push_key()["public_key"]) == 87

    post.service.send_shipment(shipped(person))

    [(path, headers, body)] = server.requests
    assert (path, {name.lower(): value for name, value in headers.items()}["content-encoding"]) == (
        "/device",
        "aes128gcm",
    )
    assert {name.lower(): value for name, value in headers.items()}["authorization"].startswith("vapid t=")
    assert b"UltraPost" not in body
    server.status = 410
    post.service.send_shipment(shipped(person))
    assert post.store.recipients.devices_of(person.user_id) == []


def test_device_is_removed_by_its_owner_only(post: Post) -> None:
    owner, stranger = new_id(), new_id()
    endpoint = f"https://push.example.com/{new_id()}"
    post.store.recipients.add_device(owner, endpoint, {"p256dh": "p", "auth": "a"})

    post.service.remove_device(endpoint, caller_of(stranger))
    assert [device["_id"] for device in post.store.recipients.devices_of(owner)] == [endpoint]

    post.service.remove_device(endpoint, caller_of(owner))
    assert post.store.recipients.devices_of(owner) == []


def test_sms_through_twilio(server: Server) -> None:
    server.body = json.dumps({"sid": "SM1", "status": "queued"}).encode()
    sms = TwilioSms("AC1", "token", "+15550100", server.url, 5)
    message = Message("m", "order_shipped", "sms", "u", "+15550199")

    sms.send(message, "Order UM-9 is on its way.")

    [(path, headers, body)] = server.requests
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert headers["Authorization"].startswith("Basic ")
    assert b"To=%2B15550199" in body
    assert b"Body=Order+UM-9" in body
    server.status, server.body = 400, json.dumps({"code": 21211, "message": "no such number", "status": 400}).encode()
    with pytest.raises(AddressRefused, match="no such number"):
        sms.send(message, "again")
    server.status = 503
    with pytest.raises(ServiceUnavailable):
        sms.send(message, "again")


def test_newest_template_version_is_in_force(post: Post) -> None:
    person = customer(post)
    first = post.store.templates.save("order_cancelled", "en", {"heading": "Called off"}, 0, "ada")
    event = said(
        OrderCancelled(
            order_id=new_id(), number="UM-3", user_id=person.user_id, email=person.email, reason=None, refunded=0,
            total=100, currency="USD", items=[],
        )
    )  # fmt: skip

    post.service.send_cancellation(event)

    assert first == 1
    assert own(post, person)[0]["title"] == "Called off"
    with pytest.raises(Conflict):
        post.store.templates.save("order_cancelled", "en", {"heading": "Twice"}, 0, "bob")
    template = post.service.template("order_cancelled", OPERATOR)
    assert (template["version"], template["text"]["heading"]) == (1, "Called off")
    assert template["text"]["why"].startswith("You receive this because")


def test_bounced_address_gets_transactional_mail_only(post: Post) -> None:
    person = customer(post)
    post.store.recipients.mark_bounced(person.email, "no such user")
    before = len(mails_to(person.email))

    post.service.send_review_publication(published(person))
    post.service.send_queued()
    assert len(mails_to(person.email)) == before

    post.service.send_shipment(shipped(person))
    assert len(mails_to(person.email)) == before + 1
