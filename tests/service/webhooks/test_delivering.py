"""Deliveries: order per subject, retries, leases, killed processes, slow receivers, the end of retries."""

import threading
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from schemas.api.webhooks import UpdateWebhook
from services.chassis.common.errors import InvalidState
from services.webhooks.dispatcher import Dispatcher
from services.webhooks.settings import WebhookSettings
from services.webhooks.store.attempts import PARALLEL, Outcome
from services.webhooks.store.delivery_queue import NewDelivery
from tests.service.webhooks.conftest import ADMIN, Webhooks, event
from tests.support.receiver import Receiver, receiving
from tests.support.shop import eventually

HOUR = timedelta(hours=1)


def subjects(receiver: Receiver) -> list[str]:
    return [each.event["subject"] for each in receiver.received]


def event_ids(receiver: Receiver) -> list[str]:
    return [each.headers["x-ultramarket-event-id"] for each in receiver.received]


def test_subject_waits_for_its_first_event_others_go_on(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url)
    receiver.answer = lambda request: 503 if request.event["subject"] == "a" else 200
    first, second, other = webhooks.add(subscription, "a", "a", "b")

    webhooks.send_due()
    assert sorted(event_ids(receiver)) == sorted([first, other])
    receiver.answer = lambda request: 200
    receiver.received.clear()
    webhooks.make_due()
    webhooks.send_due()

    assert event_ids(receiver) == [first, second]
    assert webhooks.statuses(subscription) == ["delivered"] * 3
    delivery = webhooks.deliveries(subscription)[0]
    assert (delivery["attempts"], delivery["error"], delivery["response"]["status"]) == (2, None, 200)


def test_event_that_comes_twice_is_stored_once(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url)
    webhooks.add(subscription, "a")
    with webhooks.store.reading() as connection:
        row = connection.execute(text("select chain, event_id, type, subject, body from deliveries")).one()

    again = webhooks.store.queue.add([NewDelivery(subscription["id"], **row._mapping)])
    webhooks.send_due()

    assert again == 0
    assert subjects(receiver) == ["a"]


def test_result_after_the_lease_was_taken_over_is_discarded(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url)
    webhooks.add(subscription, "a")
    [late] = webhooks.store.attempts.claim(10, webhooks.dispatcher.cipher)
    assert webhooks.store.attempts.claim(10, webhooks.dispatcher.cipher) == []
    webhooks.make_due()
    [current] = webhooks.store.attempts.claim(10, webhooks.dispatcher.cipher)

    is_late_recorded = webhooks.store.attempts.record(late, Outcome({}, error="late"), HOUR)
    is_recorded = webhooks.store.attempts.record(current, Outcome({}, status=200, body="", ms=1), HOUR)

    assert (is_late_recorded, is_recorded) == (False, True)
    assert late.delivery_id == current.delivery_id
    assert [(each["status"], each["error"]) for each in webhooks.deliveries(subscription)] == [("delivered", None)]


def test_two_processes_claim_different_chains(webhooks: Webhooks, receiver: Receiver) -> None:
    names = [f"subject {number}" for number in range(40)]
    for number in range(20):
        webhooks.add(webhooks.subscribe(f"{receiver.url}/{number}"), *names[2 * number : 2 * number + 2])
        with webhooks.store.autocommit() as connection:
            connection.execute(text("update subscriptions set owner_id = id::text"))
    claimed: list[str] = []
    barrier = threading.Barrier(4)

    def claim() -> None:
        barrier.wait()
        while len(claimed) < len(names):
            attempts = webhooks.store.attempts.claim(3, webhooks.dispatcher.cipher)
            claimed.extend(attempt.chain for attempt in attempts)

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claimed) == sorted(f"orders:{name}" for name in names)


def test_killed_process_leaves_its_delivery_to_another(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url)
    first, second = webhooks.add(subscription, "a", "a")
    with webhooks.process() as process:
        receiver.answer = lambda request: process.kill() or 200  # type: ignore[func-returns-value]
        assert receiver.wait_for(1)
        process.wait()
    receiver.answer = lambda request: 200
    webhooks.send_due()
    assert event_ids(receiver) == [first]  # its lease goes on

    webhooks.make_due()
    webhooks.send_due()

    assert event_ids(receiver) == [first, first, second]
    assert webhooks.statuses(subscription) == ["delivered"] * 2


def test_slow_receiver_does_not_delay_others(webhooks: Webhooks) -> None:
    release = threading.Event()
    with receiving() as slow, receiving() as fast:
        slow.answer = lambda request: 200 if release.wait(60) else 500
        of_slow, of_fast = webhooks.subscribe(slow.url), webhooks.subscribe(fast.url)
        webhooks.add(of_slow, *(f"slow {number}" for number in range(12)))
        with webhooks.process():
            assert eventually(lambda: len(slow.received) == PARALLEL)
            webhooks.add(of_fast, *(f"fast {number}" for number in range(20)))
            assert eventually(lambda: webhooks.statuses(of_fast) == ["delivered"] * 20)
            assert len(slow.received) == PARALLEL
            release.set()
            assert eventually(lambda: webhooks.statuses(of_slow) == ["delivered"] * 12)


def test_failing_receiver_gets_one_attempt_at_a_time(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url)
    webhooks.add(subscription, *(f"subject {number}" for number in range(8)))
    with webhooks.store.autocommit() as connection:
        connection.execute(text("update subscriptions set failures = 3"))

    attempts = webhooks.store.attempts.claim(10, webhooks.dispatcher.cipher)
    webhooks.store.attempts.record(attempts[0], Outcome({}, status=200), HOUR)

    assert len(attempts) == 1
    assert len(webhooks.store.attempts.claim(10, webhooks.dispatcher.cipher)) == PARALLEL


def test_subscription_is_disabled_after_three_days(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url + "?token=1")
    receiver.answer = lambda request: 500
    first, second = webhooks.add(subscription, "a", "a")
    webhooks.send_due()
    with webhooks.store.autocommit() as connection:
        connection.execute(text("update chains set failing_since = now() - interval '3 days'"))
    webhooks.make_due()
    webhooks.send_due()
    webhooks.make_due()
    webhooks.send_due()

    disabled = webhooks.store.subscriptions.get(subscription["id"], None)
    [published] = webhooks.events("webhook_subscription_disabled")
    assert event_ids(receiver) == [first, first]
    assert (disabled["active"], disabled["disabled_reason"]) == (False, "the receiver replied 500")
    assert disabled["version"] == 2
    assert published["data"] | {"failing_since": ""} == {
        "subscription_id": subscription["id"],
        "owner_id": ADMIN.user_id,
        "url": receiver.url,
        "error": "the receiver replied 500",
        "failing_since": "",
        "waiting": 2,
    }

    receiver.answer = lambda request: 200
    command = UpdateWebhook(subscription_id=subscription["id"], active=True, caller=ADMIN)
    again = webhooks.store.subscriptions.update(command, None)
    webhooks.send_due()

    assert (again["active"], again["disabled_reason"]) == (True, None)
    assert event_ids(receiver)[2:] == [first, second]
    assert webhooks.statuses(subscription) == ["delivered"] * 2


@pytest.mark.parametrize(
    ("answer", "headers", "error"),
    [
        (302, {"Location": "http://127.77.0.1:8077/elsewhere"}, "the receiver replied 302"),
        (200, {"Content-Length": "999999999"}, "no reply: ChunkedEncodingError"),
    ],
)
def test_redirect_or_broken_reply_is_a_failure(
    webhooks: Webhooks, receiver: Receiver, answer: int, headers: dict[str, str], error: str
) -> None:
    subscription = webhooks.subscribe(receiver.url)
    receiver.answer, receiver.headers = lambda request: answer, headers
    webhooks.add(subscription, "a")

    webhooks.send_due()

    assert [(each["status"], each["error"]) for each in webhooks.deliveries(subscription)] == [("pending", error)]
    assert len(receiver.received) == 1


def test_unreachable_receiver_is_named_in_the_error(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url)
    webhooks.add(subscription, "a")
    receiver.server.shutdown()
    receiver.server.server_close()

    webhooks.send_due()

    [delivery] = webhooks.deliveries(subscription)
    assert (delivery["response"], delivery["error"]) == (None, "no reply: NewConnectionError")


def test_url_in_a_private_network_is_not_requested(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url)
    webhooks.add(subscription, "a")
    public = {"outbound_allowed_networks": "", "outbound_ports": "443", "outbound_plain_http": True}
    dispatcher = Dispatcher(WebhookSettings(encryption_keys_file=webhooks.ring, **public))

    dispatcher.dispatch(webhooks.store)
    dispatcher.wait()

    assert receiver.received == []
    assert webhooks.deliveries(subscription)[0]["error"] == "the URL must not name the port 8077"


def test_pending_delivery_is_replayed_at_once(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url)
    receiver.answer = lambda request: 500
    webhooks.add(subscription, "a")
    webhooks.send_due()
    receiver.answer = lambda request: 200
    [delivery] = webhooks.deliveries(subscription)

    replayed = webhooks.store.deliveries.replay(subscription["id"], delivery["id"])
    webhooks.send_due()

    assert replayed["id"] == delivery["id"]
    assert webhooks.statuses(subscription) == ["delivered"]
    assert [each.headers["x-ultramarket-attempt"] for each in receiver.received] == ["1", "2"]


def test_second_rotation_ends_the_first_secret(webhooks: Webhooks, receiver: Receiver) -> None:
    created = webhooks.subscribe(receiver.url)

    once = webhooks.store.subscriptions.rotate(created["id"], None, webhooks.dispatcher.cipher)
    twice = webhooks.store.subscriptions.rotate(created["id"], None, webhooks.dispatcher.cipher)
    webhooks.add(created, "a")
    webhooks.send_due()

    [received] = receiver.received
    signed: dict[Any, bool] = {
        each["secret"]: received.is_signed_with(each["secret"]) for each in (created, once, twice)
    }
    assert list(signed.values()) == [False, True, True]
    assert [key["expires_at"] is None for key in twice["keys"]] == [True, False]
    with webhooks.store.reading() as connection:
        stored = connection.execute(text("select string_agg(secret, ' ') from secrets")).scalar_one()
    assert "whsec_" not in stored


def test_erased_persons_bodies_are_gone_and_not_delivered(webhooks: Webhooks, receiver: Receiver) -> None:
    person = "019b0000-0000-7000-8000-00000000000a"
    subscription = webhooks.subscribe(receiver.url)
    webhooks.add(subscription, "a", user_id=person)
    webhooks.send_due()
    webhooks.add(subscription, "b", "c", user_id=person)
    kept = webhooks.add(subscription, "b")

    webhooks.store.erase(person)
    webhooks.send_due()

    deliveries = webhooks.deliveries(subscription)
    assert [(each["status"], each["request"]["body"] is None) for each in deliveries] == [
        ("delivered", True),
        ("dropped", True),
        ("dropped", True),
        ("delivered", False),
    ]
    assert event_ids(receiver)[1:] == kept
    with pytest.raises(InvalidState):
        webhooks.store.deliveries.replay(subscription["id"], deliveries[0]["id"])


def test_erased_guests_bodies_are_gone(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url)
    placed = event("a", email="guest@example.com")
    body = orjson.dumps(placed).decode()
    delivery = NewDelivery(
        subscription["id"], "orders:a", placed["id"], "order_placed", "a", body, None, "guest@example.com"
    )
    webhooks.store.queue.add([delivery])
    person_id = "019b0000-0000-7000-8000-00000000000b"
    [exported] = webhooks.store.deliveries.of_person(person_id, "guest@example.com")
    assert exported["event"]["data"]["email"] == "guest@example.com"

    webhooks.store.erase(person_id, "guest@example.com")

    assert list(webhooks.store.deliveries.of_person(person_id, "guest@example.com")) == []
    assert webhooks.deliveries(subscription)[0]["request"]["body"] is None


def test_erased_owner_has_no_subscriptions_left(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url)
    webhooks.add(subscription, "a")

    webhooks.store.erase(str(ADMIN.user_id))
    webhooks.send_due()

    assert webhooks.store.subscriptions.list_all(None) == []
    assert receiver.received == []


def test_old_deliveries_are_deleted(webhooks: Webhooks, receiver: Receiver) -> None:
    subscription = webhooks.subscribe(receiver.url)
    receiver.answer = lambda request: 500 if request.event["subject"] == "waits" else 200
    webhooks.add(subscription, "old", "new", "waits")
    webhooks.send_due()
    with webhooks.store.autocommit() as connection:
        connection.execute(
            text("update deliveries set created_at = now() - interval '31 days' where subject in ('old', 'waits')")
        )

    webhooks.store.delete_expired()

    assert [each["subject"] for each in webhooks.deliveries(subscription)] == ["new", "waits"]
