"""Exports and erasures in PostgreSQL: late, repeated and concurrent replies of the services."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from schemas.events.auth import AccountErased
from schemas.events.base import Event
from schemas.events.privacy import (
    PERSONAL_DATA_SERVICES,
    PersonalDataCollected,
    PersonalDataCollectionCompleted,
    PersonalDataErased,
)
from services.chassis.common.encryption import Encryption
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import new_id
from services.chassis.common.key_ring import Key, KeyRing
from services.chassis.messaging.envelopes import envelope
from services.chassis.testing import connect_postgres
from services.users.store import UserStore

RING = KeyRing((Key.new(),))
ENCRYPTION = Encryption(lambda: RING)
WEEK = timedelta(days=7)
AT_ONCE = timedelta(0)

E = TypeVar("E", bound=Event)


@pytest.fixture(scope="module")
def store() -> Iterator[UserStore]:
    with connect_postgres("users", UserStore) as store:
        yield store


def published(event: E) -> E:
    return type(event).from_envelope(envelope(event))


def request(store: UserStore, user_id: str) -> str:
    return str(store.exports.request(user_id, None, datetime.now(UTC), WEEK)["id"])


def part(export_id: str, service: str, number: int = 0, records: Any = ("r",)) -> PersonalDataCollected:
    fields = {"export_id": export_id, "service": service, "section": "things", "part": number}
    return published(PersonalDataCollected(**fields, records=list(records)))


def completed(export_id: str, service: str, parts: int) -> PersonalDataCollectionCompleted:
    return published(PersonalDataCollectionCompleted(export_id=export_id, service=service, parts=parts))


def is_ready(store: UserStore, user_id: str) -> bool:
    return store.exports.latest(user_id)["ready_at"] is not None


def test_export_is_ready_with_the_last_part(store: UserStore) -> None:
    user_id = new_id()
    export_id = request(store, user_id)
    for service in PERSONAL_DATA_SERVICES:  # their completion overtakes the parts
        store.exports.complete_service(completed(export_id, service, 1 if service == "orders" else 0))
    before = is_ready(store, user_id)

    for _ in range(2):
        store.exports.add_part(part(export_id, "orders", records=[{"id": "o-1"}]), ENCRYPTION)

    assert (before, is_ready(store, user_id)) == (False, True)
    first = store.exports.part_after(export_id, None, ENCRYPTION)
    assert first == {"service": "orders", "section": "things", "part": 0, "records": [{"id": "o-1"}]}
    assert store.exports.part_after(export_id, ("orders", "things", 0), ENCRYPTION) is None


def test_concurrent_replies_complete_an_export(store: UserStore) -> None:
    user_id = new_id()
    export_id = request(store, user_id)
    replies = [part(export_id, service) for service in PERSONAL_DATA_SERVICES]

    def reply(event: PersonalDataCollected) -> None:
        store.exports.add_part(event, ENCRYPTION)
        store.exports.complete_service(completed(export_id, event.service, 1))

    with ThreadPoolExecutor(len(replies)) as pool:
        list(pool.map(reply, replies))

    assert is_ready(store, user_id)


def test_concurrent_requests_make_one_export(store: UserStore) -> None:
    user_id = new_id()

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: request(store, user_id), range(8)))

    assert len(ids) == 1


def test_export_that_is_not_ready_cannot_be_read(store: UserStore) -> None:
    export_id = request(store, new_id())
    store.exports.add_part(part(export_id, "orders"), ENCRYPTION)

    with pytest.raises(NotFound):
        store.exports.part_after(export_id, None, ENCRYPTION)


def test_records_of_exports_are_stored_encrypted(store: UserStore) -> None:
    export_id = request(store, new_id())
    store.exports.add_part(part(export_id, "orders", records=["12 Analytical Square"]), ENCRYPTION)

    with store.reading() as connection:
        row = connection.exec_driver_sql(f"select records from export_parts where export_id = '{export_id}'").one()

    assert row.records.startswith("v1.")


def erased(store: UserStore, erasure_id: str, round_: int) -> None:
    for service in PERSONAL_DATA_SERVICES:
        store.erasures.add_reply(published(PersonalDataErased(erasure_id=erasure_id, service=service, round=round_)))


def test_erasure_ends_after_its_second_round(store: UserStore) -> None:
    user_id, erasure_id = new_id(), new_id()
    event = published(
        AccountErased(user_id=user_id, erasure_id=erasure_id, email="ada@example.com", email_verified=True)
    )
    for _ in range(2):
        store.erasures.begin(event, ENCRYPTION)

    erased(store, erasure_id, 1)
    store.erasures.advance(AT_ONCE, ENCRYPTION)
    second = store.erasures.of_user(user_id)
    store.erasures.advance(AT_ONCE, ENCRYPTION)
    waiting = store.erasures.of_user(user_id)
    erased(store, erasure_id, 2)
    store.erasures.advance(AT_ONCE, ENCRYPTION)

    final = store.erasures.of_user(user_id)
    assert (second["round"], waiting["status"]) == (2, "running")
    assert (final["status"], final["services"]) == ("completed", sorted(PERSONAL_DATA_SERVICES))
    with store.reading() as connection:
        row = connection.exec_driver_sql(f"select email from erasures where id = '{erasure_id}'").one()
    assert row.email is None


def test_erasure_waits_for_every_service(store: UserStore) -> None:
    user_id, erasure_id = new_id(), new_id()
    event = AccountErased(user_id=user_id, erasure_id=erasure_id, email="ada@example.com", email_verified=True)
    store.erasures.begin(published(event), ENCRYPTION)
    for service in PERSONAL_DATA_SERVICES[1:]:
        store.erasures.add_reply(published(PersonalDataErased(erasure_id=erasure_id, service=service, round=1)))

    store.erasures.advance(AT_ONCE, ENCRYPTION)

    assert store.erasures.of_user(user_id)["round"] == 1
