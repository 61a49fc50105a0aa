"""Notification channels: one message per channel by preferences, on the real MongoDB, HTTP and SMTP servers."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from py_vapid.utils import b64urlencode

from schemas.api.notifications import DeviceRequest, PreferencesWrite
from schemas.caller import OPERATOR, Caller
from schemas.events.analytics import ReportFinished
from schemas.events.auth import (
    EmailVerificationRequested,
    EmailVerified,
    PasswordChanged,
    PasswordResetRequested,
    RegistrationAttempted,
    UserRegistered,
)
from schemas.events.base import Event
from schemas.events.inventory import BackInStock, LowStock
from schemas.events.orders import OrderCancelled, OrderFailed, OrderShipped
from schemas.events.payments import (
    PaymentDisputeClosed,
    PaymentDisputeEvidenceDue,
    PaymentDisputeOpened,
    PaymentRefunded,
)
from schemas.events.privacy import PersonalDataErasureRequested
from schemas.events.products import ProductCreated
from schemas.events.reviews import ReviewPublished
from schemas.events.users import ProfileUpdated
from schemas.events.webhooks import WebhookSubscriptionDisabled
from services.chassis.common import clock
from services.chassis.common.errors import Conflict, NotFound, ServiceUnavailable, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.personal_data import Person
from services.chassis.outbound.addresses import OutboundPolicy
from services.chassis.runtime.settings import Settings
from services.chassis.testing import connect_mongo
from services.notifications.channels import Channels
from services.notifications.dispatcher import NotificationDispatcher
from services.notifications.domain.messages import Message
from services.notifications.providers.interface import AddressRefused
from services.notifications.providers.push import WebPush
from services.notifications.providers.sms import TwilioSms
from services.notifications.store import MessageStore
from services.notifications.store.messages import Messages
from tests.service.notifications.test_mail_delivery import UNREACHABLE, NotificationsClient, mails_to, registered
from tests.support.mailbox import text_of

Answer = Callable[[str], int]


@pytest.fixture(scope="module")
def message_store() -> Iterator[MessageStore]:
    with connect_mongo("notifications", MessageStore) as store:
        yield store


@pytest.fixture
def notifications(message_store: MessageStore) -> NotificationsClient:
    return NotificationsClient(message_store)


class Server:
    """An HTTP server that records requests and returns a configured reply."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.body = 201, b"{}"
        self.headers: dict[str, str] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append((self.path, dict(self.headers), body))
                self.send_response(server.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(server.body)))
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(server.body)

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._http.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

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


def consumed(event: Event, sequence: int = 1) -> Any:
    return type(event).from_envelope(envelope(event, sequence))


def customer(notifications: NotificationsClient, **profile: Any) -> Any:
    event = registered()
    notifications.welcome(event)
    notifications.store.recipients.update_profile(event.user_id, clock.now(), **profile)
    return event


def order_shipped(person: Any) -> OrderShipped:
    fields = {"order_id": new_id(), "number": "UM-9", "email": person.email, "user_id": person.user_id}
    return consumed(OrderShipped(**fields, shipment_id="s", carrier="UltraPost", tracking_number="UP1"))  # type: ignore[no-any-return]


def review_published(person: Any) -> ReviewPublished:
    fields = {"review_id": new_id(), "product_id": "p", "customer_id": person.user_id, "email": person.email}
    return consumed(ReviewPublished(**fields, product_title="Mug", rating=5, verified=True))  # type: ignore[no-any-return]


def update_product(notifications: NotificationsClient, sku: str, vendor_id: str | None = None) -> None:
    fields = {"product_id": new_id(), "slug": "mug", "title": "Mug", "status": "active", "skus": (sku,)}
    notifications.service.update_product([consumed(ProductCreated(**fields, vendor_id=vendor_id))])


def notifications_of(notifications: NotificationsClient, person: Any) -> list[dict[str, Any]]:
    return list(notifications.service.list_own(_Page(), caller_of(person.user_id))["items"])


class _Page:
    page, limit, cursor = 1, 20, None


def test_shipment_is_sent_once_per_channel(notifications: NotificationsClient) -> None:
    person = customer(notifications, phone="+4915112345678", language="de-DE")
    event = order_shipped(person)

    for _ in range(3):
        notifications.service.send_shipment(event)

    assert [mail["Subject"] for mail in mails_to(person.email)].count("Shop: Bestellung UM-9 ist unterwegs") == 1
    texts = list(notifications.store.db["sandbox_sms"].find({"to": "+4915112345678"}))
    assert [text["text"] for text in texts] == ["Bestellung UM-9 ist unterwegs: UltraPost UP1."]
    [notification] = notifications_of(notifications, person)
    assert (notification["kind"], notification["title"], notification["read"]) == (
        "order_shipped",
        "Ihr Paket ist unterwegs",
        False,
    )
    assert notification["data"]["tracking_number"] == "UP1"


def test_erased_person_is_forgotten(notifications: NotificationsClient) -> None:
    person, other = customer(notifications, phone="+4915100000077"), customer(notifications)
    for each in (person, other):
        notifications.service.send_shipment(order_shipped(each))

    for _ in range(2):
        notifications.service.erase_person(Person(person.user_id, person.email, owns_email=True))

    db = notifications.store.db
    held = [str(document) for name in db.list_collection_names() for document in db[name].find()]
    values = (person.user_id, person.email, "+4915100000077")
    assert [text for text in held if any(value in text for value in values)] == []
    assert len(notifications_of(notifications, other)) == 1


def test_nobody_is_told_about_orders_of_erased_persons(notifications: NotificationsClient) -> None:
    event = order_shipped(registered())
    erased = event.model_copy(update={"email": Person(str(event.user_id)).erased_email})
    erased._meta = event.meta

    notifications.service.send_shipment(erased)

    assert notifications.store.db["messages"].count_documents({"recipient": event.user_id}) == 0


def test_mark_read(notifications: NotificationsClient) -> None:
    person = customer(notifications)
    for _ in range(2):
        notifications.service.send_shipment(order_shipped(person))
    newest, _ = notifications_of(notifications, person)
    assert notifications.service.unread_count(caller_of(person.user_id)) == {"count": 2}

    assert notifications.service.mark_read(caller_of(person.user_id), newest["id"]) == {"read": 1}
    assert notifications.service.unread_count(caller_of(person.user_id)) == {"count": 1}
    assert notifications.service.mark_read(caller_of(person.user_id)) == {"read": 1}
    with pytest.raises(NotFound):
        notifications.service.mark_read(caller_of(new_id()), newest["id"])


def test_preferences_do_not_block_transactional_mail(notifications: NotificationsClient) -> None:
    person = customer(notifications)
    disabled = {"review_published": {"email": False, "in_app": False}, "order_shipped": {"in_app": False}}
    notifications.service.set_preferences(
        PreferencesWrite.model_validate({"kinds": disabled}), caller_of(person.user_id)
    )
    before = len(mails_to(person.email))

    notifications.service.send_review_publication(review_published(person))
    notifications.service.send_shipment(order_shipped(person))
    NotificationDispatcher(notifications.store, notifications.service.channels).drain()

    assert len(mails_to(person.email)) == before + 1
    assert notifications_of(notifications, person) == []


def test_one_click_unsubscribe(notifications: NotificationsClient) -> None:
    person = customer(notifications)
    notifications.service.send_review_publication(review_published(person))
    notifications.service.send_queued()
    [mail] = [mail for mail in mails_to(person.email) if mail["List-Unsubscribe"]]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    token = mail["List-Unsubscribe"].partition("token=")[2].rstrip(">")

    page = notifications.service.unsubscribe_page(token)
    assert notifications.service.get_preferences(caller_of(person.user_id))["kinds"]["review_published"]["email"]
    reply = notifications.service.unsubscribe(token)

    assert (page["kind"], reply["kind"]) == ("review_published", "review_published")
    assert '<form method="post"' in page["page"]
    assert "<form" not in reply["page"]

    notifications.service.send_review_publication(review_published(person))
    notifications.service.send_queued()
    assert len([mail for mail in mails_to(person.email) if mail["List-Unsubscribe"]]) == 1


def test_quiet_hours_delay_optional_messages(notifications: NotificationsClient) -> None:
    person = customer(notifications)
    now = clock.now()
    quiet_hours = {
        "from": f"{now - timedelta(hours=1):%H:%M}",
        "to": f"{now + timedelta(hours=1):%H:%M}",
        "time_zone": "UTC",
    }
    notifications.service.set_preferences(
        PreferencesWrite.model_validate({"quiet_hours": quiet_hours}), caller_of(person.user_id)
    )
    event = review_published(person)

    notifications.service.send_review_publication(event)
    notifications.service.send_queued()

    queued = notifications.store.db["messages"].find_one({"_id": f"{event.meta.id}:email"}) or {}
    assert queued["status"] == "queued"
    assert queued["due"] > now
    notifications.store.db["messages"].update_one({"_id": queued["_id"]}, {"$set": {"due": now - timedelta(minutes=1)}})
    notifications.service.send_queued()
    assert notifications.store.db["messages"].find_one({"_id": queued["_id"]})["status"] == "sent"  # type: ignore[index]


def test_long_queue_does_not_delay_confirmation(notifications: NotificationsClient) -> None:
    bulk_messages = [
        Message(f"bulk-{new_id()}", "back_in_stock", "email", f"u{n}", f"u{n}@example.com", "", {"title": "Mug"})
        for n in range(10_000)
    ]
    notifications.store.messages.queue(bulk_messages, None)
    person = registered()

    notifications.welcome(person)

    assert len(mails_to(person.email)) == 1
    notifications.use_smtp_server(UNREACHABLE)
    second_person = registered()
    with pytest.raises(ServiceUnavailable):
        notifications.welcome(second_person)
    message = Message(f"late-{new_id()}", "order_shipped", "email", "u", "late@example.com", "", {})
    notifications.store.messages.queue([message], None)
    next_message = notifications.store.messages.next_queued()
    assert next_message is not None
    assert next_message.id == message.id
    notifications.store.db["messages"].delete_many({"_id": {"$regex": "^(bulk|late)-"}})


def test_claim_of_a_message_ends_by_the_server_clock(
    notifications: NotificationsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = Message(f"queued-{new_id()}", "order_shipped", "email", "u", "u@example.com", "", {})
    notifications.store.messages.queue([message], None)
    claimed = notifications.store.messages.next_queued()
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(minutes=10))
    other_process = MessageStore(notifications.store.db)

    claimed_again = other_process.messages.next_queued()

    assert claimed is not None
    assert claimed.id == message.id
    assert claimed_again is None
    other_process.messages.refused(message, "the end of this test")


def test_queued_message_is_retried_then_failed(
    notifications: NotificationsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now = notifications.store, clock.now().replace(microsecond=0)
    monkeypatch.setattr(store, "messages", Messages(store.db, store.pending, lambda: now))
    person = customer(notifications)
    event = review_published(person)
    notifications.use_smtp_server(UNREACHABLE)
    notifications.service.send_review_publication(event)
    query = {"_id": f"{event.meta.id}:email"}
    waits = []

    for _ in range(6):
        notifications.service.send_queued()
        stored = store.db["messages"].find_one(query) or {}
        if stored["status"] == "queued":
            waits.append((stored["due"] - now).total_seconds())
            now = stored["due"]

    assert waits == [5, 30, 120, 600, 3600]
    assert stored["status"] == "failed"
    assert [published_event["type"] for published_event in stored["outbox"]] == ["notification_failed"]


@pytest.mark.parametrize("facts", [{}, {"total": {"amount": "none", "currency": "USD"}}], ids=["missing", "no amount"])
def test_message_that_does_not_fit_its_text_fails_alone(
    notifications: NotificationsClient, facts: dict[str, Any]
) -> None:
    broken = Message(f"broken-{new_id()}", "order_shipped", "email", "u", "u@example.com", "", facts)
    person = customer(notifications)
    event = review_published(person)
    notifications.store.messages.queue([broken], clock.now() - timedelta(minutes=1))
    notifications.service.send_review_publication(event)

    for _ in range(6):
        notifications.service.send_queued()
        notifications.store.db["messages"].update_one(
            {"_id": broken.id, "status": "queued"}, {"$set": {"due": clock.now() - timedelta(minutes=1)}}
        )

    stored = {document["_id"]: document for document in notifications.store.db["messages"].find()}
    assert stored[f"{event.meta.id}:email"]["status"] == "sent"
    assert stored[broken.id]["status"] == "failed"
    assert stored[broken.id]["reason"].startswith("The text can't be rendered: ")


def test_staff_get_each_step_of_a_dispute_by_mail(notifications: NotificationsClient) -> None:
    order_id = new_id()
    notifications.store.recipients.contacts.insert_one(
        {"_id": order_id, "number": "UM-7", "user_id": None, "email": "guest@example.com"}
    )
    due = datetime(2026, 1, 31, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    fields: dict[str, Any] = {"payment_id": new_id(), "order_id": order_id, "dispute_id": new_id(), "amount": 1999}
    fields |= {"currency": "USD", "provider": "sandbox", "reason": "product_not_received"}

    for event in (
        PaymentDisputeOpened(**fields, evidence_due_at=due),
        PaymentDisputeEvidenceDue(**fields, evidence_due_at=due),
        PaymentDisputeClosed(**fields, outcome="lost"),
        PaymentDisputeClosed(**fields | {"order_id": "unknown-order"}, outcome="won"),
    ):
        notifications.service.send_dispute(consumed(event))

    mails = {str(mail["Subject"]): text_of(mail) for mail in mails_to(notifications.staff_address)}
    assert set(mails) == {
        "Dispute: $19.99 of order UM-7",
        "Evidence due soon: dispute of order UM-7",
        "Dispute lost: $19.99 of order UM-7",
        "Dispute won: $19.99 of order unknown-order",
    }
    assert "Reason: product not received" in mails["Dispute: $19.99 of order UM-7"]
    assert "by 2026-01-31 12:00 UTC." in mails["Evidence due soon: dispute of order UM-7"]


def test_back_in_stock_and_low_stock_messages(notifications: NotificationsClient) -> None:
    sku, guest, vendor = f"S-{new_id()}", f"guest-{new_id()}@example.com", customer(notifications)
    update_product(notifications, sku, vendor.user_id)
    notifications.service.subscribe_back_in_stock(sku, Caller(), guest)
    back_in_stock = consumed(BackInStock(sku=sku, available=3))

    for _ in range(2):
        notifications.service.send_back_in_stock(back_in_stock)
        notifications.service.send_queued()
    notifications.service.send_low_stock(consumed(LowStock(sku=sku, available=2, threshold=5)))
    notifications.service.send_queued()

    assert [mail["Subject"] for mail in mails_to(guest)] == ["Mug is back"]
    assert "Only 2 left of Mug" in [mail["Subject"] for mail in mails_to(vendor.email)]
    notifications.service.send_back_in_stock(consumed(BackInStock(sku=sku, available=1)))
    notifications.service.send_queued()
    assert len(mails_to(guest)) == 1
    with pytest.raises(NotFound):
        notifications.service.subscribe_back_in_stock("S-nowhere", Caller(), guest)
    with pytest.raises(ValidationFailed) as refused:
        notifications.service.subscribe_back_in_stock(sku, Caller())
    assert refused.value.details[0]["field"] == "email"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 2)])
def test_newest_profile_counts_in_any_event_order(notifications: NotificationsClient, order: tuple[int, ...]) -> None:
    welcome = registered(first_name="Ada")
    fields = {"user_id": welcome.user_id, "last_name": "King"}
    old = ProfileUpdated(**fields, first_name="Old", language="de", phone="+4915100000001")
    new = ProfileUpdated(**fields, first_name="New", language="fr")
    updates = [
        ProfileUpdated.from_envelope(envelope(event, at=welcome.meta.time + timedelta(seconds=seconds)))
        for seconds, event in enumerate((old, new), 1)
    ]

    for index in order:
        if index:
            notifications.service.update_profile(updates[index - 1])
        else:
            notifications.welcome(welcome)

    person = notifications.store.recipients.find(welcome.user_id)
    profile = {name: person.get(name) for name in ("first_name", "language", "phone", "email")}
    assert profile == {"first_name": "New", "language": "fr", "phone": None, "email": welcome.email}


def test_outdated_product_event_is_ignored(notifications: NotificationsClient) -> None:
    sku, product_id = f"S-{new_id()}", new_id()
    fields = {"product_id": product_id, "slug": "mug", "status": "active", "skus": (sku,)}

    notifications.service.update_product([consumed(ProductCreated(**fields, title="New"), 5)])
    notifications.service.update_product([consumed(ProductCreated(**fields, title="Old"), 4)])

    assert (notifications.store.recipients.product_of(sku) or {})["title"] == "New"


def push_device(port: int) -> tuple[dict[str, str], WebPush]:
    private_key = ec.generate_private_key(ec.SECP256R1())
    point = private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    vapid = Vapid02()
    vapid.generate_keys()
    key = b64urlencode(vapid.private_key.private_numbers().private_value.to_bytes(32, "big"))
    policy = OutboundPolicy((ip_network("127.0.0.0/8"),), frozenset({port}), plain_http=True)
    return {"p256dh": b64urlencode(point), "auth": b64urlencode(b"0123456789abcdef")}, WebPush(
        key, "mailto:a@b.example", 5, policy
    )


def test_push_message_and_removed_device(notifications: NotificationsClient, server: Server) -> None:
    person, (keys, push) = customer(notifications), push_device(server.port)
    settings = notifications.service.channels.settings
    notifications.service.channels = Channels(settings, notifications.service.channels.mailer, None, push)
    notifications.store.recipients.add_device(person.user_id, f"{server.url}/device", keys)
    assert len(notifications.service.push_key()["public_key"]) == 87

    notifications.service.send_shipment(order_shipped(person))

    [(path, headers, body)] = server.requests
    assert (path, {name.lower(): value for name, value in headers.items()}["content-encoding"]) == (
        "/device",
        "aes128gcm",
    )
    assert {name.lower(): value for name, value in headers.items()}["authorization"].startswith("vapid t=")
    assert b"UltraPost" not in body
    server.status = 410
    notifications.service.send_shipment(order_shipped(person))
    assert notifications.store.recipients.devices_of(person.user_id) == []


def test_unverified_address_gets_what_the_account_needs(notifications: NotificationsClient) -> None:
    person = registered()
    link = {"user_id": person.user_id, "email": person.email, "ticket": "t"}
    notifications.service.add_account(person)
    notifications.service.send_link(consumed(EmailVerificationRequested(**link)))
    notifications.service.send_review_publication(review_published(person))
    notifications.service.send_report(report_finished(person))
    notifications.service.send_link(consumed(PasswordResetRequested(**link)))
    notifications.service.send_shipment(order_shipped(person))
    notifications.service.send_queued()

    before = [str(mail["Subject"]) for mail in mails_to(person.email)]
    notifications.service.send_welcome(consumed(EmailVerified(user_id=person.user_id)))
    notifications.service.send_welcome(consumed(EmailVerified(user_id=person.user_id)))
    notifications.service.send_report(report_finished(person))
    notifications.service.send_queued()
    after = [str(mail["Subject"]) for mail in mails_to(person.email)]

    assert sorted(before) == ["A new password for Shop", "Is this your address?", "Shop: order UM-9 is on its way"]
    assert sorted(set(after) - set(before)) == ["Welcome to Shop, Ada", "Your report is ready: Sales"]
    assert len(after) == 5, "one welcome"
    kinds = [item["kind"] for item in notifications_of(notifications, person)]
    assert sorted(kinds) == ["order_shipped", "report_ready", "report_ready", "review_published"]


def report_finished(person: Any) -> ReportFinished:
    fields = {"report_id": new_id(), "owner_id": person.user_id, "email": person.email, "name": "Sales"}
    return consumed(ReportFinished(**fields, format="csv", rows=3))  # type: ignore[no-any-return]


def test_owner_hears_of_password_changes_and_registrations(notifications: NotificationsClient) -> None:
    person = customer(notifications, language="de-DE")
    attempted = {"user_id": person.user_id, "email": person.email}

    notifications.service.send_password_change(consumed(PasswordChanged(user_id=person.user_id)))
    for _ in range(3):
        notifications.service.send_registration_attempt(consumed(RegistrationAttempted(**attempted)))

    subjects = [str(mail["Subject"]) for mail in mails_to(person.email)]
    assert subjects.count("Ihr Passwort bei Shop wurde geändert") == 1
    assert subjects.count("Sie haben ein Konto bei Shop") == 1, "one a day"


@pytest.mark.parametrize("owner", ["a person", "a service account"])
def test_owner_of_a_disabled_webhook_is_mailed(notifications: NotificationsClient, owner: str) -> None:
    person = customer(notifications, language="de-DE")
    staff = notifications.service.channels.settings.staff_address
    event = WebhookSubscriptionDisabled(
        subscription_id=new_id(),
        owner_id=person.user_id if owner == "a person" else new_id(),
        url=f"https://erp.example.com/{new_id()}",
        error="the receiver replied 500",
        failing_since=datetime(2026, 1, 31, 12, tzinfo=UTC),
        waiting=42,
    )

    notifications.service.send_webhook_disabled(consumed(event))

    texts = [text_of(mail) for mail in mails_to(person.email if owner == "a person" else staff)]
    [mailed] = [mail_text for mail_text in texts if event.url in mail_text]
    assert "the receiver replied 500" in mailed
    assert "2026-01-31 12:00 UTC" in mailed
    assert ("Wartende Zustellungen" if owner == "a person" else "Deliveries that wait") in mailed


@pytest.mark.parametrize("place", ["redirects", "is not public"])
def test_device_of_another_place_is_removed(notifications: NotificationsClient, server: Server, place: str) -> None:
    person, (keys, push) = customer(notifications), push_device(server.port if place == "redirects" else 443)
    server.status, server.headers = 302, {"Location": f"{server.url}/secret"}
    settings = notifications.service.channels.settings
    notifications.service.channels = Channels(settings, notifications.service.channels.mailer, None, push)
    notifications.store.recipients.add_device(person.user_id, f"{server.url}/device", keys)

    notifications.service.send_shipment(order_shipped(person))

    assert [path for path, _, _ in server.requests] == (["/device"] if place == "redirects" else [])
    assert notifications.store.recipients.devices_of(person.user_id) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "169.254.169.254", "push.test:8443"])
def test_device_at_an_inner_address_is_refused(notifications: NotificationsClient, host: str) -> None:
    owner = new_id()
    keys = {"p256dh": "B" * 87, "auth": "a" * 22}
    device = DeviceRequest.model_validate({"endpoint": f"https://{host}/x", "keys": keys})

    with pytest.raises(ValidationFailed) as refused:
        notifications.service.add_device(device, caller_of(owner))

    assert [detail["field"] for detail in refused.value.details] == ["endpoint"]
    assert notifications.store.recipients.devices_of(owner) == []


def test_device_is_removed_by_its_owner_only(notifications: NotificationsClient) -> None:
    owner, other = new_id(), new_id()
    endpoint = f"https://push.example.com/{new_id()}"
    notifications.store.recipients.add_device(owner, endpoint, {"p256dh": "p", "auth": "a"})

    notifications.service.remove_device(endpoint, caller_of(other))
    assert [device["_id"] for device in notifications.store.recipients.devices_of(owner)] == [endpoint]

    notifications.service.remove_device(endpoint, caller_of(owner))
    assert notifications.store.recipients.devices_of(owner) == []


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


def test_newest_template_version_is_in_force(notifications: NotificationsClient) -> None:
    person = customer(notifications)
    first = notifications.store.templates.save("order_cancelled", "en", {"heading": "Called off"}, 0, "ada")
    event = consumed(
        OrderCancelled(
            order_id=new_id(), number="UM-3", user_id=person.user_id, email=person.email, reason=None, refunded=0,
            total=100, currency="USD", items=[],
        )
    )  # fmt: skip

    notifications.service.send_cancellation(event)

    assert first == 1
    assert notifications_of(notifications, person)[0]["title"] == "Called off"
    with pytest.raises(Conflict):
        notifications.store.templates.save("order_cancelled", "en", {"heading": "Twice"}, 0, "bob")
    template = notifications.service.template("order_cancelled", OPERATOR)
    assert (template["version"], template["text"]["heading"]) == (1, "Called off")
    assert template["text"]["why"].startswith("You receive this because")


def test_refund_of_a_replaced_order_is_announced(notifications: NotificationsClient) -> None:
    person, order_id = customer(notifications), new_id()
    refund = consumed(
        PaymentRefunded(
            payment_id=new_id(), order_id=order_id, refund_id=new_id(), refund=100, refunded=100, amount=100,
            currency="USD", provider="sandbox", reason="order_failed",
        )
    )  # fmt: skip
    failed = consumed(
        OrderFailed(
            order_id=order_id, number="UM-4", user_id=person.user_id, email=person.email, code="CONFLICT",
            reason="Another order of the same cart has replaced this one", total=100, currency="USD",
        )
    )  # fmt: skip
    with pytest.raises(ServiceUnavailable):
        notifications.service.send_refund(refund)

    notifications.service.send_payment_failure(failed)
    notifications.service.send_refund(refund)

    assert [message["kind"] for message in notifications_of(notifications, person)] == ["order_refunded"]


def test_bounced_address_gets_transactional_mail_only(notifications: NotificationsClient) -> None:
    person = customer(notifications)
    notifications.store.recipients.mark_bounced(person.email, "no such user")
    before = len(mails_to(person.email))

    notifications.service.send_review_publication(review_published(person))
    notifications.service.send_queued()
    assert len(mails_to(person.email)) == before

    notifications.service.send_shipment(order_shipped(person))
    assert len(mails_to(person.email)) == before + 1


def erasure_of(person: UserRegistered, **values: Any) -> PersonalDataErasureRequested:
    fields = {"erasure_id": new_id(), "user_id": person.user_id, "email": person.email, "email_verified": True}
    return PersonalDataErasureRequested(**{**fields, **values})


def test_erasure_is_confirmed_and_the_address_is_not_kept(notifications: NotificationsClient) -> None:
    person = registered()
    event = consumed(erasure_of(person, language="de"))
    notifications.use_smtp_server(UNREACHABLE)

    with pytest.raises(ServiceUnavailable):
        notifications.service.send_erasure_confirmation(event)
    notifications.use_smtp_server(Settings().smtp_url)
    for _ in range(2):
        notifications.service.send_erasure_confirmation(event)

    [mail] = mails_to(person.email)
    assert str(mail["Subject"]) == "Shop: Ihr Konto wird gelöscht"
    record = notifications.store.db["messages"].find_one({"recipient": event.erasure_id})
    assert (record["to"], record["status"]) == (f"{person.user_id}@erased.invalid", "sent")
    assert list(notifications.store.db["messages"].find({"to": person.email})) == []


@pytest.mark.parametrize("values", [{"email_verified": False}, {"round": 2}, {"email": None}])
def test_erasure_is_confirmed_once_to_a_verified_address(
    notifications: NotificationsClient, values: dict[str, Any]
) -> None:
    person = registered()

    notifications.service.send_erasure_confirmation(consumed(erasure_of(person, **values)))

    assert mails_to(person.email) == []
