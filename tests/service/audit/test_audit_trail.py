"""The audit trail on the real PostgreSQL: one chain under concurrency, append only, tampering detected."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from schemas.api.audit import AuditFilter, AuditQuery
from schemas.events.audit import ActionRecorded
from services.audit.domain import Verdict, body_of
from services.audit.person_keys import PersonKeys
from services.audit.store import AuditStore
from services.chassis.common.encryption import Encryption
from services.chassis.common.ids import new_id
from services.chassis.common.key_ring import Key, KeyRing
from services.chassis.messaging.envelopes import envelope
from services.chassis.runtime.settings import Settings
from services.chassis.testing import connect_postgres

KEY = b"a key of the test"
RING = KeyRing((Key.new(),))
PERSON_KEYS = PersonKeys(Encryption(lambda: RING), KEY)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def audit_store() -> Iterator[AuditStore]:
    with connect_postgres("audit", AuditStore) as store:
        yield store


@pytest.fixture
def store(audit_store: AuditStore) -> AuditStore:
    """The store with empty tables, which only a superuser with disabled triggers can truncate."""
    as_superuser(audit_store, "truncate entries, checkpoints, person_keys")
    return audit_store


def as_superuser(store: AuditStore, statement: str) -> None:
    options = str(store.engine.url.query["options"]).replace("-crole=ultramarket_audit", "")
    owner = create_engine(store.engine.url.set(query={**store.engine.url.query, "options": options}))
    with owner.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text(statement))
    owner.dispose()


def audit_entry(
    action: str = "product.update", resource_id: str = "p-1", at: datetime = NOON, **actor: Any
) -> dict[str, Any]:
    record = ActionRecorded(
        action=action,
        actor={"id": "u-1", "roles": ["ADMIN"]} | actor,
        resource={"type": action.partition(".")[0], "id": resource_id},
        changes=[{"field": "title", "before": "Mug", "after": "Cup"}],
    )
    message = envelope(record, at=at)
    event = ActionRecorded.from_envelope(message)
    return body_of(event.meta, event)


def test_repeated_event_is_one_entry(store: AuditStore) -> None:
    first, second = audit_entry(resource_id="p-1"), audit_entry(resource_id="p-2")

    added = [store.append(batch, PERSON_KEYS) for batch in ([second], [first, second, first], [second])]

    assert added == [1, 1, 0]
    assert store.verify(KEY).entries == 2


def test_concurrent_writers_make_one_chain(store: AuditStore) -> None:
    batches = [[audit_entry(resource_id=new_id()) for _ in range(25)] for _ in range(20)]

    with ThreadPoolExecutor(20) as pool:
        counts = list(pool.map(lambda batch: store.append(batch, PERSON_KEYS), batches + batches))

    assert sum(counts) == 500
    assert store.verify(KEY) == Verdict(True, 500)
    assert store.list(AuditQuery(limit=1), PERSON_KEYS)["total"] == 500


@pytest.mark.parametrize("statement", ["update entries set body = '{}'", "delete from entries", "truncate entries"])
def test_role_may_only_select_and_insert(store: AuditStore, statement: str) -> None:
    store.append([audit_entry()], PERSON_KEYS)

    with pytest.raises(ProgrammingError, match="permission denied"), store.transaction() as session:
        session.execute(text(statement))


@pytest.mark.parametrize(
    "statement", ["update entries set body = '{}'", "delete from checkpoints", "truncate entries, checkpoints"]
)
def test_triggers_refuse_the_owner(store: AuditStore, statement: str) -> None:
    url, schema = Settings().postgres_url, str(store.engine.url.query["options"]).split("search_path=")[1].split()[0]
    with psycopg2.connect(url, options=f"-csearch_path={schema}") as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="the audit trail only grows"):
            cursor.execute(statement)
        connection.rollback()


@pytest.mark.parametrize(
    ("tampering", "broken", "reason"),
    [
        ("""update entries set body = replace(body, 'Cup', 'Tub') where seq = 7""", 7, "its content was changed"),
        ("delete from entries where seq = 3", 3, "the entry is missing"),
        ("delete from entries where seq > 8", 9, "entries at the end are missing: there is a later checkpoint"),
        ("update entries set previous_hash = hash where seq = 5", 5, "it does not follow the entry before it"),
        ("update checkpoints set signature = hash", 10, "the checkpoint's signature is wrong"),
    ],
)
def test_tampering_by_superuser_is_detected(store: AuditStore, tampering: str, broken: int, reason: str) -> None:
    store.append([audit_entry() for _ in range(10)], PERSON_KEYS)
    assert store.checkpoint(KEY, "2026-11-24T12:00:00Z") == 10
    store.append([audit_entry(), audit_entry()], PERSON_KEYS)

    as_superuser(store, tampering)

    verdict = store.verify(KEY)
    assert (verdict.valid, verdict.first_broken) == (False, broken)
    assert verdict.reason == reason


def test_checkpoint_is_made_for_new_entries(store: AuditStore) -> None:
    assert store.checkpoint(KEY, "2026-11-24T12:00:00Z") is None
    store.append([audit_entry()], PERSON_KEYS)

    assert store.checkpoint(KEY, "2026-11-24T12:00:00Z") == 1
    assert store.checkpoint(KEY, "2026-11-24T12:01:00Z") is None


def test_entries_are_filtered(store: AuditStore) -> None:
    store.append(
        [
            audit_entry("product.update", "p-1", NOON, id="ada"),
            audit_entry("product.delete", "p-1", NOON + timedelta(hours=1), id="bob"),
            audit_entry("order.cancel", "o-1", NOON + timedelta(hours=2), id="ada"),
        ],
        PERSON_KEYS,
    )

    def sequence_numbers(**query: Any) -> list[int]:
        page = store.list(AuditQuery.model_validate(query), PERSON_KEYS)
        assert page["total"] == len(page["items"])
        return [entry["seq"] for entry in page["items"]]

    assert sequence_numbers() == [3, 2, 1]
    assert sequence_numbers(actor="ada") == [3, 1]
    assert sequence_numbers(action="product.delete") == [2]
    assert sequence_numbers(resource_type="product", resource_id="p-1") == [2, 1]
    assert sequence_numbers(**{"from": "2026-11-24T14:00:00+01:00", "to": "2026-11-24T14:00:00Z"}) == [2]
    assert [entry["seq"] for entry in store.after(AuditFilter(actor="ada"), 1, 10, PERSON_KEYS)] == [3]


def test_entry_fields(store: AuditStore) -> None:
    body = audit_entry(ip="10.0.0.1", user_agent="curl/8", email="ada@example.com")
    event_id = body["id"]
    store.append([body], PERSON_KEYS)

    [entry] = store.list(AuditQuery(), PERSON_KEYS)["items"]

    assert entry.pop("hash") != entry.pop("previous_hash") == "00" * 32
    assert entry == {
        "seq": 1,
        "id": event_id,
        "at": "2026-11-24T12:00:00.000000Z",
        "actor": {"id": "u-1", "roles": ["ADMIN"], "kind": "user", "email": "ada@example.com"},
        "action": "product.update",
        "resource": {"type": "product", "id": "p-1"},
        "changes": [{"field": "title", "before": "Mug", "after": "Cup"}],
        "request_id": None,
        "ip": "10.0.0.1",
        "user_agent": "curl/8",
    }


def test_personal_values_are_sealed_until_erased(store: AuditStore) -> None:
    store.append([account_entry("u-1", "ada@example.com", "Ada")], PERSON_KEYS)
    [before] = store.list(AuditQuery(actor="ADA@example.com"), PERSON_KEYS)["items"]
    stored = stored_text(store)

    store.erase("u-1")

    [after] = store.list(AuditQuery(actor="u-1"), PERSON_KEYS)["items"]
    assert (before["actor"]["email"], before["ip"]) == ("ada@example.com", "10.0.0.1")
    assert before["changes"] == [{"field": "first_name", "before": "Ada", "after": "Bea"}]
    assert not {text for text in ("ada@example.com", "10.0.0.1", "Bea") if text in stored}
    assert ("email" in after["actor"], after["ip"], after["action"]) == (False, None, "account.update")
    assert after["changes"] == [{"field": "first_name", "before": None, "after": None}]
    assert store.list(AuditQuery(actor="ada@example.com"), PERSON_KEYS)["items"] == []
    assert store.verify(KEY) == Verdict(True, 1)


def test_actor_is_found_by_address_after_an_entry_without_it(store: AuditStore) -> None:
    created = account_entry("u-1", "ada@example.com", "Ada") | {"actor": {"kind": "guest", "id": None, "email": None}}
    store.append([created], PERSON_KEYS)

    store.append([account_entry("u-1", "ada@example.com", "Ada")], PERSON_KEYS)

    assert [entry["seq"] for entry in store.list(AuditQuery(actor="ada@example.com"), PERSON_KEYS)["items"]] == [2]


def test_erasure_leaves_others_readable(store: AuditStore) -> None:
    store.append(
        [account_entry("u-1", "ada@example.com", "Ada"), account_entry("u-2", "bob@example.com", "Bob")], PERSON_KEYS
    )

    store.erase("u-1")

    entries = store.list(AuditQuery(), PERSON_KEYS)["items"]
    assert [entry["actor"].get("email") for entry in entries] == ["bob@example.com", None]


def test_retention_deletes_from_the_beginning(store: AuditStore) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=200)
    store.append([audit_entry(at=long_ago) for _ in range(5)], PERSON_KEYS)
    store.checkpoint(KEY, "2026-05-24T12:00:00Z")
    store.append([audit_entry(at=datetime.now(UTC)) for _ in range(3)], PERSON_KEYS)
    store.checkpoint(KEY, "2026-11-24T12:00:00Z")

    deleted = store.delete_old(timedelta(days=180))

    assert deleted == 4
    assert [entry["seq"] for entry in store.list(AuditQuery(), PERSON_KEYS)["items"]] == [8, 7, 6, 5]
    assert store.verify(KEY) == Verdict(True, 4)


def test_retention_refuses_young_entries(store: AuditStore) -> None:
    store.append([audit_entry(at=datetime.now(UTC) - timedelta(days=60))], PERSON_KEYS)
    store.checkpoint(KEY, "2026-11-24T12:00:00Z")

    with pytest.raises(ProgrammingError, match="kept for 90 days at least"):
        store.delete_old(timedelta(days=30))

    assert store.verify(KEY) == Verdict(True, 1)


def test_deletion_of_the_beginning_by_others_is_detected(store: AuditStore) -> None:
    store.append([audit_entry() for _ in range(10)], PERSON_KEYS)
    store.checkpoint(KEY, "2026-11-24T12:00:00Z")

    as_superuser(store, "delete from entries where seq <= 4")

    verdict = store.verify(KEY)
    assert (verdict.valid, verdict.first_broken) == (False, 1)


def account_entry(user_id: str, email: str, name: str) -> dict[str, Any]:
    entry = audit_entry("account.update", user_id, id=user_id, email=email, ip="10.0.0.1", user_agent="curl/8")
    return entry | {"changes": [{"field": "first_name", "before": name, "after": "Bea"}]}


def stored_text(store: AuditStore) -> str:
    with store.reading() as connection:
        return str(connection.execute(text("select body from entries")).all())
