"""The rules of the trail: what an entry says, how entries are chained, when a chain is broken."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from schemas.events.audit import ActionRecorded, Actor, Change, Resource
from schemas.events.base import EventMeta

GENESIS: Final = bytes(32)
"""What the first entry follows."""
_KEPT: Final = ("action", "actor", "resource", "changes", "request_id")


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the chain. `body` is canonical JSON: keys sorted, no spaces (in the manner of RFC 8785)."""

    seq: int
    id: str
    body: str
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the chain had come to at a moment, signed with a key that isn't in the database."""

    seq: int
    hash: bytes
    at: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the chain holds; if not, its first wrong entry and why."""

    valid: bool
    entries: int
    first_broken: int | None = None
    reason: str | None = None


def body_of(meta: EventMeta, record: ActionRecorded) -> str:
    """What an entry keeps of a record that came in an event."""
    told = record.model_dump()
    said = {name: told[name] for name in _KEPT}
    said |= {"id": meta.id, "at": f"{meta.time.isoformat(timespec='microseconds')[:26]}Z"}
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()


def order_step(meta: EventMeta, order_id: str, told: dict[str, Any]) -> ActionRecorded | None:
    """An order's event as a record: its own events are its outbox. None when no staff asked."""
    if meta.actor is None:
        return None
    return ActionRecorded(
        action=f"order.{meta.type.removeprefix('order_')}",
        actor=Actor(id=meta.user_id, **orjson.loads(meta.actor)),
        resource=Resource(type="order", id=order_id),
        changes=[Change(field=name, after=value) for name, value in sorted(told.items()) if value is not None],
        request_id=meta.request_id,
    )


def link(seq: int, body: str, previous_hash: bytes) -> bytes:
    """The hash of an entry: over its place, what it says, and the entry before it (SHA-256)."""
    return hashlib.sha256(b"%d\n%s\n%s" % (seq, previous_hash, body.encode())).digest()


def chained(bodies: Iterable[tuple[str, str]], last_seq: int, last_hash: bytes) -> Iterator[Entry]:
    """New entries of (id, body), behind the last one."""
    for event_id, body in bodies:
        last_seq, previous_hash = last_seq + 1, last_hash
        last_hash = link(last_seq, body, previous_hash)
        yield Entry(last_seq, event_id, body, previous_hash, last_hash)


def sign(seq: int, reached: bytes, at: str, key: bytes) -> bytes:
    """A checkpoint's signature (HMAC-SHA256)."""
    return hmac.digest(key, b"audit checkpoint\n%d\n%s\n%s" % (seq, reached, at.encode()), "sha256")


class Verifier:
    """Follows the chain from its first entry. Feed it every entry in order, then `finish`."""

    def __init__(self, checkpoints: Iterable[Checkpoint], key: bytes) -> None:
        self._checkpoints = {checkpoint.seq: checkpoint for checkpoint in checkpoints}
        self._key = key
        self._seq, self._hash = 0, GENESIS

    def broken_at(self, entries: Iterable[tuple[int, str, bytes, bytes]]) -> tuple[int, str] | None:
        """The first wrong one of (seq, body, previous_hash, hash), and what is wrong with it."""
        for seq, body, previous_hash, reached in entries:
            if seq != self._seq + 1:
                return self._seq + 1, "the entry is missing"
            if previous_hash != self._hash:
                return seq, "it does not follow the entry before it"
            if link(seq, body, previous_hash) != reached:
                return seq, "its content was changed"
            checkpoint = self._checkpoints.pop(seq, None)
            if checkpoint is not None and (why := self._differs(checkpoint, reached)):
                return seq, why
            self._seq, self._hash = seq, reached
        return None

    def finish(self) -> Verdict:
        """After the last entry: no checkpoint may lie beyond it."""
        if self._checkpoints:
            return Verdict(
                False, self._seq, self._seq + 1, "entries at the end are missing: a checkpoint had seen more"
            )
        return Verdict(True, self._seq)

    def _differs(self, checkpoint: Checkpoint, reached: bytes) -> str | None:
        expected = sign(checkpoint.seq, checkpoint.hash, checkpoint.at, self._key)
        if not hmac.compare_digest(expected, checkpoint.signature):
            return "the checkpoint's signature is wrong"
        return None if checkpoint.hash == reached else "it is another one than the checkpoint saw"


def shown(seq: int, doc: dict[str, Any], previous_hash: bytes, reached: bytes) -> dict[str, Any]:
    """An entry as the API says it."""
    who = doc["actor"]
    actor = {"id": who["id"], "roles": who["roles"], "kind": who["kind"]}
    actor |= {name: who[name] for name in ("email", "api_key") if who.get(name)}
    return {
        "seq": seq,
        "id": doc["id"],
        "at": doc["at"],
        "actor": actor,
        "action": doc["action"],
        "resource": doc["resource"],
        "changes": doc["changes"],
        "request_id": doc["request_id"],
        "ip": who["ip"],
        "user_agent": who["user_agent"],
        "previous_hash": previous_hash.hex(),
        "hash": reached.hex(),
    }
