"""The hash chain of the audit trail detects changed, removed and inserted entries; secrets are masked in records."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.audit import ActionRecorded
from services.audit.domain import (
    GENESIS,
    Checkpoint,
    Verdict,
    Verifier,
    body_of,
    canonical,
    chain_entries,
    entry_hash,
    sign,
)
from services.chassis.common import context
from services.chassis.messaging.envelopes import envelope
from services.chassis.observability import audit_records

KEY = b"the key of the checkpoints"
AT = "2026-11-24T10:00:00.000000Z"


def chain(*bodies: str) -> list[tuple[int, str, bytes, bytes]]:
    entries = chain_entries([(f"id-{number}", body) for number, body in enumerate(bodies)], 0, GENESIS)
    return [(entry.seq, entry.body, entry.previous_hash, entry.hash) for entry in entries]


def verdict(entries: list[tuple[int, str, bytes, bytes]], *checkpoints: Checkpoint) -> Verdict:
    verifier = Verifier(checkpoints, KEY)
    broken = verifier.first_broken(entries)
    return Verdict(False, len(entries), *broken) if broken else verifier.finish()


def checkpoint(seq: int, hash_: bytes) -> Checkpoint:
    return Checkpoint(seq, hash_, AT, sign(seq, hash_, AT, KEY))


def test_hash_covers_number_body_and_previous_hash() -> None:
    hashes = {
        entry_hash(1, "a", GENESIS),
        entry_hash(2, "a", GENESIS),
        entry_hash(1, "b", GENESIS),
        entry_hash(1, "a", bytes([1] * 32)),
    }

    assert len(hashes) == 4


@given(st.lists(st.text(max_size=20), min_size=1, max_size=12), st.data())
def test_first_changed_entry_is_reported(bodies: list[str], data: st.DataObject) -> None:
    entries = chain(*bodies)
    assert verdict(entries) == Verdict(True, len(bodies))
    at = data.draw(st.integers(0, len(bodies) - 1))
    seq, body, previous, hash_ = entries[at]

    changed = [*entries[:at], (seq, body + "!", previous, hash_), *entries[at + 1 :]]
    removed = [*entries[:at], *entries[at + 1 :]]

    assert verdict(changed) == Verdict(False, len(bodies), at + 1, "its content was changed")
    if at < len(bodies) - 1:
        assert verdict(removed).first_broken == at + 1


def test_recomputed_chain_differs_from_checkpoint() -> None:
    """An attacker with write access to the table can recompute every hash, but cannot sign checkpoints."""
    checkpoints_ = checkpoint(2, chain("a", "b", "c")[1][3])

    recomputed = chain("a", "B", "c")

    assert verdict(recomputed, checkpoints_) == Verdict(False, 3, 2, "it differs from the checkpoint")
    forged = Checkpoint(2, recomputed[1][3], AT, checkpoints_.signature)
    assert verdict(recomputed, forged) == Verdict(False, 3, 2, "the checkpoint's signature is wrong")


def test_truncated_chain_is_detected() -> None:
    entries = chain("a", "b", "c")

    truncated = verdict(entries[:2], checkpoint(3, entries[2][3]))

    assert (truncated.valid, truncated.first_broken) == (False, 3)


def test_record_has_actor_origin_and_changes() -> None:
    context.enter(
        {
            "request_id": "r-1",
            "user_id": "u-1",
            "actor": audit_records.actor_context("ada@example.com", ["ADMIN"], "127.0.0.1", "curl/8", "key-1"),
        }
    )

    record = audit_records.record(
        "product.update",
        ("product", "p-1"),
        {"title": "Mug", "version": 1, "price": {"amount": 1}},
        {"title": "Cup", "version": 2, "price": {"amount": 1}},
    )
    context.enter({})

    assert record.actor.model_dump(exclude_none=True) == {
        "kind": "user",
        "id": "u-1",
        "email": "ada@example.com",
        "roles": ["ADMIN"],
        "api_key": "key-1",
        "ip": "127.0.0.1",
        "user_agent": "curl/8",
    }
    assert [change.model_dump() for change in record.changes] == [{"field": "title", "before": "Mug", "after": "Cup"}]
    assert (record.request_id, record.subject, record.topic()) == ("r-1", "p-1", "analytics-events")


def test_action_without_user_has_the_system_as_actor() -> None:
    context.enter({})

    assert audit_records.actor().kind == "system"


@pytest.mark.parametrize("field", ["password", "api_key", "refresh_token", "card_number", "client_secret"])
def test_secrets_are_masked(field: str) -> None:
    [flat, nested] = audit_records.changes({}, {field: "s3cret", "z": {"inner": [{field: "s3cret"}]}})

    assert (flat.before, flat.after) == (None, "***")
    assert nested.after == {"inner": [{field: "***"}]}


def test_long_value_is_truncated() -> None:
    [change] = audit_records.changes({}, {"description": "x" * 5000})

    assert len(change.after) == 1001
    assert change.after.endswith("x…")


def test_body_is_canonical_json() -> None:
    record = ActionRecorded(action="a.b", actor=audit_records.actor(), resource={"type": "t", "id": "1"})
    message = envelope(record, at=datetime(2026, 1, 2, tzinfo=UTC))

    event = ActionRecorded.from_envelope(message)
    body = canonical(body_of(event.meta, event))

    assert body.startswith('{"action":"a.b","actor":{"api_key":null,"email":null')
    assert '"at":"2026-01-02T00:00:00.000000Z"' in body
