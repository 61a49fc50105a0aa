"""Relay of MongoDB outboxes: a collection, and arrays inside hot documents. Woken by a change stream.

A stream that waits costs the server 60 µs for each write of anybody in the whole replica set, whatever it looks for.
So only a service with hot documents waits in it. The others are notified by their own process when it has committed
(`wake`), and read the stream for the commits of other processes.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from pymongo import MongoClient, UpdateOne
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from services.chassis.common import clock
from services.chassis.messaging.transport import BROKER_ERRORS
from services.chassis.observability.metrics import OUTBOX_LAG, OUTBOX_LEADER
from services.chassis.outbox import bridge_backlog
from services.chassis.outbox.bridge_backlog import BridgeBacklog
from services.chassis.outbox.mongo_backlog import MongoBacklog
from services.chassis.outbox.publisher import ConfirmingPublisher, Pace, goes_to_bridge
from services.chassis.stores.mongo_clock import ServerClock

LEASE = timedelta(seconds=4)
RENEW_SECONDS = 1.0
RETRY_SECONDS = 1.0
BATCH = 500
SWEEP_SECONDS = 5.0
"""Interval of a sweep over everything, whatever the change stream reported."""
SILENCE_MS = 5000
"""How long a connected server may send nothing; longer than the change stream waits."""
POLL_SECONDS = 0.5
"""Polling interval of the change stream in a service without hot documents."""
OUTBOX = "outbox"
INTERRUPTIONS: tuple[type[Exception], ...] = (PyMongoError, *BROKER_ERRORS)

log = structlog.get_logger()


class MongoRelay:
    """Publishes events from the `outbox` collection and from the `outbox` arrays of `hot` collections, then removes
    them.

    One process at a time holds the lease; when it dies another takes over within 4 s. A doubled leader (a process
    that was frozen past its lease) publishes something twice, which readers are made for.
    """

    def __init__(
        self,
        service: str,
        url: str,
        amqp_url: str,
        hot: Sequence[str],
        database: str | None = None,
        bridge_limit: int = bridge_backlog.DEFAULT_LIMIT,
    ) -> None:
        self.service = service
        self._database = database or f"ultramarket_{service}"
        self._url, self._amqp_url, self._hot = url, amqp_url, tuple(hot)
        self._me = f"{socket.gethostname()}:{os.getpid()}:{id(self)}"
        self._bridge_limit = bridge_limit
        self._stopping = False
        self._woken = threading.Event()
        self._changed: set[str] = set()
        self._renew_at = 0.0

    def run(self) -> None:
        """Relay as the leader, or wait to become it, until `stop`."""
        # An event that only the primary has may be rolled back after a failover: what is published, a majority has
        # (a change stream shows nothing else). What the relay removes must be gone from that view when it reads again.
        client: MongoClient[dict[str, Any]] = MongoClient(
            self._url,
            serverSelectionTimeoutMS=3000,
            socketTimeoutMS=SILENCE_MS,
            tz_aware=True,
            w="majority",
            readConcernLevel="majority",
        )
        try:
            while not self._stopping:
                try:
                    self._lead(client[self._database])
                except INTERRUPTIONS as lost:
                    if not self._stopping:
                        log.warning("relay_interrupted", service=self.service, error=str(lost)[:300])
                OUTBOX_LEADER.labels(self.service).set(0)
                if not self._stopping:
                    time.sleep(RETRY_SECONDS)
        finally:
            client.close()

    def stop(self) -> None:
        self._stopping = True
        self._woken.set()

    def wake(self) -> None:
        """Relay at once: this process has committed something."""
        self._changed.add(OUTBOX)
        self._woken.set()

    def _lead(self, db: Database[dict[str, Any]]) -> None:
        server_clock = ServerClock(db)
        while not self._holds_lease(db, server_clock):
            if self._stopping:
                return
            time.sleep(RETRY_SECONDS)
        OUTBOX_LEADER.labels(self.service).set(1)
        publisher = ConfirmingPublisher(self._amqp_url, self.service)
        watching = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(db, watching), name="outbox-watch", daemon=True)
        watching.set()
        watcher.start()
        pace, sweep_at = Pace(), 0.0
        try:
            self._backlog = MongoBacklog(db)
            backlog = BridgeBacklog(self.service, self._backlog, publisher, self._bridge_limit)
            while not self._stopping and watcher.is_alive() and self._holds_lease(db, server_clock):
                self._woken.wait(RENEW_SECONDS)
                pace.keep()
                self._woken.clear()
                changed, self._changed = self._changed, set()
                if time.monotonic() >= sweep_at:  # what was there before we watched, or could not be published
                    changed, sweep_at = {OUTBOX, *self._hot}, time.monotonic() + SWEEP_SECONDS
                if backlog.balance():
                    self._woken.set()
                self._sweep(db, publisher, changed)
        finally:
            watching.clear()
            publisher.close()
            if self._stopping:
                with contextlib.suppress(PyMongoError):  # the lease ends by itself
                    db["leases"].delete_one({"_id": "outbox", "holder": self._me})

    def _holds_lease(self, db: Database[dict[str, Any]], server_clock: ServerClock) -> bool:
        if time.monotonic() < self._renew_at:
            return True
        now = server_clock.now()
        own_or_expired = {"_id": "outbox", "$or": [{"holder": self._me}, {"until": {"$lt": now}}]}
        try:
            held = db["leases"].update_one(
                own_or_expired, {"$set": {"holder": self._me, "until": now + LEASE}}, upsert=True
            )
        except DuplicateKeyError:  # held by another process, and not expired
            return False
        if held.matched_count or held.upserted_id:
            self._renew_at = time.monotonic() + RENEW_SECONDS
            return True
        return False

    def _watch(self, db: Database[dict[str, Any]], watching: threading.Event) -> None:
        """Wake the relay at each change of an outbox. Ends on an error, and the leadership with it."""
        pipeline: list[dict[str, Any]] = [
            {
                "$match": {
                    "ns.coll": {"$in": [OUTBOX, *self._hot]},
                    "operationType": {"$in": ["insert", "update", "replace"]},
                    "updateDescription.updatedFields.outbox": {"$ne": []},  # our own taking out of the last event
                    "$or": [  # a document that is new and has nothing to say yet
                        {"operationType": {"$ne": "insert"}},
                        {"ns.coll": OUTBOX},
                        {"fullDocument.outbox.0": {"$exists": True}},
                    ],
                }
            },
            {"$project": {"ns": 1}},
        ]
        try:
            await_ms = 1000 if self._hot else 1
            with db.watch(pipeline, max_await_time_ms=await_ms, batch_size=200) as stream:
                while watching.is_set() and stream.alive:
                    change = stream.try_next()
                    if change is not None:
                        self._changed.add(change["ns"]["coll"])
                        self._woken.set()
                    elif not self._hot:
                        time.sleep(POLL_SECONDS)
        except PyMongoError as lost:
            if watching.is_set():
                log.warning("outbox_watch_lost", service=self.service, error=str(lost)[:300])
        self._woken.set()

    def _sweep(self, db: Database[dict[str, Any]], publisher: ConfirmingPublisher, places: set[str]) -> None:
        """Publish what the outboxes hold; a full batch is followed by the next at once."""
        for place in places:
            publish = self._sweep_collection if place == OUTBOX else self._sweep_hot
            if publish(db, place, publisher) >= BATCH:
                self._changed.add(place)
                self._woken.set()

    def _sweep_collection(self, db: Database[dict[str, Any]], name: str, publisher: ConfirmingPublisher) -> int:
        rows = list(db[name].find().sort("_id").limit(BATCH))
        self._measure(rows[0]["event"] if rows else None)
        if rows:
            confirmed = self._publish(publisher, [row["event"] for row in rows])
            db[name].delete_many({"_id": {"$in": list(confirmed)}})
            self._pause_if_refused(len(rows) - len(confirmed))
        return len(rows)

    def _sweep_hot(self, db: Database[dict[str, Any]], name: str, publisher: ConfirmingPublisher) -> int:
        holders = list(db[name].find({"outbox.id": {"$exists": True}}, {"outbox": 1}).hint("outbox").limit(BATCH))
        envelopes = [wrapped for holder in holders for wrapped in holder["outbox"]]
        self._measure(min(envelopes, key=lambda wrapped: str(wrapped["time"]), default=None))
        if envelopes:
            confirmed = self._publish(publisher, envelopes)
            db[name].bulk_write([_removing(holder, confirmed) for holder in holders], ordered=False)
            self._pause_if_refused(len(envelopes) - len(confirmed))
        return len(holders)

    def _publish(self, publisher: ConfirmingPublisher, envelopes: list[dict[str, Any]]) -> set[str]:
        """Publish, and keep for the bridge what it does not get now; the ids of what may leave the outbox."""
        confirmed = publisher.publish(envelopes)
        if not publisher.includes_bridge:
            self._backlog.add(
                [wrapped for wrapped in envelopes if wrapped["id"] in confirmed and goes_to_bridge(wrapped)]
            )
        return confirmed

    def _measure(self, oldest: dict[str, Any] | None) -> None:
        """Set the lag: the age of the oldest event of a round."""
        waited = (clock.now() - datetime.fromisoformat(oldest["time"])).total_seconds() if oldest else 0.0
        OUTBOX_LAG.labels(self.service).set(waited)

    def _pause_if_refused(self, waiting: int) -> None:
        if waiting:
            log.warning("events_refused", service=self.service, waiting=waiting)
            time.sleep(RETRY_SECONDS)


def _removing(holder: dict[str, Any], confirmed: set[str]) -> UpdateOne:
    """Update that removes a hot document's published events; newer ones stay."""
    ids = [wrapped["id"] for wrapped in holder["outbox"] if wrapped["id"] in confirmed]
    return UpdateOne({"_id": holder["_id"]}, {"$pull": {"outbox": {"id": {"$in": ids}}}})
