"""Audit trail rules: the content of entries, their hash chain, and its verification."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from schemas.events.audit import ActionRecorded, Actor, Change, Resource
from schemas.events.base import EventMeta

GENESIS: Final = bytes(32)
"""The previous hash of the first entry."""
_RECORDED_FIELDS: Final = ("action", "actor", "resource", "changes", "request_id")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the hash chain. `body` is canonical JSON: sorted keys, no spaces (cf. RFC 8785)."""

    seq: int
    id: str
    body: str
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The last entry's hash at a point in time, signed with a key that is not in the database."""

    seq: int
    hash: bytes
    at: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a verification; if invalid, the first broken entry and the reason."""

    valid: bool
    entries: int
    first_broken: int | None = None
    reason: str | None = None


def body_of(meta: EventMeta, record: ActionRecorded) -> dict[str, Any]:
    """The body of an entry for a recorded action."""
    fields = record.model_dump(mode="json")
    body = {name: fields[name] for name in _RECORDED_FIELDS}
    return body | {"id": meta.id, "at": f"{meta.time.isoformat(timespec='microseconds')[:26]}Z"}


def canonical(body: dict[str, Any]) -> str:
    """The text of a body that its hash covers."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()


def order_step(meta: EventMeta, order_id: str, fields: dict[str, Any]) -> ActionRecorded | None:
    """The action recorded by an order's event; None if it was not caused by staff."""
    if meta.actor is None:
        return None
    return ActionRecorded(
        action=f"order.{meta.type.removeprefix('order_')}",
        actor=Actor(id=meta.user_id, **orjson.loads(meta.actor)),
        resource=Resource(type="order", id=order_id),
        changes=[Change(field=name, after=value) for name, value in sorted(fields.items()) if value is not None],
        request_id=meta.request_id,
    )


def entry_hash(seq: int, body: str, previous_hash: bytes) -> bytes:
    """The hash of an entry (SHA-256): over its number, the previous hash and its body."""
    return hashlib.sha256(b"%d\n%s\n%s" % (seq, previous_hash, body.encode())).digest()


def chain_entries(bodies: Iterable[tuple[str, str]], last_seq: int, last_hash: bytes) -> Iterator[Entry]:
    """Chain new entries of (event id, body) to the last one."""
    for event_id, body in bodies:
        last_seq, previous_hash = last_seq + 1, last_hash
        last_hash = entry_hash(last_seq, body, previous_hash)
        yield Entry(last_seq, event_id, body, previous_hash, last_hash)


def sign(seq: int, hash_: bytes, at: str, key: bytes) -> bytes:
    """Sign a checkpoint (HMAC-SHA256)."""
    return hmac.digest(key, b"audit checkpoint\n%d\n%s\n%s" % (seq, hash_, at.encode()), "sha256")


class Verifier:
    """Verifies the chain incrementally: pass all entries in order to `first_broken`, then call `finish`."""

    def __init__(self, checkpoints: Iterable[Checkpoint], key: bytes) -> None:
        self._checkpoints = {checkpoint.seq: checkpoint for checkpoint in checkpoints}
        self._key = key
        self._seq, self._hash = 0, GENESIS
        self._deleted = 0

    def begin_after_deleted(self, seq: int, previous_hash: bytes) -> None:
        """Begin at the entry `seq`: retention has deleted those before it. Only a checkpoint vouches for it, so the
        first entry must have one.
        """
        if seq in self._checkpoints:
            self._seq = self._deleted = seq - 1
            self._hash = previous_hash

    def first_broken(self, entries: Iterable[tuple[int, str, bytes, bytes]]) -> tuple[int, str] | None:
        """The number of the first broken entry of (seq, body, previous_hash, hash), and the reason; None if valid."""
        for seq, body, previous_hash, hash_ in entries:
            if seq != self._seq + 1:
                return self._seq + 1, "the entry is missing"
            if previous_hash != self._hash:
                return seq, "it does not follow the entry before it"
            if entry_hash(seq, body, previous_hash) != hash_:
                return seq, "its content was changed"
            checkpoint = self._checkpoints.pop(seq, None)
            if checkpoint is not None and (reason := self._differs(checkpoint, hash_)):
                return seq, reason
            self._seq, self._hash = seq, hash_
        return None

    def finish(self) -> Verdict:
        """The verdict after the last entry; checkpoints beyond it mean missing entries."""
        if self._checkpoints:
            reason = "entries at the end are missing: there is a later checkpoint"
            return Verdict(False, self._seq - self._deleted, self._seq + 1, reason)
        return Verdict(True, self._seq - self._deleted)

    def _differs(self, checkpoint: Checkpoint, hash_: bytes) -> str | None:
        expected = sign(checkpoint.seq, checkpoint.hash, checkpoint.at, self._key)
        if not hmac.compare_digest(expected, checkpoint.signature):
            return "the checkpoint's signature is wrong"
        return None if checkpoint.hash == hash_ else "it differs from the checkpoint"


def to_api(seq: int, doc: dict[str, Any], previous_hash: bytes, hash_: bytes) -> dict[str, Any]:
    """The entry as `schemas.api.audit.AuditEntry`."""
    recorded_actor = doc["actor"]
    actor = {"id": recorded_actor["id"], "roles": recorded_actor["roles"], "kind": recorded_actor["kind"]}
    actor |= {name: recorded_actor[name] for name in ("email", "api_key") if recorded_actor.get(name)}
    return {
        "seq": seq,
        "id": doc["id"],
        "at": doc["at"],
        "actor": actor,
        "action": doc["action"],
        "resource": doc["resource"],
        "changes": doc["changes"],
        "request_id": doc["request_id"],
        "ip": recorded_actor["ip"],
        "user_agent": recorded_actor["user_agent"],
        "previous_hash": previous_hash.hex(),
        "hash": hash_.hex(),
    }
