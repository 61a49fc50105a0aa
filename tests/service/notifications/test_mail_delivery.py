"""Mail delivery: one mail per event, retries, rejections, on the real MongoDB and SMTP servers."""

import email
import email.policy
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from aiosmtpd.controller import Controller
from nameko.testing.services import worker_factory

from schemas.events.auth import EmailVerified, UserRegistered
from schemas.events.orders import OrderConfirmed
from services.chassis.common import clock, context
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.personal_data import erased_address
from services.chassis.runtime.settings import Settings
from services.chassis.testing import connect_mongo
from services.notifications.channels import Channels
from services.notifications.domain.messages import Message
from services.notifications.providers.push import WebPush
from services.notifications.providers.sms import SandboxSms
from services.notifications.providers.smtp import SmtpMailer
from services.notifications.service import NotificationsService
from services.notifications.store import MessageStore

SENDER = "Shop <orders@ultramarket.example>"
UNREACHABLE = "smtp://127.0.0.1:9"


class NotificationsClient:
    """The notifications service with a mail server, and access to its messages."""

    def __init__(self, store: MessageStore) -> None:
        self.store = store
        self.service: Any = None
        self.mailers: list[SmtpMailer] = []
        self.use_smtp_server(Settings().smtp_url)

    def use_smtp_server(self, url: str) -> None:
        settings: Any = SimpleNamespace(shop_name="Shop", shop_url="https://shop.example", link_key=b"k" * 16)
        settings.staff_address = self.staff_address = f"staff-{new_id()}@example.com"
        sms, push = SandboxSms(self.store.db), WebPush("", "mailto:a@example.com", 5)
        self.mailers.append(SmtpMailer(url, SENDER, 5))
        channels = Channels(settings, self.mailers[-1], sms, push)
        self.service = worker_factory(NotificationsService, store=self.store, settings=settings, channels=channels)

    def close(self) -> None:
        for mailer in self.mailers:
            mailer.close()

    def welcome(self, event: UserRegistered) -> None:
        """Add an account and verify its address, which sends its welcome."""
        self.service.add_account(event)
        self.service.send_welcome(EmailVerified.from_envelope(envelope(EmailVerified(user_id=event.user_id))))

    def message(self, event: UserRegistered) -> dict[str, Any]:
        return self.store.db["messages"].find_one({"_id": f"welcome:{event.user_id}:email"}) or {}

    def outbox_events(self, event: UserRegistered) -> list[tuple[str, str | None]]:
        events = self.message(event).get("outbox", [])
        assert all(entry["subject"] == event.user_id for entry in events)
        return [(entry["type"], entry["data"].get("reason")) for entry in events]


def registered(**values: Any) -> UserRegistered:
    user_id = new_id()
    fields = {"user_id": user_id, "email": f"ada-{user_id}@example.com", "first_name": "Ada", "last_name": "B"}
    event = UserRegistered(**{**fields, "roles": ["CUSTOMER"], **values})
    return UserRegistered.from_envelope(envelope(event))


def mails_to(address: str) -> list[EmailMessage]:
    """Mails to an address that the instance's mail server caught."""
    raw_mails = [path.read_bytes() for path in Path(os.environ["ULTRAMARKET_HOME"], "mail").glob("[!.]*.eml")]
    mails = [email.message_from_bytes(raw, policy=email.policy.default) for raw in raw_mails if address.encode() in raw]
    return [mail for mail in mails if mail["To"] == address]  # type: ignore[misc]


class RejectingHandler:
    """An SMTP server that gives a configured reply to each recipient."""

    def __init__(self, reply: str) -> None:
        self.reply = reply

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        return self.reply


@pytest.fixture(scope="module")
def message_store() -> Iterator[MessageStore]:
    with connect_mongo("notifications", MessageStore) as store:
        yield store


@pytest.fixture
def notifications(message_store: MessageStore) -> Iterator[NotificationsClient]:
    client = NotificationsClient(message_store)
    yield client
    client.close()


@pytest.fixture
def rejecting_server(request: pytest.FixtureRequest) -> Iterator[str]:
    with socket.socket() as socket_:
        socket_.bind(("127.0.0.1", 0))
        port = socket_.getsockname()[1]
    server = Controller(RejectingHandler(request.param), hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield f"smtp://127.0.0.1:{port}"
    finally:
        server.stop()


def send_welcome(notifications: NotificationsClient, event: UserRegistered) -> str:
    try:
        notifications.welcome(event)
    except ServiceUnavailable:
        return "again"
    return "done"


def test_welcome_mail(notifications: NotificationsClient) -> None:
    event = registered()

    notifications.welcome(event)

    (mail,) = mails_to(event.email)
    assert mail["Subject"] == "Welcome to Shop, Ada"
    assert "https://shop.example" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert notifications.message(event)["status"] == "sent"
    assert notifications.outbox_events(event) == [("notification_sent", None)]


def confirmed(guest: str) -> OrderConfirmed:
    """The confirmation of a guest's order."""
    item = {"sku": "MUG", "product_id": "p", "title": "Mug", "quantity": 2, "unit_price": 1250, "line_total": 2500}
    address = {"name": "Ada", "line1": "1 Main St", "city": "Springfield", "postal_code": "62704", "country": "US"}
    event = OrderConfirmed.model_validate(
        {
            "order_id": new_id(), "number": "UM-7", "user_id": None, "email": guest, "currency": "USD", "items": [item],
            "totals": {"subtotal": 2500, "discount": 0, "shipping": 0, "tax": 200, "total": 2700},
            "shipping_address": address, "shipping_method": "express", "payment_id": "p",
            "cart_id": "c", "cart_version": 1,
        }
    )  # fmt: skip
    with context.caused_by(f"request-of-{guest}"):
        return OrderConfirmed.from_envelope(envelope(event))


def test_order_confirmation_to_guest(notifications: NotificationsClient) -> None:
    guest = f"guest-{new_id()}@example.com"

    notifications.service.send_order_confirmations([confirmed(guest)])

    (mail,) = mails_to(guest)
    assert mail["Subject"] == "Shop: order UM-7 is confirmed"
    for kind in ("plain", "html"):
        assert "$27.00" in mail.get_body((kind,)).get_content()  # type: ignore[union-attr]


def test_batch_sends_each_confirmation_once(notifications: NotificationsClient) -> None:
    """The first was sent before, the address of the second is erased; the batch then comes again."""
    guests = [f"guest-{new_id()}@example.com", erased_address(new_id()), f"guest-{new_id()}@example.com"]
    events = [confirmed(guest) for guest in guests]
    notifications.service.send_order_confirmations(events[:1])

    for _ in range(2):
        notifications.service.send_order_confirmations(events)

    assert [len(mails_to(guest)) for guest in guests] == [1, 0, 1]
    sent = notifications.store.db["messages"].find({"recipient": {"$in": guests}})
    published = [(event["type"], event["requestid"]) for message in sent for event in message["outbox"]]
    assert sorted(published) == sorted(("notification_sent", f"request-of-{guests[place]}") for place in (0, 2))


def test_failed_mail_of_a_batch_leaves_the_others(notifications: NotificationsClient) -> None:
    guests = [f"guest-{new_id()}@example.com" for _ in range(3)]
    events = [confirmed(guest) for guest in guests]
    send = notifications.service.channels.send

    def fail_for_second(message: Message, *rest: Any) -> None:
        if message.to == guests[1]:
            raise ServiceUnavailable("The mail server is busy")
        send(message, *rest)

    with patch.object(notifications.service.channels, "send", fail_for_second), pytest.raises(ServiceUnavailable):
        notifications.service.send_order_confirmations(events)
    assert [len(mails_to(guest)) for guest in guests] == [1, 0, 1]

    notifications.service.send_order_confirmations(events)

    assert [len(mails_to(guest)) for guest in guests] == [1, 1, 1]


def test_concurrent_duplicates_send_one_mail(notifications: NotificationsClient) -> None:
    for _ in range(10):
        event = registered()

        with ThreadPoolExecutor(3) as pool:
            outcomes = list(pool.map(lambda _, event=event: send_welcome(notifications, event), range(3)))

        assert "done" in outcomes
        assert send_welcome(notifications, event) == "done"
        assert len(mails_to(event.email)) == 1
        assert notifications.outbox_events(event) == [("notification_sent", None)]


def test_retry_after_outage_sends_one_mail(notifications: NotificationsClient) -> None:
    event = registered()
    notifications.use_smtp_server(UNREACHABLE)
    for _ in range(2):
        assert send_welcome(notifications, event) == "again"
    assert notifications.message(event)["status"] == "queued"

    notifications.use_smtp_server(Settings().smtp_url)
    for _ in range(2):
        assert send_welcome(notifications, event) == "done"

    assert len(mails_to(event.email)) == 1
    assert notifications.outbox_events(event) == [("notification_sent", None)]


@pytest.mark.parametrize("rejecting_server", ["550 no such user"], indirect=True)
def test_rejected_address_is_not_retried(notifications: NotificationsClient, rejecting_server: str) -> None:
    event = registered()
    notifications.use_smtp_server(rejecting_server)
    assert send_welcome(notifications, event) == "done"
    assert notifications.message(event)["status"] == "failed"
    assert notifications.outbox_events(event) == [("notification_failed", "no such user")]

    notifications.use_smtp_server(Settings().smtp_url)
    assert send_welcome(notifications, event) == "done"
    assert mails_to(event.email) == []


@pytest.mark.parametrize("rejecting_server", ["450 come back later"], indirect=True)
def test_temporary_rejection_is_retried(notifications: NotificationsClient, rejecting_server: str) -> None:
    event = registered()
    notifications.use_smtp_server(rejecting_server)
    assert send_welcome(notifications, event) == "again"
    assert (notifications.message(event)["status"], notifications.outbox_events(event)) == ("queued", [])


def test_invalid_address_is_not_retried(notifications: NotificationsClient) -> None:
    event = registered(email="a@b\r\nBcc: c@example.com")
    assert send_welcome(notifications, event) == "done"
    assert notifications.outbox_events(event) == [("notification_failed", "is not an e-mail address")]


def test_expired_claim_is_taken_over(notifications: NotificationsClient) -> None:
    event = registered()
    notifications.use_smtp_server(UNREACHABLE)
    assert send_welcome(notifications, event) == "again"
    query = {"_id": f"welcome:{event.user_id}:email"}

    def leased_until(seconds: int) -> None:
        until = clock.now() + timedelta(seconds=seconds)
        notifications.store.db["messages"].update_one(query, {"$set": {"leased_until": until}})

    notifications.use_smtp_server(Settings().smtp_url)
    leased_until(60)
    assert send_welcome(notifications, event) == "again"
    assert mails_to(event.email) == []

    leased_until(-1)
    assert send_welcome(notifications, event) == "done"
    assert len(mails_to(event.email)) == 1


def test_name_with_line_ends(notifications: NotificationsClient) -> None:
    event = registered(first_name="Ada\r\nBcc: all@example.com")
    notifications.welcome(event)
    (mail,) = mails_to(event.email)
    assert mail["Bcc"] is None
    assert mail["X-Envelope-To"] == event.email


def test_consecutive_mails_share_a_connection(notifications: NotificationsClient) -> None:
    events = [registered() for _ in range(3)]
    mailer = notifications.service.channels.mailer
    for event in events[:2]:
        notifications.welcome(event)
    ((_, connection),) = mailer._idle

    connection.sock.shutdown(socket.SHUT_RDWR)  # as a server does after its idle timeout
    notifications.welcome(events[2])

    assert [len(mails_to(event.email)) for event in events] == [1, 1, 1]
    assert [server is connection for _, server in mailer._idle] == [False]
    mailer.close()
