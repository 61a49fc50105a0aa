"""Advertising: only to persons who agreed to it, until they withdraw that."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from schemas.api.notifications import PreferencesWrite
from schemas.events.orders import OrderDelivered
from schemas.events.users import ProfileUpdated
from services.chassis.common import clock
from services.chassis.common.ids import new_id
from services.chassis.testing import connect_mongo
from services.notifications.store import MessageStore
from tests.service.notifications.test_channels import caller_of, consumed, customer
from tests.service.notifications.test_mail_delivery import NotificationsClient, mails_to


@pytest.fixture(scope="module")
def message_store() -> Iterator[MessageStore]:
    with connect_mongo("notifications", MessageStore) as store:
        yield store


@pytest.fixture
def notifications(message_store: MessageStore) -> Iterator[NotificationsClient]:
    client = NotificationsClient(message_store)
    yield client
    client.close()


def set_consent(notifications: NotificationsClient, person: Any, wanted: bool) -> None:
    event = ProfileUpdated(user_id=person.user_id, first_name="Ada", last_name="B", marketing=wanted)
    notifications.service.update_profile(consumed(event))


def delivered(user_id: str | None, email: str) -> Any:
    line = {"sku": "MUG", "product_id": "p", "title": "Mug", "quantity": 1, "unit_price": 100, "line_total": 100}
    return consumed(OrderDelivered(order_id=new_id(), number="UM-9", email=email, user_id=user_id, items=[line]))


def subjects(email: str) -> list[str]:
    return [str(mail["Subject"]) for mail in mails_to(email) if "UM-9" in str(mail["Subject"])]


def test_invitation_to_review_needs_consent(notifications: NotificationsClient) -> None:
    person = customer(notifications)
    guest = f"guest-{new_id()}@example.com"

    notifications.service.send_delivery(delivered(person.user_id, person.email))
    notifications.service.send_delivery(delivered(None, guest))
    set_consent(notifications, person, True)
    notifications.service.send_delivery(delivered(person.user_id, person.email))
    notifications.service.send_queued()

    arrived, invitation = "Shop: order UM-9 has arrived", "Shop: how do you like your order UM-9?"
    assert sorted(subjects(person.email)) == [invitation, arrived, arrived]
    assert subjects(guest) == [arrived]


def test_queued_advertising_is_dropped_at_withdrawal(notifications: NotificationsClient) -> None:
    person = customer(notifications)
    set_consent(notifications, person, True)
    now = clock.now()
    quiet = {"from": f"{now - timedelta(hours=1):%H:%M}", "to": f"{now + timedelta(hours=1):%H:%M}", "time_zone": "UTC"}
    preferences = PreferencesWrite.model_validate({"quiet_hours": quiet})
    notifications.service.set_preferences(preferences, caller_of(person.user_id))
    event = delivered(person.user_id, person.email)
    notifications.service.send_delivery(event)
    messages, queued = notifications.store.db["messages"], {"_id": f"{event.meta.id}:review:email"}
    assert messages.update_one(queued, {"$set": {"due": now - timedelta(minutes=1)}}).modified_count == 1

    set_consent(notifications, person, False)
    notifications.service.send_queued()

    assert subjects(person.email) == ["Shop: order UM-9 has arrived"]
    assert messages.count_documents(queued) == 0
    assert notifications.store.recipients.find(person.user_id)["marketing"] is False
