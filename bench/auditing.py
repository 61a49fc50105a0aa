"""Throughput of the audit trail, alone and through the broker, and of recomputing its chain."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
from sqlalchemy import create_engine, text

from schemas.events.audit import ActionRecorded, Actor, Change, Resource
from services.audit.domain import body_of
from services.audit.person_keys import PersonKeys
from services.audit.store import AuditStore
from services.chassis.common.encryption import Encryption
from services.chassis.common.key_ring import Key, KeyRing
from services.chassis.messaging.envelopes import envelope
from services.chassis.outbox.publisher import ConfirmingPublisher
from services.chassis.stores.postgres import service_url
from services.chassis.testing import connect_postgres

BATCH: Final = 500
"""Events that the service puts into the chain at once."""
CHAIN: Final = 200_000
PUBLISHED: Final = 20_000
GATHERED: Final = 50_000
GIVE_UP_SECONDS: Final = 120


def measure(ultramarket: Callable[..., str], tell: Callable[[str], None] = lambda _timestamp: None) -> dict[str, Any]:
    """Entries per second into an empty chain of our own, its verification, and through the instance's own service:
    while they are published, and those that had gathered while the service was stopped.
    """
    with connect_postgres("audit", AuditStore) as store:
        tell(f"{CHAIN:,} entries into a chain")
        appended = _append(store)
        tell("following the chain")
        begun = time.monotonic()
        verdict = store.verify(b"bench")
        verified = time.monotonic() - begun
        if not verdict.valid or verdict.entries != CHAIN:
            raise RuntimeError(f"the chain is not what was put in: {verdict}")
    tell(f"{PUBLISHED:,} entries through the broker")
    published = _publish()
    tell(f"{GATHERED:,} entries that wait for the service")
    ultramarket("stop", "audit")
    try:
        drained = _drain(lambda: ultramarket("start", "audit"))
    finally:
        ultramarket("start", "audit")
    return {
        "entries": CHAIN,
        "appended_per_second": round(CHAIN / appended),
        "verify_seconds_per_million": round(verified * 1_000_000 / CHAIN, 1),
        "through_the_broker": PUBLISHED,
        "through_the_broker_per_second": round(PUBLISHED / published),
        "drained_per_second": round(drained),
    }


def _append(store: AuditStore) -> float:
    """Seconds for what the service does with a batch: read each event, put all into the chain."""
    ring, seconds = KeyRing((Key.new(),)), 0.0
    keys = PersonKeys(Encryption(lambda: ring), b"bench")
    for start in range(0, CHAIN, BATCH):
        raw = [orjson.dumps(_recorded(number)) for number in range(start, start + BATCH)]
        begun = time.monotonic()
        events = [ActionRecorded.from_envelope(orjson.loads(event)) for event in raw]
        store.append([body_of(event.meta, event) for event in events], keys)
        seconds += time.monotonic() - begun
    return seconds


def _publish() -> float:
    """Seconds from the first event that is published to the last one that the running service has in its chain."""
    with _chain() as length:
        value = length() + PUBLISHED
        begun = time.monotonic()
        _say(PUBLISHED)
        _wait_for(lambda: length() >= value)
        return time.monotonic() - begun


def _drain(start: Callable[[], object]) -> float:
    """Entries per second of a service that starts before a full queue, counted from its first batch on."""
    with _chain() as length:
        before = length()
        _say(GATHERED)
        start()
        _wait_for(lambda: length() > before)
        first, begun = length(), time.monotonic()
        _wait_for(lambda: length() >= before + GATHERED)
        return (before + GATHERED - first) / (time.monotonic() - begun)


def _say(number: int) -> None:
    publisher = ConfirmingPublisher(os.environ["ULTRAMARKET_AMQP_URL"], "bench")
    try:
        if len(publisher.publish([_recorded(each) for each in range(number)])) < number:
            raise RuntimeError("the broker did not take all entries: is the audit service's queue there?")
    finally:
        publisher.close()


def _wait_for(check: Callable[[], bool]) -> None:
    until = time.monotonic() + GIVE_UP_SECONDS
    while not check():
        if time.monotonic() > until:
            raise RuntimeError("the entries do not arrive in the chain")
        time.sleep(0.02)


@contextmanager
def _chain() -> Iterator[Callable[[], int]]:
    """A function that returns the length of the instance's chain."""
    engine = create_engine(service_url(os.environ["ULTRAMARKET_POSTGRES_URL"], "audit"), isolation_level="AUTOCOMMIT")
    last = text("select coalesce(max(seq), 0) from entries")
    try:
        with engine.connect() as connection:
            yield lambda: int(connection.execute(last).scalar_one())
    finally:
        engine.dispose()


def _recorded(number: int) -> dict[str, Any]:
    """An administrator has changed a price and a title."""
    return envelope(
        ActionRecorded(
            action="product.update",
            actor=Actor(
                id="01a0bench", email="ada@example.com", roles=["ADMIN"], ip="203.0.113.7", user_agent="Mozilla/5.0"
            ),
            resource=Resource(type="product", id=f"bench-{number}"),
            changes=[
                Change(field="price", before={"amount": "10.00"}, after={"amount": "12.50"}),
                Change(field="title", before="Mug", after="Large mug"),
            ],
            request_id=f"bench-{number}",
        )
    )
