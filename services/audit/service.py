"""Audit: keeps what everybody did, so that nobody can change it unnoticed."""

from dataclasses import asdict
from typing import Annotated, Any, Final

import structlog
from pydantic import Field

from schemas.api.audit import AuditFilter, AuditQuery
from schemas.events.audit import ActionRecorded
from schemas.events.base import Event
from schemas.events.orders import (
    OrderCancellationRequested,
    OrderDelivered,
    OrderProcessing,
    OrderReturned,
    OrderShipped,
)
from services.audit.domain import body_of, order_step
from services.audit.settings import AuditSettings
from services.audit.store import AuditStore
from services.chassis.common import clock
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.events import on_event
from services.chassis.messaging.rpc import rpc
from services.chassis.observability import audit_records
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.timers import every
from services.chassis.stores.postgres import Postgres

TOLD_OF_ORDERS: Final = {"number", "reason", "note", "carrier", "tracking_number"}

log = structlog.get_logger()


class AuditService(Service):
    name = "audit"

    store = Postgres(AuditStore)
    settings = Configured(AuditSettings)

    @on_batch(ActionRecorded, size=500, seconds=0.05)
    def keep(self, events: list[ActionRecorded]) -> None:
        """Add what happened to the trail. What comes twice is there once."""
        self.store.append([(meta.id, body_of(meta, event)) for event in events for meta in (event.meta,)])

    @on_event(OrderCancellationRequested, OrderProcessing, OrderShipped, OrderDelivered, OrderReturned)
    def keep_order_step(self, event: Event) -> None:
        """Add what a vendor or an administrator did to an order."""
        told = event.model_dump(mode="json", include=TOLD_OF_ORDERS)
        record = order_step(event.meta, event.subject, told)
        if record is not None:
            self.store.append([(event.meta.id, body_of(event.meta, record))])

    @rpc
    def entries(self, query: AuditQuery) -> dict[str, Any]:
        """A page of entries, the newest first."""
        return self.store.list(query)

    @rpc
    def export(
        self,
        query: AuditFilter,
        after: Annotated[int, Field(ge=0)] = 0,
        limit: Annotated[int, Field(ge=1, le=2000)] = 500,
    ) -> list[dict[str, Any]]:
        """The next `limit` entries behind number `after`, the oldest first: for taking all of them along.

        That somebody begins to take them along is an entry itself.
        """
        if after == 0:
            asked = query.model_dump(mode="json", by_alias=True, exclude_none=True)
            record = audit_records.record("audit.export", ("audit", "entries"), None, asked)
            told = ActionRecorded.from_envelope(envelope(record))
            self.store.append([(told.meta.id, body_of(told.meta, told))])
        return list(self.store.after(query, after, limit))

    @rpc
    def verify(self) -> dict[str, Any]:
        """Recompute the whole chain: `{valid, entries, first_broken?, reason?}`. A million takes some seconds."""
        verdict = self.store.verify(self.settings.checkpoint_key)
        if not verdict.valid:
            log.error("audit_trail_broken", first_broken=verdict.first_broken, reason=verdict.reason)
        return {key: value for key, value in asdict(verdict).items() if value is not None}

    @every(seconds=60)
    def make_checkpoint(self) -> None:
        """Sign what the chain has come to. The log has it too, which is outside of the database."""
        at = clock.rfc3339(clock.now())
        if (seq := self.store.checkpoint(self.settings.checkpoint_key, at)) is not None:
            log.info("audit_checkpoint", seq=seq, at=at)
